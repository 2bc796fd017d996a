// Cores that share RAM, on one host thread, in the order of their clocks.
//
// The core whose clock is least runs until another's access could come first;
// ties go to the lower index. So every shared access, device request and
// write from outside happens in the order of (cycle, core), and nothing
// depends on how far one RunUntil() goes or on which cores slept. Groups that
// tell each other things only by Post(), later than both have run, may run
// on different host threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_GROUP_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/memory.h"
#include "kernels/base/result.h"

namespace triptych::mesh::riscv {

// Bytes that arrive from elsewhere: before any core's access at that cycle.
// Cores that decoded what was there go on with that (core.h, "Code").
// Writes of one cycle happen in the order in which they were posted.
struct RemoteWrite {
  uint64_t cycle = 0;
  std::shared_ptr<Ram> ram;  // may be none: then only `then` happens
  uint32_t offset = 0;
  std::vector<std::byte> bytes;
  // The word at `offset` grows by `bytes` instead, which are four.
  bool adds = false;
  // Called once that is written; may post, and wake cores.
  std::function<void()> then;
  // What `then` itself changes at `offset`, for those that wait for it.
  size_t changes = 0;
  // Whose it is, and since when it was under way: for those that ask who woke
  // a core.
  uint64_t tag = 0, sent = 0;
};

// What ended a core's last wait for a word.
struct Waker {
  bool stored = false;  // by a core of the group: `core`, at `cycle`
  size_t core = 0;
  uint64_t tag = 0, sent = 0;  // else of the RemoteWrite
  uint64_t cycle = 0;
};

class Group : private StoreListener {
 public:
  enum class State : uint8_t {
    kLimit,   // everybody got there
    kIdle,    // all sleep, wait, are held or have exited, and not all exited
    kDone,    // all are held or have exited
    kDevice,  // stopped().pending() wants an answer
    kTrap,    // stopped().trap()
  };

  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // In the order of the calls: config.index is set here. The reference stays
  // valid. The core is in reset.
  Core& Add(CoreConfig config, AddressMap memory);

  size_t size() const { return cores_.size(); }
  Core& core(size_t i) { return *cores_[i]; }
  const Core& core(size_t i) const { return *cores_[i]; }
  const Core& stopped() const { return *cores_[stopped_]; }
  Core& stopped() { return *cores_[stopped_]; }

  // Everything below `limit` happens, or something stops it.
  State RunUntil(uint64_t limit);

  // Nothing happens before this cycle; the largest number if nothing will.
  uint64_t next() const;

  // These may also be called by devices while a core runs; then `cycle` is
  // no earlier than their request's.
  void Post(RemoteWrite write);
  void Wake(size_t core, uint64_t cycle);
  void Reset(size_t core, uint32_t pc, uint64_t cycle);
  void Hold(size_t core);  // in reset from now on

  // For a device that lets a core wait (DeviceReply::kWait): the first store
  // to those bytes lets it ask again, a cycle after that store.
  void WakeOnStore(size_t core, Watch watch);
  const Waker& waker(size_t core) const { return wakers_[core]; }

  // Until all have exited. The error is that of the core that trapped or
  // failed, of all that wait for each other, or says that the budget is spent.
  Status Run(uint64_t budget_cycles);

 private:
  struct Watcher {
    size_t core = 0;
    Watch watch;
  };

  // The core whose clock is least, and until when it stays so.
  struct Turn {
    size_t core = ~size_t{0};  // nobody
    uint64_t now = ~uint64_t{0}, until = ~uint64_t{0};
  };

  bool BeforeStore(uint32_t core, uint64_t cycle, const Ram* ram,
                   uint32_t offset, uint32_t size) override;
  bool WakeWatchers(const Waker& waker, const Ram* ram, uint64_t offset,
                    uint64_t size);
  void Sleep(size_t core);
  void Forget(size_t core);
  void Apply();
  Turn NextTurn() const;
  void Tighten(size_t core);
  State Resting() const;
  Status Deadlock() const;

  std::vector<std::unique_ptr<Core>> cores_;
  std::vector<RemoteWrite> posts_;  // by cycle, latest first
  std::vector<Watcher> watchers_;
  std::vector<Waker> wakers_;  // by core
  size_t stopped_ = 0;
  size_t running_ = ~size_t{0};  // none
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_GROUP_H_
