// What all steps of one NPU share: its parameters, the units and actions it
// charges, and the machines that run commands.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_STEPS_H_
#define TRIPTYCH_EMULATORS_NPU_STEPS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "emulators/npu/compile/fuse.h"
#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/segment.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/npu/params.h"
#include "emulators/npu/quantiser/calibration.h"
#include "emulators/packed_once.h"
#include "emulators/target.h"

namespace triptych::npu {

// Units are of the busiest core; the DRAM's and the L2's are shared.
struct Ids {
  UnitId front, load, array, vector, store, scratchpad, l2, dram, power;
  ActionId command, mac, padding_mac, vector_mac, vector_op, other_op,
      special_op, scratchpad_byte, accumulator_byte, l2_byte, dram_byte,
      dram_activation, leakage_ns;
};

// Things of one kind that several threads use one at a time each: whoever
// needs one takes a free one or makes one.
template <class T>
class Pool {
 public:
  // Calls use(thing) with one that make() gave, now or before.
  template <class Make, class Use>
  void With(const Make& make, const Use& use) {
    std::unique_ptr<T> mine;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        mine = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (mine == nullptr) mine = make();
    use(*mine);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(mine));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

// Timing by what was timed: the layers of a model have the same commands, and
// so have the products of successive steps of decoding. Keeps the last few
// hundred. Thread-safe.
class Reports {
 public:
  template <class Make>
  std::shared_ptr<const TimingReport> Get(const std::string& key,
                                          const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      const auto known = reports_.find(key);
      if (known != reports_.end()) return known->second;
    }
    auto report = std::make_shared<const TimingReport>(make());
    const std::lock_guard lock(mutex_);
    if (reports_.size() >= kMost) reports_.clear();
    reports_.emplace(key, report);
    return report;
  }

 private:
  static constexpr size_t kMost = 256;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const TimingReport>> reports_;
};

// What the model that was asked for last was found to give its weights.
// Thread-safe.
class LastCalibration {
 public:
  std::shared_ptr<const Calibration> Get(const Params& params,
                                         const Graph& graph,
                                         const Weights& weights) {
    const std::lock_guard lock(mutex_);
    if (last_ == nullptr || of_ != weights.id()) {
      last_ = std::make_shared<const Calibration>(
          Calibrate(params, graph, weights));
      of_ = weights.id();
    }
    return last_;
  }

 private:
  std::mutex mutex_;
  uint64_t of_ = 0;
  std::shared_ptr<const Calibration> last_;
};

// The segments of one node or group, by binding. Decoding asks for another
// context every step, so only the latest few are kept. Thread-safe.
class Segments {
 public:
  using Compile =
      std::function<Result<std::shared_ptr<const Segment>>(const Binding&)>;
  // Of what does not fit a binding, `otherwise` says what comes instead.
  Segments(Compile compile, std::string otherwise)
      : compile_(std::move(compile)), otherwise_(std::move(otherwise)) {}

  // Null if it does not fit the machine for this binding.
  std::shared_ptr<const Segment> Get(const Binding& binding) const;

 private:
  static constexpr size_t kMost = 4;
  using Key = std::tuple<int64_t, int64_t, int64_t>;
  Compile compile_;
  std::string otherwise_;
  mutable std::mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const Segment>> segments_;
};

// The groups of graphs, and the segments that the steps of a group share: those
// live as long as the steps. Thread-safe.
class Groups {
 public:
  std::shared_ptr<const Fusion> FusionOf(const Params& params,
                                         const Graph& graph);
  std::shared_ptr<const Segments> SegmentsOf(
      const Params& params, const Graph& graph,
      const std::shared_ptr<const Fusion>& fusion, const FusedGroup& group);

 private:
  static constexpr size_t kMost = 8;  // graphs
  using Key = std::tuple<uint64_t, const Graph*, NodeId>;
  std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<const Fusion>> fusions_;
  std::map<Key, std::weak_ptr<const Segments>> segments_;
};

struct Machine {
  Params params;
  Ids ids;
  mutable Pool<Memory> memories;
  mutable Pool<Timing> timings;
  mutable Reports reports;
  mutable Groups groups;
  mutable PackedOnce<WeightImage> images;
  mutable LastCalibration calibration;
};

// A step whose cost is the closed form of cost.h and whose values are the
// vector unit's functions (vector_ops.h) or the operator's plain evaluation:
// what has no commands.
std::unique_ptr<Step> MakeClosedFormStep(const Machine& machine,
                                         const Graph& graph, const Node& node,
                                         const Weights* weights);

// A step that runs the node's commands.
std::unique_ptr<Step> MakeCommandStep(const Machine& machine,
                                      const Graph& graph, const Node& node,
                                      const Weights* weights);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_STEPS_H_
