// The shapes of matrix products that benchmarks compare on, by name: fixed
// lists, so that nobody picks the shapes that suit them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_SHAPES_H_
#define TRIPTYCH_BENCH_SHAPES_H_

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "kernels/variants.h"

namespace triptych::bench {

// Variant::dims of a matrix product.
inline constexpr std::string_view kProductSizes = "m n k";

// A shape and the name of the list it is on ("" for a shape by hand).
struct ListedShape {
  std::string_view list;
  ProblemShape shape;
};

// The shapes {m, n, k} of the lists that `names` names ("square,odd"). An
// error says which lists there are.
Result<std::vector<ListedShape>> ProductShapes(const std::string& names);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_SHAPES_H_
