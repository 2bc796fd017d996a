// Points evaluated by worker processes.
//
// The caller's process forks the workers and never evaluates a point itself:
// whatever a point does to its process (a crash, memory, endless work) costs
// that point its status and nothing else. What a point's row says does not
// depend on the number of workers or on who was there first.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_RUNNER_H_
#define TRIPTYCH_TOOLS_SWEEP_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/evaluator.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/point.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

// What is known of a point once it was evaluated. Its place on the axes is
// the plan's to say.
struct Row {
  uint32_t number = 0;
  Key key{};
  PointStatus status = PointStatus::kOk;
  std::string message;
  Measures measures = kNoMeasures;
  std::string bound;
  std::vector<double> derived;  // by Formulas::derived(); NaN for none
};

struct RunnerHooks {
  // Takes each row once, in any order. An error ends the run.
  std::function<Status(const Row&)> add;
  // Called a few times a second, rows or not. May be empty.
  std::function<Status()> idle;
  // Rows added so far. May be empty.
  std::function<void(size_t done, size_t total)> tell;
};

struct RunResult {
  size_t done = 0;
  int signal = 0;  // SIGINT or SIGTERM stopped the run before its end; 0: no
};

// Evaluates the points `numbers` of `plan` on `workers` processes and hands
// their rows to `hooks`. A point that takes longer than the study's timeout_s
// is killed and marked `timeout`; one whose worker dies is marked `crash`, or
// `oom` if it asked for memory there was not (study.memory_gb is the limit of
// a worker) or was killed as the kernel kills. SIGINT and SIGTERM end the run
// cleanly: rows that were not handed over are lost.
//
// The calling process must have no other threads, OpenMP's included: a fork
// copies only the one. Errors: no process or pipe to be had, or hooks.add's.
Result<RunResult> RunPoints(const Study& study, const Plan& plan, Tier tier,
                            std::span<const uint32_t> numbers, int workers,
                            const EvaluatorFactory& factory,
                            const RunnerHooks& hooks);

// Evaluates one point in this process, and the columns derived from it.
class RowMaker {
 public:
  RowMaker(const Study& study, Tier tier)
      : study_(study),
        tier_(tier),
        keys_(study),
        slots_(study.formulas.NewRow()) {}
  void Make(Evaluator& evaluator, const Point& point, Row& row);
  // A row without measures, for a point that ended otherwise.
  void Fail(const Point& point, PointStatus status, std::string message,
            Row& row);

 private:
  const Study& study_;
  Tier tier_;
  KeyMaker keys_;
  Formulas::Row slots_;
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_RUNNER_H_
