// Commands as text, one a line:
//
//   .region wq weights 4096 65536     # a label: region, offset, bytes
//   LOOP count=8
//     LD.unpack4 region=weights offset=wq+64 local=0x100 size0=64 size1=8
//         size2=1 wait=1,2 signal=3 cores=0x3
//   END
//
// (a command on one line). The name and its flags, the operands, those left
// out being 0, then events and cores. Numbers are decimal or 0x...; in front
// of a local address, "acc+" says that it lies in the accumulators; "none" is
// kNoOperand. f32 are decimals with an f behind, which read back to the same
// bits, or the bits. An offset may be a label, which must be of the command's
// region, and bytes behind it. "#" begins a comment. ".word a b c d" is any
// command, as four little-endian 64-bit numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/npu/isa/isa.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// A named piece of a region. Names have no blanks, "#", "=" or "+", and do not
// begin with a digit.
struct Label {
  std::string name;
  Region region = Region::kL2;
  uint64_t offset = 0, bytes = 0;
  friend bool operator==(const Label&, const Label&) = default;
};

struct Listing {
  std::vector<Label> labels;
  std::vector<Command> commands;
};

// One command, without labels. Any bytes: what its operands do not tell
// entirely is a ".word".
std::string Disassemble(const Command& command);

// A whole listing: labels, then commands, loops indented, offsets as labels
// where one covers them. Reads back to the same labels and bytes.
std::string Disassemble(const Listing& listing);

// Errors are "file:line: what is wrong; allowed ...". Commands are what the
// text says: whether they are well formed is for Stream::Check.
Result<Listing> Assemble(std::string_view text, std::string_view file);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_
