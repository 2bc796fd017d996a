// A machine's form of a weight, made once however many nodes use it: prefill
// and decode have nodes of their own, and a tied head is the embedding.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_PACKED_ONCE_H_
#define TRIPTYCH_EMULATORS_PACKED_ONCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych {

// Belongs to a target, whose Lower() asks it. Knows a form only as long as a
// step holds it: memory goes with the last program. Thread-safe.
template <class Form>
class PackedOnce {
 public:
  // What make() gives for `weight`, or gave before. The target alone decides
  // about the form: equal weights are packed alike.
  template <class Make>
  std::shared_ptr<const Form> Get(const Weights& weights, ValueId weight,
                                  const Make& make) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const Form>& known = forms_[{weights.id(), weight}];
    std::shared_ptr<const Form> form = known.lock();
    if (form == nullptr) {
      form = std::make_shared<const Form>(make());
      known = form;
    }
    return form;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<uint64_t, ValueId>, std::weak_ptr<const Form>> forms_;
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_PACKED_ONCE_H_
