// Values: the memories of the machine, and a stream run on them.
//
// Two machines run a stream, bit for bit alike: a scalar one, written plainly
// from isa.h, and a fast one for the host's SIMD. Neither knows of time.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONAL_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"
#include "kernels/base/aligned.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// Bytes of the caller's that stand for [offset, offset + size) of a region.
struct Piece {
  int64_t offset = 0;
  std::byte* data = nullptr;
  int64_t bytes = 0;
  bool writable = false;
};
inline Piece ReadOnlyPiece(int64_t offset, std::span<const std::byte> bytes) {
  return {offset, const_cast<std::byte*>(bytes.data()),
          static_cast<int64_t>(bytes.size()), false};
}
inline Piece WritablePiece(int64_t offset, std::span<std::byte> bytes) {
  return {offset, bytes.data(), static_cast<int64_t>(bytes.size()), true};
}

// Scratchpads, accumulators and L2 are its own, zero at first and kept from
// stream to stream. DRAM regions are the caller's memory, in one piece or
// several: weights that lie in different places need no copy. Each row that
// a command moves lies in one piece. Use from one thread at a time, Execute
// apart.
class Memory {
 public:
  explicit Memory(const MachineSize& machine);

  // Whether it has what streams for `machine` address.
  bool Fits(const MachineSize& machine) const;

  // What a DRAM region consists of from now on; replaces what it was. Pieces
  // are in the order of their offsets and do not overlap (a check); weights
  // and constants are never written. They must outlive their use.
  void Bind(Region region, std::vector<Piece> pieces);

  // `bytes` bytes from `offset`; null if they are not in one piece, or are to
  // be written in a read-only one.
  std::byte* At(Region region, int64_t offset, int64_t bytes, bool write) const;
  // A local address of a core, with or without kAccBit.
  std::byte* Local(int core, uint32_t address) const;
  std::byte* AccumulatorRow(int core, uint32_t row) const;

  std::span<std::byte> scratchpad(int core) const;
  std::span<std::byte> accumulators(int core) const;
  std::span<std::byte> l2() const;

 private:
  int64_t acc_row_bytes_;
  // mutable: a Memory is a set of places, not a value.
  mutable std::vector<AlignedVector<std::byte>> scratchpads_, accumulators_;
  mutable AlignedVector<std::byte> l2_;
  std::array<std::vector<Piece>, kRegions> pieces_;
};

struct ExecuteOptions {
  int threads = 1;  // cores run side by side between barriers
};

// Runs a stream to its end; registers, strides, events and the array's weights
// start afresh. The memory fits stream.machine() (a check). After an
// error, which names the command, what the memory holds is unspecified. The
// same bits for any thread count and on every host, provided that the stream
// keeps isa.h's rule that no core reads or writes what another one writes
// between two barriers.
Status Execute(const Stream& stream, Memory& memory,
               const ExecuteOptions& options = {});

// The same, one element at a time: what Execute is held to.
Status ExecuteScalar(const Stream& stream, Memory& memory);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONAL_H_
