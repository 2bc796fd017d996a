// What memory a command touches, as sets of rows: for bounds, for overlaps,
// for the banks and rows that timing cares about.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_ACCESS_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_ACCESS_H_

#include <array>
#include <cstdint>
#include <span>

#include "emulators/npu/isa/isa.h"
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {

enum class Space : uint8_t { kScratchpad, kAccumulators, kRemote };

// rows2 x rows1 rows of row_bytes; row (j, i) starts at
// begin + j * stride2 + i * stride1. Bytes of the space, without kAccBit.
struct Access {
  Space space = Space::kScratchpad;
  Region region = Region::kL2;  // of kRemote
  bool read = false, write = false;
  bool in_place = false;  // a read that may be exactly what is written
  uint8_t align = 1;      // begin and strides are multiples of it
  int64_t begin = 0;
  int64_t stride1 = 0, stride2 = 0;
  int64_t rows1 = 1, rows2 = 1, row_bytes = 0;

  int64_t bytes() const { return rows1 * rows2 * row_bytes; }
  // The first byte touched, and the one after the last.
  int64_t low() const;
  int64_t high() const;
};

// In a fixed order for each opcode; what is written comes last. The rows that
// a kGather reads from its region depend on values and are not among them.
class Accesses {
 public:
  Accesses(const Issue& issue, const MachineSize& machine);
  std::span<const Access> all() const {
    return {accesses_.data(), static_cast<size_t>(count_)};
  }

 private:
  Access& Add(const Access& access);
  void AddVectors(const Issue& issue, const MachineSize& machine);
  std::array<Access, 4> accesses_;
  int count_ = 0;
};

// True if some byte is in both; exact for rows of one common stride and for
// accesses that lie apart, else "true" where the spans of both overlap.
bool Overlap(const Access& a, const Access& b);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_ACCESS_H_
