// The measured roof of this process: peaks and bandwidths, each measured when
// first asked for and kept.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_ROOF_H_
#define TRIPTYCH_BENCH_ROOF_H_

#include <map>
#include <utility>

#include "kernels/base/dtype.h"
#include "kernels/base/units.h"
#include "kernels/variants.h"

namespace triptych::bench {

// Not thread-safe.
class Roof {
 public:
  FlopsPerSecond Peak(DType dtype, int threads);

  // Reading a set of this size over and over: of the smallest level (L1, L2,
  // L3, memory) that holds it.
  BytesPerSecond Bandwidth(Bytes set, int threads);

  // The least time `work` can take: all its flops at the peak, or all its
  // bytes at the bandwidth of the level that holds them.
  double LeastSeconds(const ProblemWork& work, DType dtype, int threads);

 private:
  std::map<std::pair<DType, int>, FlopsPerSecond> peaks_;
  std::map<std::pair<size_t, int>, BytesPerSecond> bandwidths_;
};

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_ROOF_H_
