// Results of studies that tests write down in a line.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_TOOLS_ANALYSIS_RESULTS_H_
#define TRIPTYCH_TESTS_TOOLS_ANALYSIS_RESULTS_H_

#include <string>
#include <utility>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::analysis {

inline sweep::Column Numbers(std::string name, sweep::Role role,
                             std::vector<double> numbers,
                             std::string unit = {}) {
  return {std::move(name), role, std::move(unit), std::move(numbers), {}};
}
inline sweep::Column Texts(std::string name, sweep::Role role,
                           std::vector<std::string> texts) {
  return {std::move(name), role, "", {}, std::move(texts)};
}
inline sweep::Results MakeResults(std::vector<sweep::Column> columns,
                                  std::vector<sweep::Objective> objectives) {
  sweep::Results results;
  results.study = "test";
  results.points = columns.empty()        ? 0
                   : columns[0].is_text() ? columns[0].texts.size()
                                          : columns[0].numbers.size();
  results.columns = std::move(columns);
  results.objectives = std::move(objectives);
  return results;
}

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TESTS_TOOLS_ANALYSIS_RESULTS_H_
