// All that a tile program includes. README.md walks through one.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_TILE_H_
#define TRIPTYCH_KERNELS_TILE_TILE_H_

#include "kernels/tile/buffer.h"
#include "kernels/tile/core.h"
#include "kernels/tile/engine.h"
#include "kernels/tile/noc.h"
#include "kernels/tile/stream.h"
#include "kernels/tile/tensor.h"

// The last line of a program: what each core does. `setup` runs on all five
// before anything else and makes the buffers; `reader` is NC's, `writer` B's,
// `compute` that of T0, T1 and T2, of which each does its part of a call.
#define TILE_PROGRAM(setup, reader, compute, writer) \
  void TILE_MAIN(void) {                             \
    setup();                                         \
    if (TILE_CORE == kCoreNc) {                      \
      reader();                                      \
    } else if (TILE_CORE == kCoreB) {                \
      writer();                                      \
    } else {                                         \
      compute();                                     \
      EngineFinish();                                \
    }                                                \
  }

#endif  // TRIPTYCH_KERNELS_TILE_TILE_H_
