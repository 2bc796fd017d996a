// The simulation behind timing.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_ENGINE_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_ENGINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "emulators/npu/isa/walk.h"
#include "emulators/npu/machine/banks.h"
#include "emulators/npu/machine/credits.h"
#include "emulators/npu/machine/dram.h"
#include "emulators/npu/machine/l2.h"
#include "emulators/npu/machine/needs.h"
#include "emulators/npu/machine/rules.h"
#include "emulators/npu/machine/timing.h"

namespace triptych::npu {

class Timing::Engine {
 public:
  explicit Engine(const Params& params);

  Result<TimingReport> Run(const Stream& stream, const TimingOptions& options);

 private:
  static constexpr int64_t kNever = INT64_MAX;
  static constexpr uint64_t kFlights = 16;

  // A command in a queue.
  struct Entry {
    Issue issue;
    uint32_t mark = 0;
    int64_t ready = 0;  // decoded and dispatched
    int64_t lost = 0;   // cycles that the front end stood before full queues
    // Which credit of each event it waits for.
    std::array<uint64_t, 2> tickets{};
  };
  // A load or store that has started, in the order of its queue. Those that
  // are done give their credits once all before them are.
  struct Flight {
    const Command* command = nullptr;
    int64_t done = -1;  // -1: not known yet
  };
  struct QueueState {
    std::vector<Entry> ring;
    uint32_t head = 0, count = 0;
    int64_t last_start = 0;
    int64_t last_lost = 0;        // Entry::lost of the last command
    int64_t free = 0;             // kVector: end of the last command
    int64_t last_done = 0;        // of those that gave their credits
    std::vector<Flight> flights;  // load and store: a ring of kFlights
    uint64_t flown = 0, landed = 0;

    Entry& front() { return ring[head]; }
  };
  // A DMA channel and the command it works on.
  struct Channel {
    Queue queue = Queue::kLoad;
    bool active = false;
    int64_t free = 0;       // from when on it may start another command
    int64_t next = kNever;  // when it asks for the next slice
    Entry entry;
    uint64_t flight = 0;
    uint16_t cores = 0;    // that it serves, bits
    uint64_t meeting = 0;  // of a multicast: which one; 0: none
    int64_t start = 0;
    int64_t done = 0;
    int64_t moving = 0;  // cycles that it moved a beat
    bool dram = false;
    Window bursts, beats;  // on the way from DRAM, from the L2
    // The remote side, rows without gaps put together, and where we are.
    Access remote;
    uint64_t base = 0;  // of the region
    int64_t i = 0, j = 0, at = 0, moved = 0, total = 0;
    BankWords words;  // of the scratchpad, by the whole command
    Work local, memory;
  };
  struct Core {
    explicit Core(const Stream& stream, int number, const Engine& engine);
    FrontEnd front;
    int number;
    uint64_t decoded = 0;
    uint32_t mark = 0;
    int64_t time = 0;  // of the front end
    int64_t lost = 0;  // of it, before full queues
    bool at_barrier = false, ended = false;
    Entry blocked;  // decoded, but its queue is full
    Queue blocked_on = Queue::kFrontEnd;
    std::array<QueueState, kQueues> queues;
    EventCounts counts;  // as written: is the stream well formed?
    std::array<Credits, kEvents> events;
    std::array<uint64_t, kEvents> waits{};  // decoded so far
    Banks scratchpad, accumulators;
    int64_t array_free = 0, loader_free = 0, plane_ready = 0;
    int64_t last_done = 0;          // of everything so far
    int64_t meeting = -1;           // the multicast it waits at, or -1
    std::vector<Channel> channels;  // loads, then stores
    // Of each queue's head; the front end has none.
    std::array<int64_t, kQueues> starts{kNever, kNever, kNever, kNever, kNever};
    // Bits of queues whose starts may have changed since they were found.
    unsigned stale = 0;
    int64_t next = kNever;  // the least of starts and channels
  };

  // Front end. An error is kept in `failure_`.
  void Pump(Core& core);
  bool SoundIssue(const Issue& issue);
  bool CheckNext(Core& core, const Issue& issue);
  Entry EntryOf(Core& core, const Issue& issue);
  void Push(Core& core, const Entry& entry, Queue queue);
  bool Fail(const Status& status);
  bool ReleaseBarrier();

  // When the head of a queue can start; kNever if that is not known.
  int64_t StartOf(Core& core, Queue queue);
  int64_t UnitFree(const Core& core, Queue queue, const Entry& entry) const;
  int64_t CreditTime(const Core& core, const Entry& entry) const;
  static void Stale(Core& core, Queue queue) {
    core.stale |= 1u << static_cast<unsigned>(queue);
  }
  void Refresh(Core& core);
  void FindNext(Core& core);
  void Step(Core& core);
  Entry Pop(Core& core, Queue queue, int64_t now);
  void CountStall(Core& core, Queue queue, const Entry& entry, int64_t now);
  void Signal(Core& core, const Command& command, int64_t done);

  // Units. Each starts a command at `now`.
  void StartMatrix(Core& core, const Entry& entry, int64_t now);
  void StartVector(Core& core, const Entry& entry, int64_t now);
  void StartTransfer(Core& core, Queue queue, int64_t now);
  int64_t ServeBanks(Core& core, const CommandNeeds& needs, int64_t now,
                     Work& work);

  // Transfers.
  void Meet(Core& core, int64_t now);
  Channel& BeginTransfer(Core& core, const Entry& entry, Queue queue,
                         int64_t now);
  void SetRemote(Channel& channel);
  bool NextSlice(Core& core, Channel& channel);
  int64_t DramSlice(Channel& channel, int64_t* bytes);
  int64_t L2Slice(Channel& channel, int64_t* bytes);
  bool NextPiece(Channel& channel, const Divisor& unit, int64_t* units,
                 DramPiece* piece);
  void EndTransfer(Core& core, Channel& channel, int64_t free);
  void Land(Core& core, Channel& channel, int64_t free, int64_t done,
            int64_t stalled);
  int64_t DrainDram(int64_t time);

  void Report(Core& core, Work& work, bool shared = false);
  int64_t PicosOf(int64_t cycles) const;
  int64_t CyclesOf(int64_t picos) const;

  Params params_;
  VectorUnit vector_;
  Dram dram_;
  L2 l2_;
  NeedsCache needs_;
  double cycle_ps_, cycles_per_ps_;
  uint32_t depth_;
  int64_t pace_ps_;
  Divisor beat_size_;
  std::vector<DramPiece> pieces_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::array<uint64_t, kRegions> bases_{};
  const Stream* stream_ = nullptr;
  const TimingOptions* options_ = nullptr;
  TimingReport report_;
  std::array<int64_t, 2> shared_end_{};  // of the L2's and DRAM's intervals
  std::vector<std::array<int64_t, kCoreParts>> ends_;
  int64_t now_ = 0;
  uint64_t meetings_ = 0;
  uint32_t last_mark_ = 0, last_command_ = 0;  // of a store
  Status failure_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_ENGINE_H_
