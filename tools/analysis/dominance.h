// Which rows of a table of costs dominate which: the exact algorithms under
// Pareto fronts.
//
// A row dominates another if it is as low in every column and lower in one.
// Divide and conquer over one column after the other: H. T. Kung, F. Luccio,
// F. P. Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4),
// 1975, for one front; M. T. Jensen, IEEE Trans. Evol. Comp. 7(5), 2003, for
// all of them, with the care for equal values of F.-A. Fortin, S. Grenier and
// M. Parizeau, GECCO 2013. O(n log n) for two columns, O(n log^(c-1) n) for c.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_DOMINANCE_H_
#define TRIPTYCH_TOOLS_ANALYSIS_DOMINANCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace triptych::analysis {

// rows() x width, row-major, all to be minimised. Not NaN; infinities are
// fine.
struct Costs {
  size_t width = 1;
  std::vector<double> values;

  size_t rows() const { return values.size() / width; }
  std::span<const double> Row(size_t i) const {
    return std::span(values).subspan(i * width, width);
  }
};

// By the definition, for callers with two rows.
bool Dominates(std::span<const double> a, std::span<const double> b);

// The rows that no row dominates, ascending. Equal rows are all kept.
std::vector<size_t> NonDominated(const Costs& costs);

// 0 for those; r for what only rows of ranks below r dominate, one of r - 1
// among them.
std::vector<uint32_t> DominationRanks(const Costs& costs);

// Per row of `costs`: whether a row of `by` is as low in every column, or
// lower. The widths are equal.
std::vector<bool> Covered(const Costs& costs, const Costs& by);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_DOMINANCE_H_
