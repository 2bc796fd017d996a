// What one conversion of an ADC takes, by rate and resolution.
//
// The formula is that of the Accelergy ADC plug-in (T. Andrulis; coefficients
// as published with it): a fit to a survey of parts, "best possible" by its
// own statement.
//
//   SNDR  = 6.02 b + 1.76                                       dB
//   FoM   = min(213.78 - 2.872 ln f, 128.3 + 3.2205 ceil(b))    dB (Schreier)
//   E0    = 10^((SNDR - FoM) / 10) / 2                          J
//   E     = E0[J] exp(26.0496 + 1.88 ln node - 2.8291 ln b - 1.4702)   pJ
//
// At small nodes it goes below every part that was measured. So it is clamped
// from below by what the survey's parts of the same rate and resolution took
// (B. Murmann, ADC survey: cells of 2010-2019): a part nobody has built saves
// nobody any energy.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ADC_ENERGY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ADC_ENERGY_H_

#include <algorithm>
#include <span>

namespace triptych::optical {

struct AdcEnergy {
  double formula_j = 0;
  double envelope_j = 0;  // 0 where the survey has no cell
  double joules() const { return std::max(formula_j, envelope_j); }
};
// Rate in samples a second, effective bits, process in nm; all above 0.
AdcEnergy AdcEnergyOf(double samples_per_s, double enob, double node_nm);

// Schreier's figure of merit of a converter that takes so much, dB.
double SchreierDb(double enob, double joules);

// Parts of a range of rates and resolutions, [low, high).
struct SurveyCell {
  double gs_per_s_low, gs_per_s_high, enob_low, enob_high;
  double least_pj;
  double best_fom_db;
};
std::span<const SurveyCell> SurveyCells();

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ADC_ENERGY_H_
