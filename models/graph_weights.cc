// SPDX-License-Identifier: Apache-2.0
#include "models/graph_weights.h"

#include <fmt/format.h>

#include <cmath>
#include <mutex>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "models/weights.h"

namespace triptych {

struct Weights::Impl {
  struct Slot {
    const WeightTensor* tensor = nullptr;
    ConstMatView<float> view;        // empty until it is known
    AlignedVector<float> converted;  // behind `view`, if the file has no f32
  };
  std::shared_ptr<const void> storage;
  std::vector<WeightTensor> tensors;
  std::vector<Slot> slots;  // by ValueId
  std::mutex mutex;         // guards conversion
};

Weights::Weights(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Weights::Weights(Weights&&) noexcept = default;
Weights& Weights::operator=(Weights&&) noexcept = default;
Weights::~Weights() = default;

Result<Weights> Weights::Bind(const Graph& graph, const ModelFile& file) {
  auto impl = std::make_unique<Impl>();
  impl->storage = file.storage;
  impl->tensors = file.tensors;
  impl->slots.resize(graph.values().size());
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    const WeightTensor* tensor = file.Find(value.name);
    const std::string where = fmt::format("{}: {}", graph.name(), value.name);
    if (tensor == nullptr) {
      return MakeError(ErrorCode::kNotFound,
                       where + ": the file has no such tensor");
    }
    const int64_t rows = value.shape.rows.coefficient;
    if (tensor->rows() != rows || tensor->cols() != value.shape.cols) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}: the file has [{}, {}], the architecture says "
                      "[{}, {}]",
                      where, tensor->rows(), tensor->cols(), rows,
                      value.shape.cols));
    }
    Impl::Slot& slot = impl->slots[value.id];
    slot.tensor =
        &impl->tensors[static_cast<size_t>(tensor - file.tensors.data())];
    if (tensor->dtype == DType::kF32 && tensor->data != nullptr) {
      slot.view = ConstMatView<float>(
          reinterpret_cast<const float*>(tensor->data),
          static_cast<size_t>(rows), static_cast<size_t>(value.shape.cols));
    }
  }
  return Weights(std::move(impl));
}

Weights Weights::Random(const Graph& graph, uint64_t seed) {
  auto impl = std::make_unique<Impl>();
  impl->slots.resize(graph.values().size());
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    const auto rows = static_cast<size_t>(value.shape.rows.coefficient);
    const auto cols = static_cast<size_t>(value.shape.cols);
    Impl::Slot& slot = impl->slots[value.id];
    slot.converted.resize(rows * cols);
    Rng rng(seed, value.id);
    // A single row is a norm's weight, near one as norms are, or a bias.
    const double scale =
        rows == 1 ? 0.1 : 1.0 / std::sqrt(static_cast<double>(cols));
    const bool bias = value.name.ends_with("bias");
    const double centre = rows == 1 && !bias ? 1.0 : 0.0;
    for (float& w : slot.converted) {
      w = static_cast<float>(centre + scale * rng.Normal());
    }
    slot.view = ConstMatView<float>(slot.converted.data(), rows, cols);
  }
  return Weights(std::move(impl));
}

ConstMatView<float> Weights::F32(ValueId weight) const {
  Impl::Slot& slot = impl_->slots[weight];
  const std::lock_guard lock(impl_->mutex);
  if (slot.view.data() == nullptr) {
    TRIPTYCH_CHECK(slot.tensor != nullptr, "value", weight,
                   "is no bound weight");
    const auto rows = static_cast<size_t>(slot.tensor->rows());
    const auto cols = static_cast<size_t>(slot.tensor->cols());
    slot.converted.resize(rows * cols);
    for (size_t r = 0; r < rows; ++r) {
      ReadRow(*slot.tensor, static_cast<int64_t>(r),
              slot.converted.data() + r * cols);
    }
    slot.view = ConstMatView<float>(slot.converted.data(), rows, cols);
  }
  return slot.view;
}

std::vector<ConstMatView<float>> Weights::InputsOf(const Graph& graph,
                                                   const Node& node) const {
  std::vector<ConstMatView<float>> views(node.inputs.size());
  for (size_t i = 0; i < views.size(); ++i) {
    if (graph.value(node.inputs[i]).kind != ValueKind::kWeight) continue;
    views[i] = F32(node.inputs[i]);
  }
  return views;
}

}  // namespace triptych
