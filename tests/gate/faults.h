// Faults put between a target's steps and the programs that run them: at the
// boundary of values and charges that all targets share, so that one fault is
// every target's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_GATE_FAULTS_H_
#define TRIPTYCH_TESTS_GATE_FAULTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "emulators/target.h"

namespace triptych::gate {

enum class Seeded : uint8_t {
  kNone,
  // Inputs are rounded to the machine's format towards zero, not to nearest.
  kWrongRounding,
  kLostTile,    // the last 32 inputs of each product are not added
  kExtraCycle,  // ends one cycle late
  kExtraByte,   // moves one byte too many
  kOneBit,      // the last bit of one output of each call is wrong
};
std::string_view SeededName(Seeded fault);

// Puts `fault` into the operator `op` ("ffn.down") of one layer, -1 for all.
CompileOptions WithFault(const Target& target, Seeded fault,
                         const std::string& op, int layer);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TESTS_GATE_FAULTS_H_
