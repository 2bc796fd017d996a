// The values of one session: inputs, activations while they are needed, and
// caches that stay.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TENSORS_H_
#define TRIPTYCH_MODELS_TENSORS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "models/graph.h"

namespace triptych {

// T is float for targets and double for the reference. Not thread-safe.
template <class T>
class BasicTensorStore {
 public:
  // Caches hold `capacity` tokens of each of `batch` sequences.
  BasicTensorStore(const Graph& graph, int64_t batch, int64_t capacity)
      : graph_(&graph),
        batch_(batch),
        capacity_(capacity),
        slots_(graph.values().size()) {
    for (const Value& value : graph.values()) {
      if (value.kind == ValueKind::kCache) {
        Make(value.id, CacheRows(value), value.shape.cols);
      }
    }
  }

  int64_t batch() const { return batch_; }
  int64_t capacity() const { return capacity_; }

  // A zeroed matrix for `value`; replaces what was there.
  MatView<T> Make(ValueId value, int64_t rows, int64_t cols) {
    Slot& slot = slots_[value];
    slot.data.assign(static_cast<size_t>(rows * cols), T{});
    slot.rows = rows;
    slot.cols = cols;
    return At(value);
  }
  // What `value` holds; empty if nothing. Stable until Make or Drop.
  MatView<T> At(ValueId value) {
    Slot& slot = slots_[value];
    return MatView<T>(slot.data.data(), static_cast<size_t>(slot.rows),
                      static_cast<size_t>(slot.cols));
  }
  void Drop(ValueId value) { slots_[value] = Slot{}; }

 private:
  struct Slot {
    AlignedVector<T> data;
    int64_t rows = 0, cols = 0;
  };
  // A growing cache holds `capacity` rows a sequence; a fixed one its own.
  int64_t CacheRows(const Value& value) const {
    const Dim& rows = value.shape.rows;
    if (!rows.total) return rows.Bind({batch_, 1, 0});
    return rows.coefficient * batch_ * capacity_;
  }
  const Graph* graph_;
  int64_t batch_, capacity_;
  std::vector<Slot> slots_;
};

using TensorStore = BasicTensorStore<float>;

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TENSORS_H_
