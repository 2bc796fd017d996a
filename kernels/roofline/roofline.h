// What this machine can do at best, measured by running it: the roof under
// which kernels and the cpu target are placed.
//
// Every figure is the best of many short slices (a fraction of a millisecond,
// shorter than the scheduler's quantum): other programs only ever add time.
// With several threads it is the sum of what each reached while all ran. The
// arithmetic and the loads are those of the SIMD target in use, and each slice
// checks that it computed what it should have: a loop that the compiler
// removed cannot report a speed.
//
// Not thread-safe against each other: two measurements at once share the
// machine. Nothing is cached; a call takes about 50 ms.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROOFLINE_ROOFLINE_H_
#define TRIPTYCH_KERNELS_ROOFLINE_ROOFLINE_H_

#include <compare>
#include <cstddef>
#include <string_view>

#include "kernels/base/dtype.h"
#include "kernels/base/units.h"

namespace triptych {

// The rate of multiply-adds (2 flops each) with all operands in registers, in
// the arithmetic of the matrix products: kF32, kBf16 (sums in f32) or kI8 (u8
// x s8, sums in s32). Other formats are programmer errors.
FlopsPerSecond MeasurePeak(DType dtype, int threads);

// How many bytes a loop writes for those it reads.
struct StreamMix {
  size_t reads = 1, writes = 0;
  // Of all bytes, those that are written.
  double written() const {
    return static_cast<double>(writes) / static_cast<double>(reads + writes);
  }
  friend constexpr auto operator<=>(const StreamMix&,
                                    const StreamMix&) = default;
};
// The mixes that can be measured.
inline constexpr StreamMix kStreamMixes[] = {{1, 0}, {4, 1}, {2, 1},
                                             {1, 1}, {1, 2}, {1, 4}};

// The rate of going over `bytes` again and again, some of them read and some
// written (ordinary stores), split evenly between the threads, so that the size
// chooses the level: 16 KiB a thread is L1, 256 KiB L2, and so on. Bytes read
// and bytes written count alike, and what a level moves on its own account (a
// line that is fetched because it will be written) does not. bytes >= 4096 a
// thread; mix is one of kStreamMixes.
BytesPerSecond MeasureBandwidth(size_t bytes, int threads, StreamMix mix = {});

// The clock of the core this thread runs on, from a chain of dependent
// additions (one a cycle).
Hertz MeasureClock();

// "AVX3_ZEN4": the SIMD target in use.
std::string_view SimdTargetName();

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ROOFLINE_ROOFLINE_H_
