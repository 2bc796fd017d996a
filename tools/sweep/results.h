// The results of a study in memory: what the engine reads back from its
// database, and all that analyses and pictures know of a study.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_RESULTS_H_
#define TRIPTYCH_TOOLS_SWEEP_RESULTS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace triptych::sweep {

enum class Role : uint8_t {
  kAxis,     // what the study varies
  kMeasure,  // what the target answers: "seconds", "bound"
  kDerived,  // what the study computes from those: "tokens_per_s_per_w"
};

// One value a point, in the order of the points. A column holds numbers or
// texts; the other vector is empty.
struct Column {
  std::string name;  // "optical:adc.bits", "batch", "seconds"
  Role role = Role::kMeasure;
  std::string unit;             // "s", "J"; "" for none
  std::vector<double> numbers;  // NaN where the point has none
  std::vector<std::string> texts;
  bool is_text() const { return !texts.empty(); }
};

struct Objective {
  std::string column;
  bool maximise = false;
};

// Points whose status is ok, and how many others there are.
struct Results {
  std::string study;            // its name
  std::string about;            // in a sentence; may be ""
  std::string design = "grid";  // how its points were chosen (designs.h)
  std::vector<Column> columns;
  std::vector<Objective> objectives;
  size_t points = 0;  // rows of every column
  // The number of each point in its design: what `sweep show` takes.
  std::vector<uint32_t> numbers;
  size_t invalid = 0, failed = 0;

  const Column* Find(std::string_view name) const {
    const auto found = std::ranges::find(columns, name, &Column::name);
    return found == columns.end() ? nullptr : &*found;
  }
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_RESULTS_H_
