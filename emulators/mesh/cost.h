// What one operator costs on the grid, before it becomes charges.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_COST_H_
#define TRIPTYCH_EMULATORS_MESH_COST_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace triptych::mesh {

// Times in cycles, of one chip; all chips that share an operator do the same.
// A part is busy for its own figure, starting when its first input can be
// there: `noc` and `dram` after `launch`, the others after `launch + fill`.
// The grid works in lock step: a figure is that of its busiest tile, and all
// of them together are one unit.
struct Cost {
  double total = 0;  // from launch to the last byte written
  double launch = 0;
  double fill = 0;  // until the first operands are in L1
  double tail = 0;  // from the last product's end to the last byte in DRAM
  double unpack = 0, fpu = 0, sfpu = 0, pack = 0;
  double noc = 0, dram = 0, ethernet = 0;
  // Cycles of DRAM for weights that do not wait for the operator.
  double ahead = 0;

  // Counts, of all tiles together.
  int64_t macs = 0;       // tile products, rows that only fill up included
  int64_t noc_bytes = 0;  // into the receivers' L1
  int64_t unpack_bytes = 0, pack_bytes = 0;  // from and to L1
  int64_t dram_bytes = 0;                    // to and from DRAM
  int64_t ethernet_bytes = 0;                // sent to other chips

  // Cycles in which the grid's tiles cannot compute for another operator.
  double computing() const { return std::max({unpack, fpu, sfpu, pack}); }
  // Until all parts are done.
  double span() const {
    return std::max({total, launch + std::max({noc, dram, ethernet}),
                     launch + fill + computing()});
  }

  // `next` follows when this is done; one launch serves both.
  Cost& Then(const Cost& next) {
    const double work = (total - launch) + (next.total - next.launch);
    launch = std::max(launch, next.launch);
    total = launch + work;
    tail = next.tail;
    AddWork(next);
    return *this;
  }

  // A program of its own before or after this one.
  Cost& And(const Cost& other) {
    launch += other.launch;
    total += other.total;
    AddWork(other);
    return *this;
  }

  // `times` of this in a row, after one launch; an expected number may be
  // broken.
  Cost& Repeat(double times) {
    total = launch + (total - launch) * times;
    for (double* busy : {&unpack, &fpu, &sfpu, &pack, &noc, &dram, &ethernet}) {
      *busy *= times;
    }
    for (int64_t* count : {&macs, &noc_bytes, &unpack_bytes, &pack_bytes,
                           &dram_bytes, &ethernet_bytes}) {
      *count = std::llround(static_cast<double>(*count) * times);
    }
    return *this;
  }

  // What this waits for, longest first: the part that bounds it, and the one
  // that would if that were faster.
  using Part = std::pair<std::string_view, double>;
  std::array<Part, 8> Bounds() const {
    std::array<Part, 8> parts = {{{"launch", launch},
                                  {"fpu", fpu},
                                  {"sfpu", sfpu},
                                  {"unpack", unpack},
                                  {"pack", pack},
                                  {"noc", noc},
                                  {"dram", dram},
                                  {"ethernet", ethernet}}};
    std::ranges::sort(parts, std::greater<>(), &Part::second);
    return parts;
  }

 private:
  void AddWork(const Cost& next) {
    unpack += next.unpack;
    fpu += next.fpu;
    sfpu += next.sfpu;
    pack += next.pack;
    noc += next.noc;
    dram += next.dram;
    ethernet += next.ethernet;
    macs += next.macs;
    noc_bytes += next.noc_bytes;
    unpack_bytes += next.unpack_bytes;
    pack_bytes += next.pack_bytes;
    dram_bytes += next.dram_bytes;
    ethernet_bytes += next.ethernet_bytes;
  }
};

// From when to when the parts that other operators may use meanwhile are busy,
// in cycles from the operator's begin.
struct Busy {
  struct Interval {
    double from = 0, to = 0;
  };
  Interval launch, noc, dram, ethernet;
};

// Of an operator that has the machine to itself.
inline Busy BusyOf(const Cost& cost) {
  const double go = cost.launch;
  return {.launch = {0, go},
          .noc = {go, go + cost.noc},
          .dram = {go, go + cost.dram},
          .ethernet = {go, go + cost.ethernet}};
}

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_COST_H_
