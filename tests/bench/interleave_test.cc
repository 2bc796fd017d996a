// SPDX-License-Identifier: Apache-2.0
#include "bench/interleave.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace triptych::bench {
namespace {

// A clock that only what is timed moves: no other program does.
double clock_s = 0;
double Now() { return clock_s; }
void Spend(double seconds) { clock_s += seconds; }

// Sides that write their letter, and take 0.3 ms: three calls fill a slice.
struct Written {
  std::string text;
  std::vector<Side> sides;
  Written() {
    for (const char letter : {'a', 'b', 'c'}) {
      sides.emplace_back([this, letter] {
        text += letter;
        Spend(0.3e-3);
      });
    }
  }
};

// The letters of a run, each run of equal ones as one: the order of slices.
std::string Slices(std::string text) {
  text.erase(std::unique(text.begin(), text.end()), text.end());
  return text;
}

TEST_CASE("Every side has as many slices, of about a millisecond") {
  Written w;
  const auto times =
      Interleave(w.sides, {.seconds = 0, .rounds = 5, .now = Now});
  REQUIRE(times.size() == 3);
  for (const auto& side : times) {
    CHECK(side.size() == 5);
    for (const double call : side) {
      CHECK(call == doctest::Approx(0.3e-3).epsilon(1e-6));
    }
  }
  const auto calls = std::ranges::count(w.text, 'a');
  // Three to look; a round has two to warm up and three.
  CHECK(calls == 3 + 5 * (2 + 3));
}

TEST_CASE("Without warming up no call is untimed in a round") {
  Written w;
  Interleave(w.sides, {.seconds = 0, .rounds = 5, .warm = false, .now = Now});
  CHECK(std::ranges::count(w.text, 'a') == 3 + 5 * 3);
}

TEST_CASE("The order changes from round to round, the same way every time") {
  const auto run = [](uint64_t seed) {
    Written w;
    // A slice is one call: then the text has the order alone.
    const auto times = Interleave(w.sides, {.slice_s = 1e-9,
                                            .seconds = 0.01,
                                            .rounds = 30,
                                            .warm = false,
                                            .seed = seed,
                                            .now = Now});
    // Before the rounds it has looked at each side a few times.
    return w.text.substr(w.text.size() - 3 * times[0].size(), 90);
  };
  const std::string one = run(1);
  REQUIRE(one.size() == 90);
  std::string first;
  for (size_t i = 0; i < one.size(); i += 3) {
    std::string round = one.substr(i, 3);
    first += round[0];
    std::ranges::sort(round);
    CHECK(round == "abc");
  }
  for (const char letter : {'a', 'b', 'c'}) {
    // 30 rounds, a third each: 10 with a standard deviation of 2.6.
    CHECK(std::ranges::count(first, letter) >= 3);
  }
  CHECK(run(1) == one);
  CHECK(run(2) != one);
}

TEST_CASE("It goes on until each side has had its time, or one far more") {
  Written w;
  const auto long_enough =
      Interleave(w.sides, {.seconds = 0.03, .rounds = 1, .now = Now});
  double spent = 0;
  for (const double call : long_enough[0]) spent += 3 * call;
  CHECK(spent >= 0.03 * (1 - 1e-6));
  // A side of 30 ms a call: five rounds are all that is affordable.
  w.sides.emplace_back([] { Spend(0.03); });
  const auto few =
      Interleave(w.sides, {.seconds = 0.01, .rounds = 30, .now = Now});
  CHECK(few[0].size() == 5);
}

TEST_CASE("Slices alternate between sides") {
  Written w;
  Interleave(w.sides, {.seconds = 0, .rounds = 4, .now = Now});
  // 4 rounds of 3 slices, and one look at each side; slices of one side may
  // meet at the border of two rounds.
  CHECK(Slices(w.text).size() >= 3 + 4 * 2);
}

}  // namespace
}  // namespace triptych::bench
