// The measured roof of this process: peaks and bandwidths, each measured when
// first asked for and kept.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_ROOF_H_
#define TRIPTYCH_BENCH_ROOF_H_

#include <compare>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/units.h"
#include "kernels/roofline/roofline.h"
#include "kernels/variants.h"

namespace triptych::bench {

// What the roof says of some work.
struct Ceiling {
  double seconds;          // the least that the work can take
  std::string_view bound;  // what takes it: "compute", or a level
  std::string_view level;  // that holds the operands: L1, L2, L3 or DRAM
  FlopsPerSecond peak;
  BytesPerSecond bandwidth;  // of the level, for the mix
  StreamMix mix;             // the measured one that is nearest to the work's
};

// A bandwidth measured again.
struct Recheck {
  std::string_view level;
  Bytes set;  // that is gone over
  BytesPerSecond before, after;
};

// Not thread-safe.
class Roof {
 public:
  FlopsPerSecond Peak(DType dtype, int threads);

  // All the flops of `work` at the peak, all its bytes at the bandwidth of
  // going over a set of `set` bytes again and again, or these and what rows are
  // read and written again at that of L1: whichever takes longest. Bandwidths
  // are those of the mix of reads and writes that is nearest to the work's.
  Ceiling Over(const ProblemWork& work, DType dtype, int threads, Bytes set);
  // The operands alone are in the caches.
  Ceiling Over(const ProblemWork& work, DType dtype, int threads) {
    return Over(work, dtype, threads, work.bytes);
  }

  // Measures bandwidths beyond the private caches anew, the largest set of
  // each level that was asked for: neighbours share them, and change.
  std::vector<Recheck> MeasureShared() const;

 private:
  // What is gone over again and again, by each thread.
  struct Set {
    size_t bytes;
    std::string_view level;
    StreamMix mix;
    int threads;
    friend auto operator<=>(const Set&, const Set&) = default;
  };
  static Set SetFor(Bytes bytes, StreamMix mix, int threads);
  BytesPerSecond Bandwidth(const Set& set);

  std::map<std::pair<DType, int>, FlopsPerSecond> peaks_;
  std::map<Set, BytesPerSecond> bandwidths_;
};

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_ROOF_H_
