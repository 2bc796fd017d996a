// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/timing.h"

#include <fmt/format.h>

#include <utility>

#include "emulators/npu/machine/engine.h"

namespace triptych::npu {

std::string_view NameOf(Part part) {
  static constexpr std::string_view kNames[] = {
      "front_end", "load", "weights", "array", "vector", "store", "l2", "dram"};
  static_assert(std::size(kNames) == kParts);
  return kNames[static_cast<size_t>(part)];
}

std::string_view NameOf(Act act) {
  static constexpr std::string_view kNames[] = {
      "front.command",   "array.mac",        "array.padding_mac",
      "scratchpad.byte", "accumulator.byte", "l2.byte",
      "dram.byte",       "dram.activation",  "vector.op",
      "vector.special"};
  static_assert(std::size(kNames) == kActs);
  return kNames[static_cast<size_t>(act)];
}

std::string_view NameOf(Stall stall) {
  static constexpr std::string_view kNames[] = {
      "event", "decode", "queue_space", "bank", "memory"};
  static_assert(std::size(kNames) == kStalls);
  return kNames[static_cast<size_t>(stall)];
}

MachineSize SizeOf(const Params& params,
                   const std::array<int64_t, kRegions>& region_bytes) {
  MachineSize size;
  size.cores = static_cast<int>(params.cores);
  size.array_rows = params.array_rows;
  size.array_cols = params.array_cols;
  size.scratchpad_bytes = 1024 * params.scratchpad_kib;
  size.accumulator_rows =
      1024 * params.chip.accumulator_kib / (4 * params.array_cols);
  size.l2_bytes = 1024 * params.l2_kib;
  size.region_bytes = region_bytes;
  size.region_bytes[0] = size.l2_bytes;
  return size;
}

Timing::Timing(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Timing::Timing(Timing&&) noexcept = default;
Timing& Timing::operator=(Timing&&) noexcept = default;
Timing::~Timing() = default;

Result<Timing> Timing::Make(const Params& params) {
  if (params.cores > kMaxCores) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("cores: {}; the commands allow 1 to {}",
                                 params.cores, kMaxCores));
  }
  return Timing(std::make_unique<Engine>(params));
}

Result<TimingReport> Timing::Run(const Stream& stream,
                                 const TimingOptions& options) {
  return engine_->Run(stream, options);
}

}  // namespace triptych::npu
