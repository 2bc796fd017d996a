// Few rows against weights that come from memory, once per SIMD target.
//
// The tiles of tile-inl.h read several panels side by side: on Zen 5 that
// fetched DRAM at 28 GB/s for four rows, of the 42 GB/s that one run of
// addresses gets. Here a panel follows the other, and lines are asked for
// before they are read; sums that would wait for themselves are cut in chains
// of every other line, which integers allow.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_MATMUL_STREAM_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_MATMUL_STREAM_INL_H_
#undef TRIPTYCH_KERNELS_MATMUL_STREAM_INL_H_
#else
#define TRIPTYCH_KERNELS_MATMUL_STREAM_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include "hwy/cache_control.h"
#include "kernels/matmul/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

inline constexpr size_t kPanelVectors = PackedWeights::kPanelOutputs / kLanes;
// Where a panel takes more vectors than a register tile has, its sums do not
// fit into registers.
inline constexpr bool kStreams = kPanelVectors <= kVectors;
inline constexpr size_t kChains = kPanelVectors == 1 ? 2 : 1;

// kRows x one panel, of which `cols` outputs are wanted.
template <class Dot, size_t kRows>
void StreamPanel(const Block& block, size_t panel, size_t cols) {
  using T = typename Dot::T;
  const LineTag<T> d;
  const std::byte* HWY_RESTRICT a = block.a;
  const std::byte* HWY_RESTRICT w = block.w + panel * block.w_stride;
  hn::Vec<LineTag<T>> sum[kChains][kRows][kPanelVectors];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kPanelVectors; ++v) {
      HWY_UNROLL(8)
      for (size_t chain = 0; chain < kChains; ++chain) {
        sum[chain][r][v] = hn::Zero(d);
      }
    }
  }
  const auto line = [&](size_t chain) HWY_ATTR {
    hwy::Prefetch(w + kAheadLines * PackedWeights::kLineBytes);
    HWY_UNROLL(8)
    for (size_t v = 0; v < kPanelVectors; ++v) {
      const auto weights =
          Dot::LoadW(w + v * kLanes * PackedWeights::kUnitBytes);
      HWY_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        const auto x = Dot::Broadcast(a + r * block.a_stride);
        sum[chain][r][v] = Dot::MulAdd(x, weights, sum[chain][r][v]);
      }
    }
    a += block.a_step;
    w += PackedWeights::kLineBytes;
  };
  size_t lines = block.lines;
  for (; lines >= kChains; lines -= kChains) {
    HWY_UNROLL(8)
    for (size_t chain = 0; chain < kChains; ++chain) line(chain);
  }
  if (lines > 0) line(0);
  const size_t col = panel * PackedWeights::kPanelOutputs;
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    T* const c = static_cast<T*>(block.c) + r * block.c_stride + col;
    const T* const start =
        block.start == nullptr
            ? nullptr
            : static_cast<const T*>(block.start) + r * block.start_stride + col;
    HWY_UNROLL(8)
    for (size_t v = 0; v < kPanelVectors; ++v) {
      const size_t first = v * kLanes;
      if (first >= cols) continue;
      const size_t left = std::min(kLanes, cols - first);
      auto all = sum[0][r][v];
      HWY_UNROLL(8)
      for (size_t chain = 1; chain < kChains; ++chain) {
        all = hn::Add(all, sum[chain][r][v]);
      }
      if (start != nullptr) {
        all = hn::Add(all, hn::LoadN(d, start + first, left));
      }
      hn::StoreN(all, d, c + first, left);
    }
  }
}

// A block of at most kMr rows, whose sums are integers.
template <class Dot>
void StreamBlock(const Block& block) {
  constexpr size_t kPanel = PackedWeights::kPanelOutputs;
  static_assert(kMr == 6);
  for (size_t panel = 0; panel * kPanel < block.cols; ++panel) {
    const size_t cols = std::min(kPanel, block.cols - panel * kPanel);
    switch (block.rows) {
      case 1: StreamPanel<Dot, 1>(block, panel, cols); break;
      case 2: StreamPanel<Dot, 2>(block, panel, cols); break;
      case 3: StreamPanel<Dot, 3>(block, panel, cols); break;
      case 4: StreamPanel<Dot, 4>(block, panel, cols); break;
      case 5: StreamPanel<Dot, 5>(block, panel, cols); break;
      case 6: StreamPanel<Dot, 6>(block, panel, cols); break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#endif  // include guard, once per target
