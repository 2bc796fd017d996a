// Random well-formed streams, and memories to run them on.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_ISA_RANDOM_STREAM_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_ISA_RANDOM_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "kernels/base/rng.h"

namespace triptych::npu {

struct RandomStream {
  MachineSize machine;
  std::vector<Command> commands;
};

// About `length` commands of all kinds, in loops and between barriers, on one
// to three cores that keep to their own part of what is written.
RandomStream MakeRandomStream(uint64_t seed, int length);

// All memories of a machine, with what a seed says in them.
class Image {
 public:
  Image(const MachineSize& machine, uint64_t seed);
  Image(const Image&) = delete;
  Memory& memory() { return memory_; }
  // Everything a stream can change.
  std::vector<std::byte> Contents() const;

 private:
  int cores_;
  Memory memory_;
  std::vector<std::vector<std::byte>> regions_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_ISA_RANDOM_STREAM_H_
