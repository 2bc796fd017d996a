// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <unordered_set>

namespace triptych::sweep {
namespace {

constexpr uint64_t kMaxPoints = std::numeric_limits<uint32_t>::max();

// Keys are uniform: any eight bytes of one are a hash.
struct KeyHash {
  size_t operator()(const Key& key) const {
    size_t hash;
    std::memcpy(&hash, key.data(), sizeof(hash));
    return hash;
  }
};

std::unexpected<Error> Fail(const Study& study, size_t line,
                            std::string_view what) {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}:{}: {}", study.file, line, what));
}

}  // namespace

Result<Shard> ParseShard(std::string_view text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    if (count.ec == std::errc() && count.ptr == end &&
        shard.index < shard.count) {
      return shard;
    }
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("--shard: {} is not allowed; allowed I/N with "
                               "I from 0 to N-1: 0/8 .. 7/8",
                               text));
}

Result<Plan> Plan::Make(const Study& study) {
  Plan plan(study);
  if (study.design == DesignKind::kGrid) {
    TRIPTYCH_TRY(plan.MeasureGrid());
  } else {
    const auto dimensions =
        static_cast<size_t>(std::ranges::count_if(study.axes, &Axis::varies));
    plan.sampler_ =
        MakeSampler(study.design, study.points, dimensions, study.seed);
    plan.size_ = study.points *
                 (study.design == DesignKind::kSaltelli ? dimensions + 2 : 1);
  }
  plan.Keep();
  if (plan.points() > 0) return plan;
  const Formula* alone = nullptr;
  for (const Formula& constraint : study.formulas.constraints()) {
    if (constraint.early && (!alone || constraint.line < alone->line)) {
      alone = &constraint;
    }
  }
  return Fail(study, alone ? alone->line : 1,
              fmt::format("constraints: none of the {} points of the design "
                          "satisfies all of them; allowed constraints that "
                          "leave one or more",
                          plan.size_));
}

Status Plan::MeasureGrid() {
  double total = 0;
  for (size_t m = 0; m < study_->machines.size(); ++m) {
    double block = 1;
    for (size_t a = 1; a < study_->axes.size(); ++a) {
      const Axis& axis = study_->axes[a];
      if (axis.applies[m]) block *= static_cast<double>(axis.levels.size());
    }
    first_.push_back(static_cast<uint64_t>(total));
    total += block;
    if (total > static_cast<double>(kMaxPoints)) {
      return Fail(*study_, 1,
                  fmt::format("axes: the grid has {:.3g} points or more; "
                              "allowed {}, or [design] kind = \"sobol\"",
                              total, kMaxPoints));
    }
  }
  size_ = static_cast<uint64_t>(total);
  return {};
}

// Goes through the whole design only if it must.
void Plan::Keep() {
  const bool constrained = study_->formulas.has_early_constraints();
  const bool grid = study_->design == DesignKind::kGrid;
  // An estimate of indices goes by the numbers of points: all stay.
  const bool repeats = !grid && study_->design != DesignKind::kSaltelli;
  if (!constrained && !repeats) return;
  all_ = false;
  KeyMaker key(*study_);
  std::unordered_set<Key, KeyHash> seen;
  Formulas::Row row = study_->formulas.NewRow();
  Point point;
  for (uint64_t number = 0; number < size_; ++number) {
    At(number, point);
    if (constrained && study_->formulas.Before(*study_, point, row)) continue;
    if (repeats && !seen.insert(key(point, Tier::kAnalytic)).second) continue;
    kept_.push_back(static_cast<uint32_t>(number));
  }
}

std::vector<uint32_t> Plan::Numbers(const Shard& shard) const {
  std::vector<uint32_t> numbers;
  numbers.reserve(points() / shard.count + 1);
  if (all_) {
    for (uint64_t number = shard.index; number < size_; number += shard.count) {
      numbers.push_back(static_cast<uint32_t>(number));
    }
  } else {
    std::ranges::copy_if(kept_, std::back_inserter(numbers),
                         [&](uint32_t number) { return shard.Has(number); });
  }
  return numbers;
}

void Plan::At(uint64_t number, Point& point) const {
  point.number = number;
  point.values.resize(study_->axes.size());
  if (!sampler_) return GridAt(number, point);
  size_t dimension = 0;
  for (size_t a = 0; a < study_->axes.size(); ++a) {
    const Axis& axis = study_->axes[a];
    point.values[a] = axis.varies() ? axis.At(sampler_->At(number, dimension++))
                                    : axis.levels[0];
  }
  const auto machine = static_cast<size_t>(point.values[Study::machine_axis()]);
  for (size_t a = 0; a < study_->axes.size(); ++a) {
    if (study_->axes[a].applies[machine]) continue;
    point.values[a] = std::numeric_limits<double>::quiet_NaN();
  }
}

void Plan::GridAt(uint64_t number, Point& point) const {
  const auto block = std::ranges::upper_bound(first_, number) - 1;
  const auto machine = static_cast<size_t>(block - first_.begin());
  point.values[Study::machine_axis()] = static_cast<double>(machine);
  uint64_t rest = number - *block;
  for (size_t a = study_->axes.size() - 1; a > 0; --a) {
    const Axis& axis = study_->axes[a];
    if (!axis.applies[machine]) {
      point.values[a] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    point.values[a] = axis.levels[rest % axis.levels.size()];
    rest /= axis.levels.size();
  }
}

}  // namespace triptych::sweep
