// The Sobol sequence: points that fill the unit cube more evenly than random
// ones, in an order that is even after every power of two.
//
// I. M. Sobol, USSR Comp. Math. Math. Phys. 7(4), 1967; direction numbers of
// S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better
// two-dimensional projections", SIAM J. Sci. Comput. 30(5), 2008, file
// new-joe-kuo-6; points in the order of the Gray code (Antonov and Saleev,
// 1979), as their program gives them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_SOBOL_SEQUENCE_H_
#define TRIPTYCH_TOOLS_ANALYSIS_SOBOL_SEQUENCE_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace triptych::analysis {

// Immutable: threads may share it, each asking for the points it wants.
class SobolSequence {
 public:
  // As many as there are primitive polynomials of degree 7 or less, and one.
  static constexpr int kMaxDimensions = 37;
  static constexpr int kBits = 52;  // of a coordinate; a double holds them

  // 1 <= dimensions <= kMaxDimensions. A seed that is not 0 shifts every
  // coordinate by random bits of its own (exclusive or), which keeps the
  // evenness and moves the first point away from the origin.
  explicit SobolSequence(int dimensions, uint64_t seed = 0);

  int dimensions() const { return static_cast<int>(directions_.size()); }

  // One coordinate, in [0, 1), of point `index` < 2^kBits.
  double At(uint64_t index, int dimension) const;
  // The whole point; out[dimensions()].
  void Point(uint64_t index, std::span<double> out) const;

 private:
  // Column b of a dimension's generator matrix, as a fraction of 2^kBits.
  using Directions = std::array<uint64_t, kBits>;
  std::vector<Directions> directions_;
  std::vector<uint64_t> shift_;
};

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_SOBOL_SEQUENCE_H_
