// Results of a study, as a report reads and analyses them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_STUDY_H_
#define TRIPTYCH_TOOLS_REPORT_STUDY_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kernels/base/result.h"
#include "tools/report/material.h"
#include "tools/sweep/results.h"

namespace triptych::report {

// {"command": "sweep", "study", "about", "points", "invalid", "failed",
//  "columns": [{"name", "role": "axis"|"measure"|"derived", "unit",
//               "numbers" or "texts"}],
//  "objectives": [{"column", "maximise"}]}. Errors have no file in front.
Result<sweep::Results> ReadResults(const nlohmann::json& document);

// Whether the file is a database of results; only its first bytes are read.
bool IsDatabase(const std::string& path);
Result<sweep::Results> ReadDatabase(const std::string& path);

// With its front, sensitivities and maps of what binds.
Study Analyse(sweep::Results results);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_STUDY_H_
