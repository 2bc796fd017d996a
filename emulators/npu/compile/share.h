// Cutting work into equal parts for cores that run the same commands.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_SHARE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_SHARE_H_

#include <algorithm>
#include <cstdint>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {

// Part i of `parts` is `count` things from i * step on; together they cover
// all. Where the number of parts divides nothing, neighbours overlap: some
// results are then made twice, with the same bits, which costs less than
// commands of their own for whoever has fewer.
struct Share {
  int64_t parts = 1, count = 0, step = 0;
};

// `total` (>= 1) things in at most `parts` parts, as equal as can be.
inline Share ShareOf(int64_t total, int64_t parts) {
  TRIPTYCH_CHECK(total >= 1 && parts >= 1, "total", total, "parts", parts);
  Share share{std::min(total, parts), 0, 0};
  if (share.parts == 1) return {1, total, 0};
  share.count = CeilDiv(total, share.parts);
  while ((total - share.count) % (share.parts - 1) != 0) ++share.count;
  share.step = (total - share.count) / (share.parts - 1);
  return share;
}

// The same with parts of at most `most` things: as many parts as that takes.
inline Share ShareOfAtMost(int64_t total, int64_t most) {
  int64_t parts = CeilDiv(total, std::max<int64_t>(most, 1));
  Share share = ShareOf(total, parts);
  while (share.count > most) share = ShareOf(total, ++parts);
  return share;
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_SHARE_H_
