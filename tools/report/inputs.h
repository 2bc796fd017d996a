// Reads what other commands wrote.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_INPUTS_H_
#define TRIPTYCH_TOOLS_REPORT_INPUTS_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "tools/analysis/stability.h"
#include "tools/report/material.h"
#include "tools/sweep/results.h"

namespace triptych::report {

// The errors of the targets of a study's results.
using ErrorSource = std::function<analysis::ErrorModel(const sweep::Results&)>;

// Files written with --json by run, compare, profile, validate, accuracy and
// sweep, and databases of studies. What a JSON file is, its "command" says; of
// a sweep it names the database. Errors are located: a file that cannot be
// read, that is no JSON, or that lacks what its command writes. `errors` may
// be empty: no target has then been validated.
Result<Material> ReadInputs(std::span<const std::string> paths,
                            const ErrorSource& errors = {});

// One entry of "results"; the errors have no file in front.
Result<Machine> ReadMachine(const nlohmann::json& result,
                            const std::string& command);
Result<Score> ReadScore(const nlohmann::json& result);
Result<AccuracyScore> ReadAccuracy(const nlohmann::json& result);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_INPUTS_H_
