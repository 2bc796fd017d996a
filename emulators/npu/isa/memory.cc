// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "emulators/npu/isa/functional.h"
#include "kernels/base/check.h"

namespace triptych::npu {

Memory::Memory(const MachineSize& machine)
    : acc_row_bytes_(machine.array_cols * 4) {
  for (int c = 0; c < machine.cores; ++c) {
    scratchpads_.emplace_back(static_cast<size_t>(machine.scratchpad_bytes));
    accumulators_.emplace_back(
        static_cast<size_t>(machine.accumulator_rows * acc_row_bytes_));
  }
  l2_.resize(static_cast<size_t>(machine.l2_bytes));
  pieces_[0] = {WritablePiece(0, l2_)};
}

bool Memory::Fits(const MachineSize& machine) const {
  const auto size = [](const AlignedVector<std::byte>& bytes) {
    return static_cast<int64_t>(bytes.size());
  };
  return machine.cores <= static_cast<int>(scratchpads_.size()) &&
         machine.array_cols * 4 == acc_row_bytes_ &&
         machine.scratchpad_bytes <= size(scratchpads_[0]) &&
         machine.accumulator_rows * acc_row_bytes_ <= size(accumulators_[0]) &&
         machine.l2_bytes <= size(l2_);
}

void Memory::Bind(Region region, std::vector<Piece> pieces) {
  TRIPTYCH_CHECK(region != Region::kL2, "the L2 is the machine's own");
  int64_t end = 0;
  for (const Piece& piece : pieces) {
    TRIPTYCH_CHECK(piece.offset >= end && piece.bytes >= 0, "piece at",
                   piece.offset, "after", end);
    end = piece.offset + piece.bytes;
  }
  pieces_[static_cast<size_t>(region)] = std::move(pieces);
}

std::byte* Memory::At(Region region, int64_t offset, int64_t bytes,
                      bool write) const {
  const std::vector<Piece>& pieces = pieces_[static_cast<size_t>(region)];
  auto after = std::ranges::upper_bound(pieces, offset, {}, &Piece::offset);
  if (after == pieces.begin()) return nullptr;
  const Piece& piece = *--after;
  const int64_t within = offset - piece.offset;
  if (within + bytes > piece.bytes || (write && !piece.writable)) {
    return nullptr;
  }
  return piece.data + within;
}

std::byte* Memory::Local(int core, uint32_t address) const {
  const auto c = static_cast<size_t>(core);
  return (address & kAccBit) != 0
             ? accumulators_[c].data() + (address & ~kAccBit)
             : scratchpads_[c].data() + address;
}

std::byte* Memory::AccumulatorRow(int core, uint32_t row) const {
  return accumulators_[static_cast<size_t>(core)].data() + row * acc_row_bytes_;
}

std::span<std::byte> Memory::scratchpad(int core) const {
  return scratchpads_[static_cast<size_t>(core)];
}
std::span<std::byte> Memory::accumulators(int core) const {
  return accumulators_[static_cast<size_t>(core)];
}
std::span<std::byte> Memory::l2() const { return l2_; }

}  // namespace triptych::npu
