// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/evaluator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/estimate.h"
#include "emulators/profile.h"
#include "tools/cli/model_source.h"
#include "tools/cli/own_text.h"
#include "tools/sweep/axes.h"

namespace triptych::sweep {
namespace {

// The work of a point.
struct Work {
  size_t model;
  Phase phase;
  int64_t batch, context;

  Work(const Study& study, const Point& point)
      : model(static_cast<size_t>(point.values[study.model_axis()])),
        phase(
            study
                .phases[static_cast<size_t>(point.values[study.phase_axis()])]),
        batch(static_cast<int64_t>(point.values[study.batch_axis()])),
        context(static_cast<int64_t>(point.values[study.context_axis()])) {}

  // As `profile` binds them.
  Binding binding() const {
    if (phase == Phase::kDecode) return {batch, 1, context};
    return {batch, std::max<int64_t>(1, context), 0};
  }
};

void Answer(const Work& work, const Cost& cost, double cycles,
            double utilisation, std::string_view bound, Outcome& outcome) {
  const Binding binding = work.binding();
  const auto batch = static_cast<double>(binding.batch);
  const double tokens = batch * static_cast<double>(binding.tokens);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double timing[] = {cost.seconds,
                           cycles,
                           cost.energy_j,
                           cost.assumed_energy_fraction(),
                           utilisation,
                           static_cast<double>(cost.off_chip_bytes),
                           static_cast<double>(cost.flops),
                           work.phase == Phase::kPrefill ? cost.seconds : nan,
                           work.phase == Phase::kDecode ? cost.seconds : nan,
                           tokens / batch / cost.seconds,
                           tokens / cost.seconds,
                           tokens / cost.energy_j,  // (tokens / s) / (J / s)
                           cost.energy_j / tokens};
  static_assert(std::size(timing) == kTimingMeasures);
  std::ranges::copy(timing, outcome.measures.begin());
  outcome.bound = bound;
}

Outcome Invalid(const Error& error) {
  return {PointStatus::kInvalid, error.message, kNoMeasures, ""};
}

// Makes a point's machine; again only if a parameter is not as it was.
class MachineShop {
 public:
  MachineShop(const Study& study, Tier tier) : study_(study), tier_(tier) {}

  Result<const Target*> For(const Point& point) {
    const auto begin = point.values.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(study_.model_axis());
    const auto same = [](double a, double b) {
      return a == b || (std::isnan(a) && std::isnan(b));
    };
    if (target_ != nullptr &&
        std::equal(begin, end, made_of_.begin(), made_of_.end(), same)) {
      return target_.get();
    }
    target_.reset();
    made_of_.assign(begin, end);
    const Machine& machine =
        study_.machines[static_cast<size_t>(point.values[0])];
    changes_.clear();
    for (size_t a = 1; a < made_of_.size(); ++a) {
      if (std::isnan(made_of_[a])) continue;
      const Axis& axis = study_.axes[a];
      changes_.push_back({axis.key, ScalarOf(axis, made_of_[a])});
    }
    if (tier_ == Tier::kDetailed) {
      for (const Setting& setting : study_.refine.set) {
        const ScopedKey scoped = SplitKey(setting.name);
        if (!scoped.For(machine)) continue;
        changes_.push_back({scoped.key, setting.value});
      }
    }
    TRIPTYCH_ASSIGN(target_, machine.family.Make(changes_));
    return target_.get();
  }

 private:
  const Study& study_;
  Tier tier_;
  std::vector<double> made_of_;
  std::vector<TargetFamily::Change> changes_;
  std::unique_ptr<Target> target_;
};

class AnalyticEvaluator final : public Evaluator {
 public:
  explicit AnalyticEvaluator(const Study& study)
      : study_(study), shop_(study, Tier::kAnalytic) {}

  Outcome Evaluate(const Point& point) override {
    const auto target = shop_.For(point);
    if (!target) return Invalid(target.error());
    const Work work(study_, point);
    const auto estimate =
        EstimateRun(**target, FoldFor(**target, point, work), work.binding());
    if (!estimate) return Invalid(estimate.error());
    Outcome outcome;
    Answer(work, estimate->total, estimate->cycles, estimate->utilisation,
           estimate->bound, outcome);
    return outcome;
  }

 private:
  const Fold& FoldFor(const Target& target, const Point& point,
                      const Work& work) {
    const auto machine = static_cast<size_t>(point.values[0]);
    const std::tuple key(machine, work.model, work.phase);
    const auto found = folds_.find(key);
    if (found != folds_.end()) return found->second;
    return folds_
        .emplace(key,
                 Fold(target, study_.models[work.model]->graph, work.phase))
        .first->second;
  }

  const Study& study_;
  MachineShop shop_;
  std::map<std::tuple<size_t, size_t, Phase>, Fold> folds_;
};

class DetailedEvaluator final : public Evaluator {
 public:
  explicit DetailedEvaluator(const Study& study)
      : study_(study), shop_(study, Tier::kDetailed) {}

  Outcome Evaluate(const Point& point) override {
    Outcome outcome;
    const auto target = shop_.For(point);
    if (!target) return Invalid(target.error());
    Status status = Time(**target, Work(study_, point), outcome);
    if (status && study_.refine.kl) status = Score(**target, outcome);
    return status ? outcome : Invalid(status.error());
  }

 private:
  Status Time(const Target& target, const Work& work, Outcome& outcome) const {
    const Graph& graph = study_.models[work.model]->graph;
    TRIPTYCH_ASSIGN(const auto program, target.Compile(graph, nullptr));
    Ledger ledger(Ledger::Mode::kFold);
    TRIPTYCH_TRY(program->Run({.phase = work.phase, .binding = work.binding()},
                              nullptr, ledger));
    const Profile profile = MakeProfile(graph, target, ledger);
    Answer(work, profile.total, profile.cycles, profile.utilisation,
           profile.bound, outcome);
    return {};
  }

  // Against text that the reference writes itself: no data needed.
  Status Score(const Target& target, Outcome& outcome) {
    if (!test_) TRIPTYCH_TRY(MakeTest());
    TRIPTYCH_ASSIGN(const auto program,
                    target.Compile(scored_->graph, &*scored_->weights));
    TRIPTYCH_ASSIGN(const Accuracy accuracy,
                    test_->Run(*program, /*seed=*/0, /*threads=*/1));
    outcome.measures[kTimingMeasures] = accuracy.kl_nats_per_token;
    outcome.measures[kTimingMeasures + 1] = accuracy.top1_agreement;
    return {};
  }
  Status MakeTest() {
    TRIPTYCH_ASSIGN(
        scored_, cli::OpenModel(study_.refine.model, "", {.all_logits = true}));
    TRIPTYCH_ASSIGN(
        std::vector<Segment> segments,
        cli::OwnSegments(*scored_, study_.refine.tokens, /*seed=*/0));
    TRIPTYCH_ASSIGN(AccuracyTest test,
                    AccuracyTest::Make(scored_->graph, *scored_->weights,
                                       std::move(segments)));
    test_.emplace(std::move(test));
    return {};
  }

  const Study& study_;
  MachineShop shop_;
  std::unique_ptr<cli::Model> scored_;
  std::optional<AccuracyTest> test_;
};

}  // namespace

std::unique_ptr<Evaluator> MakeEvaluator(const Study& study, Tier tier) {
  if (tier == Tier::kAnalytic)
    return std::make_unique<AnalyticEvaluator>(study);
  return std::make_unique<DetailedEvaluator>(study);
}

}  // namespace triptych::sweep
