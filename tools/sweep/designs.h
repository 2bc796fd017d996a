// Where in the unit cube the points of a design lie. Every point is computed
// from its number alone: the same for any order, thread or machine.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_DESIGNS_H_
#define TRIPTYCH_TOOLS_SWEEP_DESIGNS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/analysis/sobol_sequence.h"

namespace triptych::sweep {

enum class DesignKind : uint8_t { kGrid, kRandom, kLhs, kSobol, kSaltelli };
inline constexpr std::string_view kDesignNames[] = {"grid", "random", "lhs",
                                                    "sobol", "saltelli"};

// Immutable; threads may share it.
class Sampler {
 public:
  virtual ~Sampler() = default;
  // In [0, 1), for point < points and dimension < dimensions.
  virtual double At(uint64_t point, size_t dimension) const = 0;
};

// Sobol' sequences go no further.
inline constexpr size_t kSobolDimensions =
    analysis::SobolSequence::kMaxDimensions;

// Not for kGrid, whose levels are the axes' own.
//   random: independent draws.
//   lhs: in every dimension each of the `points` strata [i/n, (i+1)/n) holds
//     one point, at a random place (McKay, Beckman, Conover, Technometrics
//     21, 1979).
//   sobol: analysis::SobolSequence, beginning with the origin unless a seed
//     that is not 0 shifts it.
//   saltelli: for each point of a Sobol' sequence of twice as many dimensions,
//     the points A, B, AB_1 .. AB_n of analysis::SaltelliDesign, in a row:
//     n + 2 times as many points as base points.
std::unique_ptr<Sampler> MakeSampler(DesignKind kind, uint64_t points,
                                     size_t dimensions, uint64_t seed);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_DESIGNS_H_
