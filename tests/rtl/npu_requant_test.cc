// The NPU's requantiser: the model against rounding as it is defined, the RTL
// against the model where rounding is decided.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>

#include "kernels/base/rng.h"
#include "rtl/npu_array/npu_array_model.h"
#include "rtl/npu_array/npu_array_rtl.h"

namespace triptych::rtl {
namespace {

// Clocks the RTL and compares what comes out with what the model says of what
// went in.
class Pair {
 public:
  void Check(int32_t acc, const NpuRequant& how) {
    const NpuCode code = rtl_.Clock(acc, how);
    expected_.push_back(NpuRequantise(acc, how));
    if (expected_.size() < NpuRequantRtl::kLatency) return;
    differ_ += code != expected_.front();
    expected_.pop_front();
    ++checked_;
  }
  // Those on their way come out first.
  int64_t Differ() {
    for (int i = 1; i < NpuRequantRtl::kLatency; ++i) Check(0, {});
    return differ_;
  }
  int64_t checked() const { return checked_; }

 private:
  NpuRequantRtl rtl_;
  std::deque<NpuCode> expected_;
  int64_t differ_ = 0, checked_ = 0;
};

int Code(int32_t acc, int32_t multiplier, int shift, bool twice) {
  return NpuRequantise(acc, {.multiplier = multiplier,
                             .shift = shift,
                             .double_rounding = twice})
      .code;
}

TEST_CASE("ties and signs, by hand") {
  // acc / 2: single rounding goes up, and the second of two away from zero.
  for (const auto& [acc, single, twice] :
       {std::array{1, 1, 1}, std::array{-1, 0, -1}, std::array{2, 1, 1},
        std::array{-2, -1, -1}, std::array{3, 2, 2}, std::array{-3, -1, -2},
        std::array{5, 3, 3}, std::array{-5, -2, -3}}) {
    CHECK(Code(acc, 1 << 30, 31, false) == single);
    // The first of the two is the same as single rounding; 2^30 / 2^31 is a
    // tie there, and there is no second.
    CHECK(Code(acc, 1 << 30, 31, true) == single);
    // acc * 2^30 / 2^31 / 2 = acc / 4.
    CHECK(Code(2 * acc, 1 << 30, 32, true) == twice);
    CHECK(Code(2 * acc, 1 << 30, 32, false) == single);
  }
  // Rounded twice, 0.46875 is 0.5 and then 1: 15/32 = (15/16) / 2.
  CHECK(Code(15, 1 << 27, 32, false) == 0);
  CHECK(Code(15, 1 << 27, 32, true) == 1);
  // Without a shift there is nothing to round.
  CHECK(Code(-7, 3, 0, false) == -21);
  // The one product that does not fit.
  CHECK(Code(INT32_MIN, INT32_MIN, 62, true) == 1);
  CHECK(Code(INT32_MIN, INT32_MIN, 62, false) == 1);
  // Zero point, then clamp.
  const NpuRequant how{.multiplier = 1 << 30,
                       .shift = 31,
                       .zero_point = -100,
                       .min = -101,
                       .max = 20};
  CHECK(NpuRequantise(0, how) == NpuCode{-100, false});
  CHECK(NpuRequantise(-4, how) == NpuCode{-101, true});
  CHECK(NpuRequantise(-2, how) == NpuCode{-101, false});
  CHECK(NpuRequantise(240, how) == NpuCode{20, false});
  CHECK(NpuRequantise(242, how) == NpuCode{20, true});
}

// floor(x + 1/2), in arithmetic that has nothing in common with the model's:
// a product below 2^53 and its division by a power of two are exact.
TEST_CASE("single rounding is floor(x + 1/2)") {
  Rng rng(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto acc = static_cast<int32_t>(rng.Next()) >> (8 + rng.Below(20));
    const auto multiplier = static_cast<int32_t>(rng.Next()) >> 4;
    const int shift = static_cast<int>(rng.Below(63));
    const double exact = std::ldexp(double{1} * acc * multiplier, -shift);
    const double rounded =
        std::fmin(127, std::fmax(-128, std::floor(exact + .5)));
    REQUIRE(Code(acc, multiplier, shift, false) == rounded);
  }
}

TEST_CASE("double rounding is floor(x + 1/2), then to the nearest") {
  Rng rng(2);
  for (int i = 0; i < 200'000; ++i) {
    const auto acc = static_cast<int32_t>(rng.Next()) >> (8 + rng.Below(20));
    const auto multiplier = static_cast<int32_t>(rng.Next()) >> 4;
    const int shift = 31 + static_cast<int>(rng.Below(32));
    const double high =
        std::floor(std::ldexp(double{1} * acc * multiplier, -31) + .5);
    const double rounded = std::round(std::ldexp(high, 31 - shift));
    const double clamped = std::fmin(127, std::fmax(-128, rounded));
    REQUIRE(Code(acc, multiplier, shift, true) == clamped);
  }
}

// Sums that are odd multiples of a power of two, and their neighbours: with
// multipliers that are powers of two, every tie of every shift, of either
// rounding, where the code is near zero or near an end of its range.
TEST_CASE("RTL == model: at every tie and beside it") {
  Pair pair;
  constexpr int kCodes[] = {-130, -129, -128, -127, -3,  -2, -1,
                            0,    1,    2,    126,  127, 128};
  for (int multiplier_bit = 0; multiplier_bit < 32; ++multiplier_bit) {
    const auto multiplier = static_cast<int32_t>(1u << multiplier_bit);
    for (int shift = 0; shift <= 62; ++shift) {
      for (int bit = 0; bit < 31; ++bit) {
        for (const int code : kCodes) {
          const int64_t tie = (2 * int64_t{code} + 1) * (int64_t{1} << bit);
          for (int64_t acc = tie - 1; acc <= tie + 1; ++acc) {
            if (acc != static_cast<int32_t>(acc)) continue;
            pair.Check(static_cast<int32_t>(acc),
                       {.multiplier = multiplier, .shift = shift});
            if (shift < 31) continue;
            pair.Check(static_cast<int32_t>(acc), {.multiplier = multiplier,
                                                   .shift = shift,
                                                   .double_rounding = true});
          }
        }
      }
    }
  }
  CHECK(pair.Differ() == 0);
  CHECK(pair.checked() > 2'000'000);
}

// Any multiplier: the sums on both sides of where the code changes.
TEST_CASE("RTL == model: where the code changes, for any multiplier") {
  Pair pair;
  Rng rng(3);
  for (int i = 0; i < 4'000; ++i) {
    const auto multiplier = static_cast<int32_t>(rng.Next()) >> rng.Below(30);
    const int shift = static_cast<int>(rng.Below(63));
    if (multiplier == 0) continue;
    for (int code = -130; code <= 130; ++code) {
      const double edge = std::ldexp(code + .5, shift) / multiplier;
      if (!(std::abs(edge) < 2147483600.0)) continue;
      const auto near = static_cast<int32_t>(std::floor(edge));
      for (int32_t acc = near - 1; acc <= near + 2; ++acc) {
        pair.Check(acc, {.multiplier = multiplier,
                         .shift = shift,
                         .double_rounding = shift >= 31 && code % 2 == 0});
      }
    }
  }
  CHECK(pair.Differ() == 0);
  CHECK(pair.checked() > 200'000);
}

TEST_CASE("RTL == model: extremes, every zero point, every clamp") {
  Pair pair;
  constexpr int32_t kExtremes[] = {INT32_MIN, INT32_MIN + 1, -1,       0,
                                   1,         INT32_MAX - 1, INT32_MAX};
  constexpr int8_t kZeroPoints[] = {-128, -1, 0, 127};
  for (const int32_t acc : kExtremes) {
    for (const int32_t multiplier : kExtremes) {
      for (int shift = 0; shift <= 62; ++shift) {
        for (int twice = 0; twice <= (shift >= 31); ++twice) {
          for (const int8_t zero_point : kZeroPoints) {
            pair.Check(acc, {.multiplier = multiplier,
                             .shift = shift,
                             .double_rounding = twice == 1,
                             .zero_point = zero_point});
          }
        }
      }
    }
  }
  for (int zero_point = -128; zero_point < 128; ++zero_point) {
    for (int bound = -128; bound < 128; ++bound) {
      for (int32_t acc = -260; acc <= 260; acc += 13) {
        NpuRequant how{.multiplier = 1, .shift = 0};
        how.zero_point = static_cast<int8_t>(zero_point);
        how.min = static_cast<int8_t>(acc % 2 == 0 ? bound : -128);
        how.max = static_cast<int8_t>(acc % 2 == 0 ? 127 : bound);
        pair.Check(acc, how);
      }
    }
  }
  CHECK(pair.Differ() == 0);
}

}  // namespace
}  // namespace triptych::rtl
