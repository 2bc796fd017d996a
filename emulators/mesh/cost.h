// What one operator costs on the grid, before it becomes charges.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_COST_H_
#define TRIPTYCH_EMULATORS_MESH_COST_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace triptych::mesh {

// Times in cycles. A part is busy for its own figure, starting when its first
// input can be there: `noc` and `dram` after `launch`, the others after
// `launch + fill`. The grid works in lock step: a figure is that of its
// busiest tile, and all of them together are one unit.
struct Cost {
  double total = 0;  // from launch to the last byte written
  double launch = 0;
  double fill = 0;  // until the first operands are in L1
  double unpack = 0, fpu = 0, sfpu = 0, pack = 0;
  double noc = 0, dram = 0;

  // Counts, of all tiles together.
  int64_t macs = 0;       // tile products, rows that only fill up included
  int64_t noc_bytes = 0;  // into the receivers' L1
  int64_t unpack_bytes = 0, pack_bytes = 0;  // from and to L1
  int64_t dram_bytes = 0;                    // to and from DRAM

  // `next` follows when this is done; one launch serves both.
  Cost& Then(const Cost& next) {
    const double work = (total - launch) + (next.total - next.launch);
    launch = std::max(launch, next.launch);
    total = launch + work;
    unpack += next.unpack;
    fpu += next.fpu;
    sfpu += next.sfpu;
    pack += next.pack;
    noc += next.noc;
    dram += next.dram;
    macs += next.macs;
    noc_bytes += next.noc_bytes;
    unpack_bytes += next.unpack_bytes;
    pack_bytes += next.pack_bytes;
    dram_bytes += next.dram_bytes;
    return *this;
  }

  // `times` of this in a row, after one launch; an expected number may be
  // broken.
  Cost& Repeat(double times) {
    total = launch + (total - launch) * times;
    for (double* busy : {&unpack, &fpu, &sfpu, &pack, &noc, &dram}) {
      *busy *= times;
    }
    for (int64_t* count :
         {&macs, &noc_bytes, &unpack_bytes, &pack_bytes, &dram_bytes}) {
      *count = std::llround(static_cast<double>(*count) * times);
    }
    return *this;
  }
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_COST_H_
