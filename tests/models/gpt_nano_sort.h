// gpt-nano-sort, which others trained and whose activations they published: a
// GPT-2 that sorts six digits of {0, 1, 2} (../shared/data, where present).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_GPT_NANO_SORT_H_
#define TRIPTYCH_TESTS_MODELS_GPT_NANO_SORT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/weights.h"

namespace triptych {

// Owns the numbers that its tensors point to.
class NanoSort {
 public:
  static constexpr int64_t kContext = 11;  // six digits, five of the answer
  static constexpr int kInputs = 729;      // 3^6

  // Null, having said so, where the file is not here.
  static std::unique_ptr<NanoSort> Open();
  NanoSort(const NanoSort&) = delete;

  const ModelFile& file() const { return file_; }

  // How many of the 729 inputs come out sorted. `next` appends tokens to one
  // sequence and returns the likeliest that comes after, below zero for none;
  // `restart` forgets the sequence.
  static int CountSorted(
      const std::function<int32_t(std::span<const int32_t>)>& next,
      const std::function<void()>& restart);

 private:
  explicit NanoSort(const nlohmann::json& source);
  // Part `part` of `parts` of a tensor's rows.
  void Add(const std::string& name, const nlohmann::json& source,
           const std::string& key, size_t part = 0, size_t parts = 1);
  void AddPair(const std::string& name, const nlohmann::json& source,
               const std::string& key);

  ModelFile file_;
  std::deque<std::vector<float>> values_;
};

// The published activations of one batch of three sequences of kContext.
struct NanoSortPartials {
  std::vector<float> tokens;
  // By the node of our graph that computes it.
  std::map<std::string, std::vector<float>, std::less<>> outputs;

  // Null, having said so, where the file is not here.
  static std::unique_ptr<NanoSortPartials> Open();
};

// The largest |got - want| / max(1, |want|); of equal sizes.
template <class T>
double WorstDifference(std::span<const T> got, std::span<const float> want) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double scale = std::max(1.0, std::abs(double{want[i]}));
    worst = std::max(worst, std::abs(got[i] - double{want[i]}) / scale);
  }
  return worst;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_GPT_NANO_SORT_H_
