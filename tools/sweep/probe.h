// Points that no design has: a search names a place on the axes of a study
// and is answered as the study's own points are.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_PROBE_H_
#define TRIPTYCH_TOOLS_SWEEP_PROBE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/search/serve.h"
#include "tools/search/space.h"
#include "tools/sweep/evaluator.h"
#include "tools/sweep/runner.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

// Not thread-safe. Points are evaluated in this process: one that crashes
// takes it along, as it would a worker.
class Probe {
 public:
  // Keeps a pointer to the study.
  Probe(const Study& study, Tier tier);

  // The axes that vary. Ranges are continuous or whole; lists are choices,
  // numbers in them as text.
  const std::vector<search::Axis>& space() const { return space_; }

  // The objectives of the study and all its measures and derived columns at a
  // place of the space. Errors: the place is not one of the space, or the
  // point is not ok: its status and message.
  Result<search::Answer> At(std::span<const double> place);

 private:
  void SetPoint(std::span<const double> place);
  double ValueOf(std::string_view column) const;

  const Study* study_;
  std::unique_ptr<Evaluator> evaluator_;
  RowMaker maker_;
  std::vector<search::Axis> space_;
  std::vector<size_t> axis_of_;  // by axis of the space, that of the study
  Point point_;
  Row row_;
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_PROBE_H_
