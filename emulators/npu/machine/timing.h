// How long the machine takes for a stream of commands, and what binds it.
//
// Each core's front end decodes in order into four queues. A queue's head
// starts when its unit can take it and each event it waits for has a credit:
//
//   array    MMLD shifts weights into the shadow plane, array.rows cycles (with
//            array.short_loads, as many as it has rows), as soon as the plane
//            is free; MM takes a row of A a cycle, and its
//            last sums are in the accumulators array.rows + array.cols - 2
//            cycles after its last row went in. MMLD and MM overlap, and so
//            do neighbouring MMs. (rtl/npu_array is that array.)
//   vector   rules.h; one command to the end, then the next.
//   load,    as many commands at once as the core has channels for, started
//   store    and finished in order. A channel moves a beat a cycle and has so
//            many bursts on the way; DRAM as in dram.h, the L2 a line of each
//            bank a cycle. A multicast starts when the last core has come to
//            it and is read once. A gather waits for the loads before it; the
//            rows it reads depend on values, so they are taken to lie all
//            over their region.
//
// Whatever reads or writes the scratchpad or the accumulators also needs their
// banks (banks.h) and lasts until it got them. The simulation goes from start
// to start in the order of time, over all cores; ties by core, then by unit.
// So results depend on the stream and the machine alone.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_TIMING_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_TIMING_H_

#include <array>
#include <cstdint>
#include <memory>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/machine/report.h"
#include "emulators/npu/params.h"
#include "kernels/base/result.h"
#include "kernels/base/units.h"

namespace triptych::npu {

// Sizes of the machine that `params` describe, for streams with regions of
// these sizes ([0] is ignored: the L2's comes from params).
MachineSize SizeOf(const Params& params,
                   const std::array<int64_t, kRegions>& region_bytes);

struct TimingOptions {
  // When the stream starts: what phase of the refresh it meets.
  Picos begin;
  // Holds every command to the rules of check.h; off for streams that have
  // been checked before.
  bool check = true;
  WorkSink* sink = nullptr;
};

// Not thread-safe: keeps its memory from run to run, and nothing else.
class Timing {
 public:
  // Cores beyond kMaxCores are an error, with the key's name.
  static Result<Timing> Make(const Params& params);
  Timing(Timing&&) noexcept;
  Timing& operator=(Timing&&) noexcept;
  ~Timing();

  // The stream must be checked for SizeOf(params, ...). The memory starts
  // with all rows closed. A stream that breaks the rules, or whose queues
  // wait for each other, is a located error.
  Result<TimingReport> Run(const Stream& stream,
                           const TimingOptions& options = {});

 private:
  class Engine;
  explicit Timing(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_TIMING_H_
