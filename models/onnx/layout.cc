// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/layout.h"

#include <algorithm>
#include <deque>

namespace triptych::onnx {
namespace {

using Kind = Factor::Kind;

// Appends `factor`, as part of the last one if they are one run.
void Append(const Factor& factor, Axis* axis) {
  if (!axis->empty()) {
    Factor& last = axis->back();
    if (last.kind == factor.kind && last.size > 0 && factor.size > 0 &&
        last.stride == factor.size * factor.stride && factor.stride > 0) {
      last.size *= factor.size;
      last.stride = factor.stride;
      return;
    }
  }
  axis->push_back(factor);
}

// Takes factors off `queue` for one axis of size `want`; false if they do
// not make it up.
bool Take(SymbolicDim want, std::deque<Factor>* queue, Axis* axis) {
  while (want != SymbolicDim{}) {
    if (queue->empty()) return false;
    Factor& next = queue->front();
    if (next.kind == Kind::kBatch || next.size == 0) {
      int& power = next.kind == Kind::kBatch ? want.batch : want.tokens;
      if (power == 0) return false;
      --power;
    } else if (want.coefficient % next.size == 0) {
      want.coefficient /= next.size;
    } else if (next.size % want.coefficient == 0) {
      const int64_t inner = next.size / want.coefficient;
      Append({next.kind, want.coefficient, next.stride * inner}, axis);
      next.size = inner;
      want.coefficient = 1;
      continue;
    } else {
      return false;
    }
    Append(next, axis);
    queue->pop_front();
  }
  return true;
}

}  // namespace

Axis FlattenView(const View& view) {
  Axis all;
  for (const Axis& axis : view) {
    for (const Factor& factor : axis) Append(factor, &all);
  }
  return all;
}

std::optional<View> ReshapeView(const View& view,
                                std::span<const SymbolicDim> sizes) {
  std::deque<Factor> queue;
  for (const Axis& axis : view) {
    queue.insert(queue.end(), axis.begin(), axis.end());
  }
  View reshaped(sizes.size());
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d].coefficient < 1) return {};
    if (!Take(sizes[d], &queue, &reshaped[d])) return {};
  }
  if (!queue.empty()) return {};
  return reshaped;
}

bool IsWhole(const View& view, int64_t columns) {
  const Axis all = FlattenView(view);
  size_t next = 0;
  if (next < all.size() && all[next].kind == Kind::kBatch) ++next;
  if (next < all.size() && all[next].kind == Kind::kTokens) {
    if (all[next].stride != 1) return false;
    ++next;
  }
  if (columns == 1) return next == all.size();
  return next + 1 == all.size() &&
         all[next] == Factor{Kind::kColumns, columns, 1};
}

bool EndsInRun(const View& view, int64_t size) {
  if (view.empty()) return false;
  const Axis last = FlattenView({view.back()});
  if (size == 1) return last.empty();
  return last.size() == 1 && last[0] == Factor{Kind::kColumns, size, 1};
}

}  // namespace triptych::onnx
