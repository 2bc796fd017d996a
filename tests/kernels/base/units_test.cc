// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/units.h"

#include <doctest/doctest.h>

#include <concepts>

namespace triptych {
namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

static_assert(Addable<Cycles, Cycles>);
static_assert(!Addable<Cycles, Picos>);
static_assert(!Addable<Cycles, uint64_t>);
static_assert(!std::convertible_to<Cycles, uint64_t>);
static_assert(!std::convertible_to<uint64_t, Cycles>);

TEST_CASE("Quantities add, scale and compare") {
  Cycles total(40);
  total += Cycles(2);
  CHECK(total == Cycles(42));
  CHECK(total - Cycles(2) == Cycles(40));
  CHECK(total * 2 == Cycles(84));
  CHECK(2 * total > total);
  CHECK(Bytes(3) / Bytes(4) == 0.75);
}

TEST_CASE("Times round up: nothing takes less than it should") {
  CHECK(TimeOf(Cycles(1), Hertz(1e9)) == Picos(1000));
  CHECK(TimeOf(Cycles(1), Hertz(3e9)) == Picos(334));  // 333.3
  CHECK(TimeOf(Cycles(0), Hertz(3e9)) == Picos(0));
  CHECK(TimeOf(Bytes(64), BytesPerSecond(64e9)) == Picos(1000));
  CHECK(TimeOf(Flops(1), FlopsPerSecond(1e15)) == Picos(1));
  CHECK(Seconds(Picos(2'500'000'000'000)) == 2.5);
}

TEST_CASE("CeilDiv and RoundUp") {
  CHECK(CeilDiv(0, 4) == 0);
  CHECK(CeilDiv(4, 4) == 1);
  CHECK(CeilDiv(5, 4) == 2);
  CHECK(RoundUp<uint64_t>(65, 64) == 128);
}

}  // namespace
}  // namespace triptych
