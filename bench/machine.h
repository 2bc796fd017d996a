// The machine a benchmark runs on: what it is, whether it holds still, and
// the state it must be in before the first measurement.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_MACHINE_H_
#define TRIPTYCH_BENCH_MACHINE_H_

#include <string>

#include "kernels/base/result.h"
#include "kernels/base/units.h"

namespace triptych::bench {

// What the figures were measured on.
struct Machine {
  std::string cpu;          // as the system calls it
  std::string simd_target;  // of our kernels: "AVX3_ZEN4"
  std::string compiler;
  Hertz clock;
  double load;  // processes ready to run, the mean of a minute
};
Machine DescribeMachine();

// The same loop of f32 multiply-adds in registers, for a tenth of a second in
// short slices: nothing but the clock and other programs can change how long
// it takes. A slice says what a short call can rely on; the share of the core,
// what a long one can, which is interrupted.
struct Calibration {
  FlopsPerSecond best;  // of all threads together
  double steadiness;    // the median slice over the best, of the worst thread
  double share;         // processor time over time, of the worst thread
  bool steady() const;
};
Calibration Calibrate(int threads);

// Puts this process on `threads` cores, and makes what reads its environment
// when it is loaded (OpenMP, the BLAS libraries) use as many threads, which
// sleep while they have no work: spinning ones would take the cores from the
// other side. OpenMP is there before main(): where its environment is another,
// this starts the program again with the same arguments, and does not return.
// Call it first, before any thread and any output. The CPU affinity of the
// caller is kept where it has that many cores or fewer.
Status SettleProcess(int threads);

// The bytes of a level of cache, 1 (of data) to 3, the last; where nothing
// says, 32 KiB, 1 MiB and 32 MiB.
Bytes CacheSize(int level);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_MACHINE_H_
