// Rows of the ADC survey.
//
// Of a cell: the least energy and the best figure of merit that our model
// gives any converter in it, at 7 nm, where the formula is lowest. Never
// below the survey's is what the clamp is for; "@formula" shows what the
// formula says without it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emulators/optical/validation/adc_energy.h"
#include "emulators/optical/validation/predict.h"
#include "emulators/optical/validation/row.h"

namespace triptych::optical {
namespace {

constexpr double kSmallestNodeNm = 7;
constexpr int kSteps = 32;

struct Best {
  double clamped_pj = 0, formula_pj = 0, fom_db = 0;
};

// Over a grid of the cell, its upper edges left out.
Best BestOf(double f0, double f1, double b0, double b1, double node_nm) {
  Best best{1e300, 1e300, -1e300};
  for (int i = 0; i < kSteps; ++i) {
    for (int j = 0; j < kSteps; ++j) {
      const double f = f0 + (f1 - f0) * i / kSteps;
      const double b = b0 + (b1 - b0) * j / kSteps;
      const AdcEnergy energy = AdcEnergyOf(f * 1e9, b, node_nm);
      best.clamped_pj = std::min(best.clamped_pj, energy.joules() * 1e12);
      best.formula_pj = std::min(best.formula_pj, energy.formula_j * 1e12);
      best.fom_db = std::max(best.fom_db, SchreierDb(b, energy.joules()));
    }
  }
  return best;
}

}  // namespace

Result<Prediction> PredictAdcSurvey(const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const double f0, NumberOf(spec, "f_low_gs_per_s"));
  TRIPTYCH_ASSIGN(const double b0, NumberOf(spec, "enob_low"));
  double f1 = f0, b1 = b0, node = kSmallestNodeNm;
  if (spec.contains("f_high_gs_per_s")) {
    TRIPTYCH_ASSIGN(f1, NumberOf(spec, "f_high_gs_per_s"));
  }
  if (spec.contains("enob_high")) {
    TRIPTYCH_ASSIGN(b1, NumberOf(spec, "enob_high"));
  }
  if (spec.contains("node_nm")) {
    TRIPTYCH_ASSIGN(node, NumberOf(spec, "node_nm"));
  }
  if (!(f0 > 0 && b0 > 0 && node > 0)) {
    return MakeError(ErrorCode::kInvalid,
                     "optical: f_low_gs_per_s, enob_low and node_nm: allowed "
                     "numbers above 0");
  }
  const Best best = BestOf(f0, std::max(f0, f1), b0, std::max(b0, b1), node);
  return Prediction{{"min_pj", best.clamped_pj},
                    {"min_pj@formula", best.formula_pj},
                    {"best_fom_s_db", best.fom_db}};
}

}  // namespace triptych::optical
