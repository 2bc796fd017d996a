// Ask and tell: a search outside (Optuna, Ax, Vizier, a script) says which
// points it wants, one JSON object a line, and is told their objectives.
//
//   > {"ask": "space"}
//   < {"status": "ok", "space": [{"name": "adc.bits", "kind": "whole",
//      "low": 4, "high": 12, "log": false}, {"name": "preset",
//      "kind": "choice", "choices": ["a", "b"]}],
//      "objectives": [{"name": "seconds", "goal": "minimise"}]}
//   > {"id": 7, "point": {"adc.bits": 8, "preset": "a"}}
//   < {"id": 7, "status": "ok", "objectives": {"seconds": 0.012},
//      "measures": {"energy_j": 3.1, "bound": "dram"}}
//
// (each in one line). Answers come in the order of the questions, each before
// the next is read. An id is any JSON value and comes back as it was; it may
// be left out. A point that cannot be evaluated is answered with
// {"id": ..., "status": "invalid", "line": n, "error": "..."}, a line that is
// no question, or one about another space, with the same and "error" as its
// status. Empty lines are passed over. Numbers that JSON has not are null.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SEARCH_SERVE_H_
#define TRIPTYCH_TOOLS_SEARCH_SERVE_H_

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/base/result.h"
#include "tools/search/space.h"
#include "tools/sweep/results.h"

namespace triptych::search {

// What is told of a point.
struct Answer {
  std::vector<double> objectives;  // in the order of the served ones
  std::vector<std::pair<std::string, std::variant<double, std::string>>>
      measures;
};
using AnswerPoint = std::function<Result<Answer>(std::span<const double>)>;

struct Served {
  size_t points = 0;   // answered with "ok"
  size_t invalid = 0;  // that could not be evaluated
  size_t errors = 0;   // lines that were no question
};

// Lines longer than this are errors: no point needs more.
inline constexpr size_t kMaxLine = 1 << 20;

// Until the end of `in`. Each answer is flushed. Errors: the space is wrong,
// or an answer could not be written.
Result<Served> Serve(std::istream& in, std::ostream& out,
                     std::span<const Axis> axes,
                     std::span<const sweep::Objective> objectives,
                     const AnswerPoint& answer);

}  // namespace triptych::search

#endif  // TRIPTYCH_TOOLS_SEARCH_SERVE_H_
