// What all steps of one NPU share: its parameters, the units and actions it
// charges, and the machines that run commands.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_H_

#include <memory>
#include <mutex>
#include <vector>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/params.h"
#include "emulators/packed_once.h"
#include "emulators/target.h"

namespace triptych::npu {

struct Ids {
  UnitId front, array, vector, scratchpad, dram, power;
  ActionId command, mac, padding_mac, vector_mac, vector_op, scratchpad_byte,
      dram_byte, leakage_ns;
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

struct Machine {
  Params params;
  Ids ids;
  mutable Pool<Memory> memories;
  mutable PackedOnce<WeightImage> images;
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

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_H_
