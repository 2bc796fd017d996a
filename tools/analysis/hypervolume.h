// The volume of cost space that a set of rows dominates: one number for how
// good a front is, larger for a better one.
//
// Exact. Two columns: a sweep. Three: a sweep along the third over the
// staircase of the others, O(n log n) (N. Beume, C. M. Fonseca, M. Lopez-
// Ibanez, L. Paquete, J. Vahrenhold, IEEE Trans. Evol. Comp. 13(5), 2009).
// More: the exclusive volumes of L. While, L. Bradstreet and L. Barone, "A
// fast way of calculating exact hypervolumes", IEEE Trans. Evol. Comp. 16(1),
// 2012, slice by slice; the worst case is exponential in the columns.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_HYPERVOLUME_H_
#define TRIPTYCH_TOOLS_ANALYSIS_HYPERVOLUME_H_

#include <span>

#include "tools/analysis/dominance.h"

namespace triptych::analysis {

// Between the rows and `reference`, a cost in each column: what is not below
// it in all of them counts nothing.
double Hypervolume(const Costs& costs, std::span<const double> reference);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_HYPERVOLUME_H_
