// The measured roof of this process: peaks and bandwidths, each measured when
// first asked for and kept.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_ROOF_H_
#define TRIPTYCH_BENCH_ROOF_H_

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/units.h"
#include "kernels/variants.h"

namespace triptych::bench {

// What the roof says of some work.
struct Ceiling {
  double seconds;          // the least that the work can take
  std::string_view bound;  // what takes it: "compute", or the level
  std::string_view level;  // that holds the operands: L1, L2, L3 or DRAM
  FlopsPerSecond peak;
  BytesPerSecond bandwidth;  // of the level
};

// A bandwidth measured again.
struct Recheck {
  std::string_view level;
  Bytes set;  // that is read
  BytesPerSecond before, after;
};

// Not thread-safe.
class Roof {
 public:
  FlopsPerSecond Peak(DType dtype, int threads);

  // All the flops of `work` at the peak, or all its bytes at the bandwidth of
  // reading a set of `set` bytes over and over, whichever takes longer.
  Ceiling Over(const ProblemWork& work, DType dtype, int threads, Bytes set);
  // The operands alone are in the caches.
  Ceiling Over(const ProblemWork& work, DType dtype, int threads) {
    return Over(work, dtype, threads, work.bytes);
  }

  // Measures bandwidths beyond the private caches anew, the largest set of
  // each level that was asked for: neighbours share them, and change.
  std::vector<Recheck> MeasureShared() const;

 private:
  // What is read over and over, for each thread.
  struct Set {
    std::string_view level;
    size_t bytes;
    friend bool operator<(const Set& a, const Set& b) {
      return a.bytes < b.bytes;
    }
  };
  static Set SetFor(size_t bytes, int threads);
  BytesPerSecond Bandwidth(const Set& set, int threads);

  std::map<std::pair<DType, int>, FlopsPerSecond> peaks_;
  std::map<std::pair<Set, int>, BytesPerSecond> bandwidths_;
};

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_ROOF_H_
