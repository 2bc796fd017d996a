// Reads what other commands wrote.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_INPUTS_H_
#define TRIPTYCH_TOOLS_REPORT_INPUTS_H_

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "tools/report/material.h"

namespace triptych::report {

// Files written with --json by run, compare, profile, validate and accuracy,
// and results of studies (study.h). What a file is, its "command" says.
// Errors are located: a file that cannot be read, that is no JSON, or that
// lacks what its command writes.
Result<Material> ReadInputs(std::span<const std::string> paths);

// One entry of "results"; the errors have no file in front.
Result<Machine> ReadMachine(const nlohmann::json& result,
                            const std::string& command);
Result<Score> ReadScore(const nlohmann::json& result);
Result<AccuracyScore> ReadAccuracy(const nlohmann::json& result);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_INPUTS_H_
