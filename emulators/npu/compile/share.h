// Cutting work into equal parts, for cores that run the same commands and for
// loops.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_SHARE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_SHARE_H_

#include <algorithm>
#include <cstdint>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {

// Parts of `count` things that follow each other, and `rest` more, fewer than
// there are parts. What cores write must not overlap, so the rest is made
// with commands of its own, one thing for each of the first cores.
struct Cut {
  int64_t parts = 1, count = 0, rest = 0;
  int64_t whole() const { return parts * count; }
};
inline Cut CutOf(int64_t total, int64_t most_parts) {
  TRIPTYCH_CHECK(total >= 1 && most_parts >= 1, "total", total, "parts",
                 most_parts);
  const int64_t parts = std::min(total, most_parts);
  return {parts, total / parts, total % parts};
}

// Part i of `parts` is `count` things from i * step on; together they cover
// all. Where the number of parts divides nothing, neighbours overlap: one core
// that makes some results twice, with the same bits, needs no other commands
// for the last part.
struct Share {
  int64_t parts = 1, count = 0, step = 0;
  bool exact() const { return parts == 1 || step == count; }
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
