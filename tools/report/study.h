// Results of a study and what the analyses say of them, as sections draw it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_STUDY_H_
#define TRIPTYCH_TOOLS_REPORT_STUDY_H_

#include <string>

#include "tools/analysis/stability.h"
#include "tools/report/material.h"
#include "tools/sweep/results.h"

namespace triptych::report {

// Whether the file is a database of results; only its first bytes are read.
bool IsDatabase(const std::string& path);

// With its front, sensitivities and maps of what binds (tools/analysis).
Study Analyse(sweep::Results results, const analysis::ErrorModel& errors = {});

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_STUDY_H_
