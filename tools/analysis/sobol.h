// Sobol indices: how much of the variance of an output each input explains by
// itself (first order) and with all that it takes part in (total).
//
// Estimated from the design of A. Saltelli, P. Annoni, I. Azzini, F.
// Campolongo, M. Ratto and S. Tarantola, "Variance based sensitivity analysis
// of model output", Comput. Phys. Commun. 181, 2010: two independent samples A
// and B, and for each input i the sample AB_i that is A with column i of B.
// First order by their estimator (b) of table 2, total by that of M. J. W.
// Jansen, ibid. 117, 1999 (f). On a complete grid no estimate is needed.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_SOBOL_H_
#define TRIPTYCH_TOOLS_ANALYSIS_SOBOL_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

// The points to evaluate, points x inputs, row-major, for each base point j
// those of A, B, AB_1 .. AB_inputs in a row: (inputs + 2) times as many as
// base points. `base`: n x (2 inputs), row-major, in any units: A is its
// first half of columns, B the second. A Sobol sequence of 2 inputs
// dimensions is best, with n a power of two.
std::vector<double> SaltelliDesign(std::span<const double> base, size_t inputs);

struct SobolIndex {
  // Estimates stray a little outside [0, 1]; they are left as they are.
  double first = 0, total = 0;
  // 95 % confidence intervals, from percentiles of a bootstrap over base
  // points (B. Efron, 1979).
  double first_low = 0, first_high = 0;
  double total_low = 0, total_high = 0;
};

struct SobolIndices {
  std::vector<SobolIndex> of_input;
  double mean = 0, variance = 0;  // of the output
  size_t base_points = 0;         // with a finite output in all their rows
  size_t left_out = 0;            // the other base points
};

struct Bootstrap {
  size_t resamples = 500;
  uint64_t seed = 1;
};

// From the output at each point of a SaltelliDesign, in its order. An output
// that does not vary has indices of 0.
SobolIndices EstimateSobol(std::span<const double> output, size_t inputs,
                           const Bootstrap& bootstrap = {});

// The exact indices over the levels of a complete grid, each level as likely
// as any other; intervals have no width. One for each axis that varies, in
// the study's order. Errors: the column; not each combination of the axes'
// levels there once, with a finite output.
struct StudySobol {
  std::vector<std::string> axes;
  SobolIndices indices;  // base_points: of the grid
};
Result<StudySobol> SobolOfGrid(const sweep::Results& results,
                               std::string_view output);

// Estimates with their intervals from the points of a study whose design is
// "saltelli" (sweep::Results::design), by their numbers; exact ones from any
// other that is a complete grid.
Result<StudySobol> SobolOfStudy(const sweep::Results& results,
                                std::string_view output);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_SOBOL_H_
