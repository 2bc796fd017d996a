// SPDX-License-Identifier: Apache-2.0
#include "models/graph_weights.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "models/weights.h"

namespace triptych {
namespace {

// FNV-1a, 64 bits (Fowler, Noll, Vo).
uint64_t HashOf(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

// The rows of one random weight. An element is a word of its own: the sum of
// its four bytes, which is near enough to normal, lies within 3.5 standard
// deviations, and costs a fifth of a logarithm and a sine.
class RandomRows {
 public:
  RandomRows(const Value& value, uint64_t seed, DType dtype)
      : rng_(seed, HashOf(value.name)),
        cols_(static_cast<uint64_t>(value.shape.cols)),
        bf16_(dtype == DType::kBf16) {
    // A single row is a norm's weight, near one as norms are, or a bias.
    const bool vector = value.shape.rows.coefficient == 1;
    const double spread =
        vector ? 0.1 : 1.0 / std::sqrt(static_cast<double>(cols_));
    centre_ = vector && !value.name.ends_with("bias") ? 1 : 0;
    // A byte is uniform in 0..255: variance (256^2 - 1) / 12.
    scale_ = spread / std::sqrt(4 * 65535 / 12.0);
  }

  void operator()(size_t first, MatView<float> out) const {
    for (size_t r = 0; r < out.rows(); ++r) {
      uint64_t at = (first + r) * cols_;
      std::array<uint32_t, 4> words = rng_.At(at / 4);
      for (float& w : out.row_span(r)) {
        w = Element(words[at % 4]);
        if (++at % 4 == 0) words = rng_.At(at / 4);
      }
    }
  }

 private:
  float Element(uint32_t word) const {
    const uint32_t pairs = (word & 0x00ff00ff) + (word >> 8 & 0x00ff00ff);
    const auto sum = static_cast<double>((pairs & 0xffff) + (pairs >> 16));
    const auto value = static_cast<float>(centre_ + scale_ * (sum - 510));
    return bf16_ ? RoundToBf16(value) : value;
  }

  Rng rng_;
  uint64_t cols_;
  bool bf16_;
  double centre_, scale_;
};

uint64_t NextId() {
  static std::atomic<uint64_t> next{1};
  return next++;
}

}  // namespace

struct Weights::Impl {
  const uint64_t id = NextId();
  std::shared_ptr<const void> storage;
  std::vector<WeightTensor> tensors;
  std::vector<WeightRows> rows;            // by ValueId
  std::vector<AlignedVector<float>> kept;  // weights of one row

  // What lies in memory or has many rows stays where it is.
  void Add(ValueId value, WeightRows weight, bool in_memory) {
    if (weight.rows() == 1 && !in_memory) {
      AlignedVector<float>& copy = kept.emplace_back(weight.cols());
      const MatView<float> view(copy.data(), 1, copy.size());
      weight.CopyTo(0, view);
      weight = WeightRows(view);
    }
    rows[value] = std::move(weight);
  }
};

Weights::Weights(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Weights::Weights(Weights&&) noexcept = default;
Weights& Weights::operator=(Weights&&) noexcept = default;
Weights::~Weights() = default;

Result<Weights> Weights::Bind(const Graph& graph, const ModelFile& file) {
  auto impl = std::make_unique<Impl>();
  impl->storage = file.storage;
  impl->tensors = file.tensors;
  impl->rows.resize(graph.values().size());
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    const WeightTensor* found = file.Find(value.name);
    const std::string where = fmt::format("{}: {}", graph.name(), value.name);
    if (found == nullptr) {
      return MakeError(ErrorCode::kNotFound,
                       where + ": the file has no such tensor");
    }
    const int64_t rows = value.shape.rows.coefficient;
    if (found->rows() != rows || found->cols() != value.shape.cols) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}: the file has [{}, {}], the architecture says "
                      "[{}, {}]",
                      where, found->rows(), found->cols(), rows,
                      value.shape.cols));
    }
    const WeightTensor& tensor =
        impl->tensors[static_cast<size_t>(found - file.tensors.data())];
    const auto n = static_cast<size_t>(rows);
    const auto k = static_cast<size_t>(value.shape.cols);
    if (tensor.dtype == DType::kF32 && tensor.data != nullptr) {
      const auto* data = reinterpret_cast<const float*>(tensor.data);
      impl->Add(value.id, ConstMatView<float>(data, n, k), true);
    } else {
      const auto read = [&tensor](size_t first, MatView<float> out) {
        for (size_t r = 0; r < out.rows(); ++r) {
          ReadRow(tensor, static_cast<int64_t>(first + r), out.row(r));
        }
      };
      impl->Add(value.id, WeightRows(n, k, read), false);
    }
  }
  return Weights(std::move(impl));
}

Weights Weights::Random(const Graph& graph, uint64_t seed, DType dtype) {
  TRIPTYCH_CHECK(dtype == DType::kF32 || dtype == DType::kBf16,
                 InfoOf(dtype).name);
  auto impl = std::make_unique<Impl>();
  impl->rows.resize(graph.values().size());
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    impl->Add(value.id,
              WeightRows(static_cast<size_t>(value.shape.rows.coefficient),
                         static_cast<size_t>(value.shape.cols),
                         RandomRows(value, seed, dtype)),
              false);
  }
  return Weights(std::move(impl));
}

uint64_t Weights::id() const { return impl_->id; }

const WeightRows& Weights::Rows(ValueId value) const {
  return impl_->rows[value];
}

std::vector<WeightRows> Weights::InputsOf(const Graph& graph,
                                          const Node& node) const {
  std::vector<WeightRows> inputs;
  for (const ValueId input : node.inputs) {
    inputs.push_back(graph.value(input).kind == ValueKind::kWeight
                         ? Rows(input)
                         : WeightRows());
  }
  return inputs;
}

}  // namespace triptych
