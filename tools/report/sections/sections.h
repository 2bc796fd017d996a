// The builders of all sections; sections.cc has the table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_SECTIONS_SECTIONS_H_
#define TRIPTYCH_TOOLS_REPORT_SECTIONS_SECTIONS_H_

#include <string>

#include "tools/report/section.h"

namespace triptych::report {

Blocks BuildTargets(const Material& material);
Blocks BuildOperators(const Material& material);
Blocks BuildRoofline(const Material& material);
Blocks BuildUnits(const Material& material);
Blocks BuildEnergy(const Material& material);
Blocks BuildMesh(const Material& material);
Blocks BuildErrorBudget(const Material& material);
Blocks BuildLayers(const Material& material);
Blocks BuildTimeline(const Material& material);
Blocks BuildFront(const Material& material);
Blocks BuildCurves(const Material& material);
Blocks BuildSensitivity(const Material& material);
Blocks BuildValidation(const Material& material);
Blocks BuildAccuracy(const Material& material);

// "mesh:blackhole-p150", with what it did where a machine is there twice.
std::string NameOf(const Material& material, const Machine& machine);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_SECTIONS_SECTIONS_H_
