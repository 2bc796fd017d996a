// What answers a point.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_EVALUATOR_H_
#define TRIPTYCH_TOOLS_SWEEP_EVALUATOR_H_

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "tools/sweep/point.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

using Measures = std::array<double, std::size(kMeasures)>;
inline constexpr Measures kNoMeasures = [] {
  Measures none;
  none.fill(std::numeric_limits<double>::quiet_NaN());
  return none;
}();

struct Outcome {
  PointStatus status = PointStatus::kOk;
  std::string message;  // why it is not ok
  Measures measures = kNoMeasures;
  std::string bound;
};

// Not thread-safe: each worker has its own. The same point always has the
// same outcome, whatever was asked before.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual Outcome Evaluate(const Point& point) = 0;
};

// Called in the worker that will ask.
using EvaluatorFactory = std::function<std::unique_ptr<Evaluator>()>;

// The emulators: an estimate (emulators/estimate.h) of each point in the
// analytic tier; a whole walk, and accuracy where the study asks for it, in
// the detailed one. A combination of parameters that no machine can have is
// kInvalid. Keeps a pointer to the study.
std::unique_ptr<Evaluator> MakeEvaluator(const Study& study, Tier tier);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_EVALUATOR_H_
