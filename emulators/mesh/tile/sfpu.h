// Functions of the vector unit: one row each, with what they cost.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_SFPU_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_SFPU_H_

#include <cstdint>
#include <string_view>

namespace triptych::mesh::tile {

// `instructions` are for one vector, load and store of Dst included.
struct UnaryFunction {
  uint32_t code;
  std::string_view name;
  int instructions;
  float (*value)(float x, float immediate);
};
struct BinaryFunction {
  uint32_t code;
  std::string_view name;
  int instructions;
  float (*value)(float x, float y);
};

// nullptr: no such function.
const UnaryFunction* FindUnary(uint32_t code);
const BinaryFunction* FindBinary(uint32_t code);
// Of a function that there is.
int UnaryInstructions(std::string_view name);
int BinaryInstructions(std::string_view name);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_SFPU_H_
