// Commands as text, one a line:
//
//   LD.unpack4 region=weights offset=4096 local=0x100 size0=64 size1=8
//       wait=1,2 signal=3 cores=0x3
//
// (on one line). The name and its flags, the operands that are not 0, then
// events and cores. Addresses are in hexadecimal, with "acc+" in front of what
// lies in the accumulators and "none" for kNoOperand; f32 as decimals that
// read back to the same bits.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_

#include <string>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// Any bytes: what is no command reads ".word 0x... 0x... 0x... 0x...".
std::string Disassemble(const Command& command);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_TEXT_H_
