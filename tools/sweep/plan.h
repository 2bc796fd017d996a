// The points of a study, by number: what a design, its constraints and a
// shard leave to do.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_PLAN_H_
#define TRIPTYCH_TOOLS_SWEEP_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/designs.h"
#include "tools/sweep/point.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

// The points whose number leaves `index` when divided by `count`.
struct Shard {
  uint64_t index = 0, count = 1;
  bool Has(uint64_t number) const { return number % count == index; }
};
// "0/8" .. "7/8".
Result<Shard> ParseShard(std::string_view text);

// Immutable, and threads may share it. Keeps a pointer to the study.
//
// A grid is one block of points for each machine, over the axes that it has;
// the last axis runs fastest. In other designs an axis that a machine does
// not have goes unused, and points that come out the same are one point: the
// one of the lowest number. Points that violate an early constraint are left
// out; so numbers have gaps, but a point has its number in every shard.
class Plan {
 public:
  // Errors, located in the study: too many points; no point at all, because
  // of a constraint.
  static Result<Plan> Make(const Study& study);

  // Points of the design: numbers are below this.
  uint64_t design_size() const { return size_; }
  // Points there are, after constraints and without repeats.
  uint64_t points() const { return all_ ? size_ : kept_.size(); }
  // The numbers of one shard's points, rising.
  std::vector<uint32_t> Numbers(const Shard& shard) const;
  // The point of a number; its memory is used again.
  void At(uint64_t number, Point& point) const;

 private:
  explicit Plan(const Study& study) : study_(&study) {}
  Status MeasureGrid();
  void Keep();
  void GridAt(uint64_t number, Point& point) const;

  const Study* study_;
  uint64_t size_ = 0;
  bool all_ = true;              // nothing is left out, and kept_ is empty
  std::vector<uint32_t> kept_;   // numbers
  std::vector<uint64_t> first_;  // of a grid, by machine: its first number
  std::shared_ptr<const Sampler> sampler_;  // of other designs
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_PLAN_H_
