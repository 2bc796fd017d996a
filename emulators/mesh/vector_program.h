// What the engine of a tile does for operators that touch every element a few
// times: the commands of the programs in kernels/tile/programs, tile by tile.
// A row of a table each; the times follow from the engine's rates
// (tile/engine.h) and from the vector unit's functions (tile/sfpu.h).
//
// Everything here is a constant or a pure function: safe from any thread.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_VECTOR_PROGRAM_H_
#define TRIPTYCH_EMULATORS_MESH_VECTOR_PROGRAM_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "emulators/mesh/params.h"

namespace triptych::mesh {

// What the matrix unit does with a tile that comes through SrcA.
enum class FpuStep : uint8_t {
  kMove,      // copies it, adds or subtracts what is in SrcB
  kMultiply,  // element by element, in four passes
  kReduce,    // along rows
  kProduct,   // a tile product in four passes
};
struct Operand {
  FpuStep step;
  bool pair = false;  // brings a tile of its own to SrcB; else one stays there
};

// Tiles go through a stage in steps of what half of Dst holds.
struct VectorStage {
  std::span<const Operand> operands;  // in turn, of each tile
  int step = 1;                       // tiles
  int instructions = 0;               // of the vector unit, on each tile in Dst
  // A result for each tile; else one for all, of single precision, on which
  // the vector unit has so many instructions.
  bool each = true;
  int once = 0;
  bool single = false;  // one tile, however many the row has
};

// Stages follow one another: each needs all that the one before has packed.
struct VectorProgram {
  std::string_view op;  // of the graph
  std::span<const VectorStage> stages;
  bool rows = false;  // a row's tiles meet; else they go in steps
};

// nullptr: only the operator's own count of operations is known.
const VectorProgram* FindVectorProgram(std::string_view op);

// Cycles of one tile's engine.
struct VectorTimes {
  double total = 0;
  double first = 0;  // of the first row or step, the first stage
  double unpack = 0, fpu = 0, sfpu = 0, pack = 0;  // that a unit is busy

  VectorTimes& operator*=(double times) {
    for (double* cycles : {&total, &unpack, &fpu, &sfpu, &pack}) {
      *cycles *= times;
    }
    return *this;
  }
};
// A row of `tiles` tiles, `bytes` each, or as many that are not a row.
VectorTimes TimesOf(const Params& params, const VectorProgram& program,
                    int64_t tiles, double bytes);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_VECTOR_PROGRAM_H_
