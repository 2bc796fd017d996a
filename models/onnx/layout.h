// How a tensor of many dimensions lies in one of our matrices.
//
// Our activations are [batch * tokens, features]. What ONNX calls [batch,
// heads, tokens, head_dim] is such a matrix, seen with its features split and
// its axes turned. A view says for each axis which factors of the matrix's
// rows and columns it runs through; reshapes, transposes and expansions
// change the view and cost nothing.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_LAYOUT_H_
#define TRIPTYCH_MODELS_ONNX_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/onnx/facts.h"

namespace triptych::onnx {

struct Factor {
  enum class Kind : uint8_t { kBatch, kTokens, kColumns };
  Kind kind;
  // Of rows or columns; 0 for the batch and for tokens that are open.
  int64_t size = 0;
  // Rows or columns between neighbours; 0: the same one again and again.
  int64_t stride = 1;
  friend bool operator==(const Factor&, const Factor&) = default;
};

// From the outermost in; none for an axis of size 1.
using Axis = std::vector<Factor>;
using View = std::vector<Axis>;

inline Axis ColumnAxis(int64_t size, int64_t stride = 1) {
  if (size == 1) return {};
  return {{Factor::Kind::kColumns, size, stride}};
}

// All factors in order, neighbours that are one run joined.
Axis FlattenView(const View& view);
// The view with other sizes; nothing if they cut across factors.
std::optional<View> ReshapeView(const View& view,
                                std::span<const SymbolicDim> sizes);
// Rows in order, then columns 0 to `columns` in order: the matrix itself,
// whichever way the rows are split.
bool IsWhole(const View& view, int64_t columns);
// The last axis is a run of `size` neighbouring columns.
bool EndsInRun(const View& view, int64_t size);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_LAYOUT_H_
