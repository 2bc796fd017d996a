// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/answers.h"

#include <algorithm>
#include <utility>

namespace triptych::analysis {
namespace {

// The exact volume takes time in the square of the front from four objectives
// on, and more than that from five: up to seven, these are well under a
// second's work.
constexpr size_t kLongFront = 2000, kLongFrontOfMany = 200;

bool TooLong(size_t front, size_t objectives) {
  return (objectives == 4 && front > kLongFront) ||
         (objectives > 4 && front > kLongFrontOfMany);
}

Result<Explained> Explain(const sweep::Results& results,
                          const std::string& output,
                          std::optional<size_t> base) {
  Explained explained;
  explained.output = output;
  TRIPTYCH_ASSIGN(explained.effects, MainEffects(results, output));
  explained.tornado = Tornado(explained.effects);
  if (base) {
    TRIPTYCH_ASSIGN(explained.tornado_at, TornadoAt(results, output, *base));
  }
  if (auto sobol = SobolOfStudy(results, output)) {
    explained.sobol = std::move(*sobol);
  } else {
    explained.no_sobol = sobol.error().message;
  }
  return explained;
}

// The axes of the map: those asked for, or those that explain most.
std::pair<std::string, std::string> BindsAxes(const Answers& answers,
                                              const AnswerOptions& options) {
  std::vector<std::string> axes;
  if (!answers.explained.empty()) {
    for (const MainEffect& effect : answers.explained[0].effects) {
      if (effect.axis != options.binds_x && effect.axis != options.binds_y) {
        axes.push_back(effect.axis);
      }
    }
  }
  auto next = axes.begin();
  const auto take = [&](const std::string& asked) {
    if (!asked.empty()) return asked;
    return next == axes.end() ? std::string() : *next++;
  };
  const std::string x = take(options.binds_x);
  return {x, take(options.binds_y)};
}

}  // namespace

Result<Answers> FindAnswers(const sweep::Results& results,
                            const AnswerOptions& options) {
  Answers answers;
  answers.front = ParetoFront(results);
  answers.knee = FindKnee(results, answers.front);
  if (!TooLong(answers.front.size(), results.objectives.size())) {
    answers.hypervolume_share = HypervolumeShare(results, answers.front);
  }
  answers.stability = FrontStability(results, options.errors);
  std::optional<size_t> base;
  if (!answers.front.empty()) base = answers.front[0];
  if (answers.knee) base = answers.knee->point;
  std::vector<std::string> outputs = options.outputs;
  if (outputs.empty()) {
    for (const auto& objective : results.objectives) {
      outputs.push_back(objective.column);
    }
  }
  for (const std::string& output : outputs) {
    TRIPTYCH_ASSIGN(Explained explained, Explain(results, output, base));
    answers.explained.push_back(std::move(explained));
  }
  const auto [x, y] = BindsAxes(answers, options);
  if (results.Find("bound") != nullptr && !x.empty() && !y.empty()) {
    TRIPTYCH_ASSIGN(answers.binds, WhatBinds(results, x, y));
  }
  for (const Wish& wish : options.wishes) {
    TRIPTYCH_ASSIGN(Choice choice, Choose(results, wish));
    answers.wished.push_back({wish, std::move(choice)});
  }
  return answers;
}

}  // namespace triptych::analysis
