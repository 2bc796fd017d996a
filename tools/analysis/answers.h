// Everything that the analyses say of a study, as values, as text for people
// and as JSON for scripts.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_ANSWERS_H_
#define TRIPTYCH_TOOLS_ANALYSIS_ANSWERS_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/analysis/choice.h"
#include "tools/analysis/effects.h"
#include "tools/analysis/pareto.h"
#include "tools/analysis/sobol.h"
#include "tools/analysis/stability.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

struct AnswerOptions {
  ErrorModel errors;
  // "The cheapest point that meets ...": none, or several.
  std::vector<Wish> wishes;
  // Columns to explain; "" or none: every objective.
  std::vector<std::string> outputs;
  // Axes of the what-binds map; "": the two that explain most of the first
  // output. Without a column "bound" there is no map.
  std::string binds_x, binds_y;
};

// What moves one output.
struct Explained {
  std::string output;
  std::vector<MainEffect> effects;
  std::vector<TornadoBar> tornado;  // over the means
  // From the knee, or else the first point of the front; empty without one.
  std::vector<TornadoBar> tornado_at;
  std::optional<StudySobol> sobol;
  std::string no_sobol;  // why there are no exact indices
};

struct Wished {
  Wish wish;
  Choice choice;
};

struct Answers {
  std::vector<size_t> front;
  std::optional<Knee> knee;
  // Nothing for fronts of four objectives and more that are too long for it.
  std::optional<double> hypervolume_share;
  std::vector<PointStability> stability;  // as the front
  std::vector<Explained> explained;
  std::optional<BindsMap> binds;
  std::vector<Wished> wished;
};

// Errors: names that the study does not have.
Result<Answers> FindAnswers(const sweep::Results& results,
                            const AnswerOptions& options);

// Tables; of a list that is longer, the first `shown`.
std::string AnswersText(const sweep::Results& results, const Answers& answers,
                        size_t shown = 10);

// {"front": [{"row", "knee", <axes and objectives>, "holds": {...}}], "knee",
// "hypervolume_share", "explained": [...], "binds": {...}, "wishes": [...]}.
// Points are rows of the results. What is not a number is null.
nlohmann::json AnswersJson(const sweep::Results& results,
                           const Answers& answers);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_ANSWERS_H_
