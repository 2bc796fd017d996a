// sweep answers: what a study's results say.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "emulators/validate.h"
#include "kernels/base/log.h"
#include "tools/analysis/answers.h"
#include "tools/analysis/join.h"
#include "tools/cli/answers.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/sweep/reader.h"

namespace triptych::cli {
namespace {

// The table that says most about whole steps of a model, by target. A target
// that is not here has not been validated against any.
struct ErrorTable {
  std::string_view target, file, measure;
};
constexpr ErrorTable kErrorTables[] = {
    {"mesh", "mesh/validation/llm_serving.csv", "decode_tokens_per_s_per_user"},
    {"npu", "npu/validation/onnxim_ops.csv", "cycles"},
    {"gpu", "gpu/validation/kernels.csv", "us"},
};

Result<analysis::RelativeError> ErrorOf(const ErrorTable& row) {
  const std::string path = TRIPTYCH_SOURCE_TABLES "/" + std::string(row.file);
  TRIPTYCH_ASSIGN(const Table table, Table::Load(path));
  TRIPTYCH_ASSIGN(const Validation validation, Validate(row.target, {}, table));
  const auto score =
      std::ranges::find(validation.scores, row.measure, &Score::measure);
  if (score == validation.scores.end()) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: no column {}", path, row.measure));
  }
  return analysis::RelativeError{score->median_ape_pct / 100,
                                 score->p90_ape_pct / 100};
}

std::string_view NameOf(std::string_view label) {
  return label.substr(0, label.find(':'));
}

// Columns of results that no model predicts.
std::vector<std::string> ExactColumns(const sweep::Results& results) {
  std::vector<std::string> exact;
  for (const sweep::Column& column : results.columns) {
    if (column.role == sweep::Role::kAxis) exact.push_back(column.name);
  }
  return exact;
}

Result<analysis::Wish> WishOf(const SweepAnswersOptions& o,
                              const sweep::Results& results) {
  analysis::Wish wish;
  for (const std::string& text : o.bounds) {
    TRIPTYCH_ASSIGN(analysis::Bound bound, analysis::ParseBound(text));
    wish.bounds.push_back(std::move(bound));
  }
  if (!o.best.empty()) {
    const bool maximise = o.best.starts_with('+');
    wish.best = {maximise ? o.best.substr(1) : o.best, maximise};
  } else if (!results.objectives.empty()) {
    wish.best = results.objectives.front();
  }
  return wish;
}

}  // namespace

analysis::ErrorModel ErrorsOf(const sweep::Results& results) {
  analysis::ErrorModel model;
  model.exact = ExactColumns(results);
  const sweep::Column* targets = results.Find("target");
  for (const ErrorTable& row : kErrorTables) {
    const auto error = ErrorOf(row);
    if (!error) {
      Log(LogLevel::kInfo, "answers", error.error().message);
      continue;
    }
    if (targets == nullptr) continue;
    for (const std::string& label : targets->texts) {
      if (NameOf(label) == row.target) model.of_target[label] = *error;
    }
  }
  return model;
}

Result<int> SweepAnswersCommand(const SweepAnswersOptions& o) {
  TRIPTYCH_ASSIGN(sweep::Results results, sweep::ReadResults(o.db));
  if (!o.join.empty()) {
    TRIPTYCH_ASSIGN(results, analysis::JoinOver(results, o.join));
  }
  analysis::AnswerOptions options{.errors = ErrorsOf(results),
                                  .outputs = o.outputs};
  if (!o.bounds.empty() || !o.best.empty()) {
    TRIPTYCH_ASSIGN(analysis::Wish wish, WishOf(o, results));
    options.wishes.push_back(std::move(wish));
  }
  TRIPTYCH_ASSIGN(const analysis::Answers answers,
                  analysis::FindAnswers(results, options));
  Print(o.json, analysis::AnswersText(results, answers));
  TRIPTYCH_TRY(WriteJson(
      o.json, "sweep answers",
      nlohmann::json::array({analysis::AnswersJson(results, answers)})));
  return kOk;
}

}  // namespace triptych::cli
