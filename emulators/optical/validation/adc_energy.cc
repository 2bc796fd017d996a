// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/adc_energy.h"

#include <cmath>

namespace triptych::optical {
namespace {

// B. Murmann, ADC survey, rev 2025-06-09, parts of 2010 to 2019: least energy
// of a conversion and best Schreier figure of merit of each cell.
constexpr SurveyCell kCells[] = {
    {0.4, 1.5, 5.5, 7, 2.55, 153.9}, {0.4, 1.5, 7, 8, 2.42, 158.1},
    {0.4, 1.5, 8, 9.6, 5.2, 164.8},  {1.5, 3.5, 5.5, 7, 2.08, 153.9},
    {1.5, 3.5, 7, 8, 15.9, 153.2},   {1.5, 3.5, 8, 9.6, 4.6, 162.8},
    {3.5, 13, 5.5, 7, 4.0, 148},     {3.5, 13, 7, 8, 4.5, 157.9},
    {3.5, 13, 8, 9.6, 31.7, 160.5},
};
constexpr double kPico = 1e-12;

double SndrDb(double enob) { return 6.02 * enob + 1.76; }

// By the definition of Schreier's figure: FoM = SNDR - 10 lg(2 E).
double JoulesAt(double sndr_db, double fom_db) {
  return std::pow(10, (sndr_db - fom_db) / 10) / 2;
}

double FormulaJoules(double samples_per_s, double enob, double node_nm) {
  const double fom_db = std::min(213.78 - 2.872 * std::log(samples_per_s),
                                 128.3 + 3.2205 * std::ceil(enob));
  return JoulesAt(SndrDb(enob), fom_db) * kPico *
         std::exp(26.0496 + 1.88 * std::log(node_nm) - 2.8291 * std::log(enob) -
                  1.4702);
}

bool Within(double x, double low, double high) { return low <= x && x < high; }

}  // namespace

double SchreierDb(double enob, double joules) {
  return SndrDb(enob) - 10 * std::log10(2 * joules);
}

std::span<const SurveyCell> SurveyCells() { return kCells; }

AdcEnergy AdcEnergyOf(double samples_per_s, double enob, double node_nm) {
  AdcEnergy energy;
  energy.formula_j = FormulaJoules(samples_per_s, enob, node_nm);
  const double gs_per_s = samples_per_s / 1e9;
  for (const SurveyCell& cell : kCells) {
    if (Within(gs_per_s, cell.gs_per_s_low, cell.gs_per_s_high) &&
        Within(enob, cell.enob_low, cell.enob_high)) {
      energy.envelope_j = std::max(cell.least_pj * kPico,
                                   JoulesAt(SndrDb(enob), cell.best_fom_db));
    }
  }
  return energy;
}

}  // namespace triptych::optical
