// The table of matrix products: one row a combination of formats and
// operand order. See kernels/variants.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_VARIANTS_H_
#define TRIPTYCH_KERNELS_MATMUL_VARIANTS_H_

#include <span>
#include <vector>

#include "kernels/variants.h"

namespace triptych {

std::span<const Variant> MatmulVariants();
// f32 in and out, W in codes: quantized.h.
std::span<const Variant> QuantizedMatmulVariants();

// Squares, odd sizes, and the linear layers of a 1B-parameter Llama and of a
// small model at the batch sizes that matter (m = 2 and 8 are where libraries
// are weakest).
std::vector<ProblemShape> ProductBenchShapes();

// How far start + terms[0] + terms[1] + ..., added in this order in f32, may be
// from the exact sum, when a rounding is off by at most `unit` relative.
//
// Running error analysis (Higham, Accuracy and Stability of Numerical
// Algorithms, 2nd ed., 3.3): a step rounds the term (unless fused) and the
// sum, so it adds at most unit * (|term| + |sum before| + |term|). The factor
// in front of the sum of those accounts for the computed sums' own errors.
// The textbook k * unit * sum |term| is about sqrt(k) wider, too wide to see
// one lost term in a thousand. Two neighbours may also be added in the other
// order: the bound covers it, since |sum before| grows by at most |term|.
double ChainBound(double start, std::span<const double> terms, double unit);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_MATMUL_VARIANTS_H_
