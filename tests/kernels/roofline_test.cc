// What can be said of a measurement on any machine, however busy.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/roofline/roofline.h"

#include <doctest/doctest.h>

#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

// A measured peak is at least this much of the clock: one vector of 16 bytes,
// one multiply and one add, every fourth cycle.
TEST_CASE("a peak is more than the slowest core and less than the fastest") {
  const Hertz clock = MeasureClock();
  CHECK(clock.value > 0.2e9);
  CHECK(clock.value < 10e9);
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kI8}) {
    INFO(InfoOf(dtype).name);
    const FlopsPerSecond peak = MeasurePeak(dtype, 1);
    CHECK(peak.value > clock.value / 2);
    CHECK(peak.value < clock.value * 4096);  // an 8 x 8 x 32 matrix unit
  }
}

// Twice the width, twice the rate: here by 1.5 at least. Fails when a
// per-target function was compiled without its target's instructions.
TEST_CASE("wider vectors are faster") {
  double sse = 0, avx2 = 0;
  ForEachSimdTarget([&](int64_t target) {
    const double peak = MeasurePeak(DType::kF32, 1).value;
    if (target == HWY_SSE4) sse = peak;
    if (target == HWY_AVX2) avx2 = peak;
  });
  if (sse == 0 || avx2 == 0) {
    MESSAGE("skipped: this host does not have both SSE4 and AVX2");
    return;
  }
  CHECK(avx2 > 1.5 * sse);
}

// What was written is checked where it is measured.
TEST_CASE("L1 is faster than memory, whatever is written of what is read") {
  for (const StreamMix mix : kStreamMixes) {
    CAPTURE(mix.reads);
    CAPTURE(mix.writes);
    const double l1 = MeasureBandwidth(16 << 10, 1, mix).value;
    const double memory = MeasureBandwidth(size_t{256} << 20, 1, mix).value;
    CHECK(memory > 0.1e9);
    CHECK(l1 > memory);
  }
}

}  // namespace
}  // namespace triptych
