// A small machine and ways to time a list of commands on it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_MACHINE_MACHINE_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_MACHINE_MACHINE_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "emulators/npu/machine/timing.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {

// 16 x 16, 1 GHz, 64 GB/s of ideal memory 100 ns away; the rest as by default.
inline Params SmallParams(int cores = 1) {
  Params p;
  p.cores = cores;
  p.array_rows = p.array_cols = 16;
  p.clock = Hertz(1e9);
  p.scratchpad_kib = 64;
  p.l2_kib = 64;
  p.chip.accumulator_kib = 16;
  p.dram.model = "ideal";
  p.dram.peak_gb_per_s = 64;
  p.dram.latency_ns = 100;
  return p;
}

class KeepWork : public WorkSink {
 public:
  void Add(const Work& work) override { all.push_back(work); }
  std::vector<Work> all;

  // Of a command on a core, the n-th time; aborts if there is none.
  const Work& Of(uint32_t command, Part part, int core = 0, int n = 0) const {
    for (const Work& work : all) {
      if (work.command == command && work.part == part && work.core == core &&
          n-- == 0) {
        return work;
      }
    }
    FAIL("no such work: command " << command);
    return all[0];
  }
};

inline constexpr int64_t kMiB = 1 << 20;

// Zeroes what the padding of two operands may have left in unused bytes.
inline std::vector<Command> Tidy(std::vector<Command> commands) {
  for (Command& c : commands) {
    const size_t used = c.opcode == Opcode::kVector   ? 18
                        : c.opcode == Opcode::kReduce ? 13
                                                      : sizeof(Operands);
    auto* bytes = reinterpret_cast<unsigned char*>(&c.operands);
    std::fill(bytes + used, bytes + sizeof(Operands), 0);
  }
  return commands;
}

inline Result<TimingReport> TimeOf(const Params& params,
                                   std::vector<Command> commands,
                                   WorkSink* sink = nullptr) {
  commands = Tidy(std::move(commands));
  auto stream = Stream::Check(
      commands, SizeOf(params, {0, 64 * kMiB, kMiB, 64 * kMiB, 64 * kMiB}),
      "s");
  if (!stream) return std::unexpected(std::move(stream).error());
  auto timing = Timing::Make(params);
  if (!timing) return std::unexpected(std::move(timing).error());
  return timing->Run(*stream, {.sink = sink});
}
inline TimingReport MustTime(const Params& params,
                             const std::vector<Command>& commands,
                             WorkSink* sink = nullptr) {
  auto report = TimeOf(params, commands, sink);
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return *std::move(report);
}

inline Command Waits(Command c, uint8_t event, uint8_t other = 0) {
  c.wait = {event, other};
  return c;
}
inline Command Signals(Command c, uint8_t event, uint8_t other = 0) {
  c.signal = {event, other};
  return c;
}
inline Command Masked(Command c, uint16_t cores) {
  c.cores = cores;
  return c;
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_MACHINE_MACHINE_H_
