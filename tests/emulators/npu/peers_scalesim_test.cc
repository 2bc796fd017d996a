// SCALE-Sim's memory: every published run, and a twin that walks word by word.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "emulators/npu/peers/scalesim.h"
#include "emulators/validate.h"
#include "kernels/base/rng.h"

namespace triptych::npu {
namespace {

TEST_CASE("all published runs with narrow ports, to the cycle and the word") {
  const auto table =
      Table::Load("emulators/npu/validation/scalesim_bandwidth.csv");
  REQUIRE_MESSAGE(table, (table ? "" : table.error().message));
  const auto scored = Validate("npu", {}, *table);
  REQUIRE_MESSAGE(scored, (scored ? "" : scored.error().message));
  CHECK(scored->unpredicted.empty());
  REQUIRE(scored->scores.size() == 5);
  for (const Score& score : scored->scores) {
    CAPTURE(score.measure);
    CHECK(score.rows == 31);
    CHECK(score.max_ape_pct == 0);
  }
}

// The words of an operand in the order they are fetched in, found by sorting
// rather than by counting; and of each fold and step the words asked for.
struct Twin {
  using Word = std::pair<int64_t, int64_t>;  // line of all, lane
  int64_t across, lines, lanes, folds;
  std::map<Word, int64_t> place;

  Twin(int64_t all_across, int64_t all_lines, int64_t all_lanes, bool streams)
      : across(all_across),
        lines(all_lines),
        lanes(all_lanes),
        folds((across + lanes - 1) / lanes) {
    std::vector<std::tuple<int64_t, int64_t, Word>> order;
    for (int64_t f = 0; f < folds; ++f) {
      for (int64_t l = 0; l < lines; ++l) {
        for (int64_t c = 0; c < lanes && f * lanes + c < across; ++c) {
          const int64_t line = f * lines + l;
          order.push_back({streams ? line + c : line, c, {line, c}});
        }
      }
    }
    std::ranges::sort(order);
    for (const auto& [step, c, word] : order) {
      place.emplace(word, static_cast<int64_t>(place.size()));
    }
  }
  // Places of what streams `step` steps into `fold`.
  std::vector<int64_t> At(int64_t fold, int64_t step) const {
    std::vector<int64_t> places;
    for (int64_t c = 0; c < lanes; ++c) {
      const int64_t l = step - c;
      const auto at = place.find({fold * lines + l, c});
      if (l >= 0 && l < lines && at != place.end())
        places.push_back(at->second);
    }
    return places;
  }
};

struct TwinPort {
  int64_t half, fetch, piece, pieces, window, arrival, first = 0;
  TwinPort(int64_t words, int64_t buffer, int64_t rate)
      : half(buffer / 2),
        fetch((half + rate - 1) / rate),
        piece((buffer + 99) / 100),
        pieces((words + piece - 1) / piece),
        window((half + piece - 1) / piece),
        arrival(fetch - 1) {}
  int64_t Wait(const std::vector<int64_t>& places, int64_t now) {
    const int64_t start = now;
    if (pieces <= window) return 0;
    for (const int64_t place : places) {
      const int64_t wanted = place / piece;
      const auto seen = [&] {
        for (int64_t i = 0; i < window; ++i) {
          if ((first + i) % pieces == wanted) return true;
        }
        return false;
      };
      while (!seen()) {
        first = (first + std::min(window, pieces - window)) % pieces;
        now = std::max(now, arrival);
        arrival += fetch + 1;
      }
    }
    return now - start;
  }
};

// Weight-stationary with a result buffer too large to matter.
int64_t TwinCycles(const GemmSize& g, int64_t r, int64_t buffer, int64_t rate) {
  const Twin a(g.k, g.m, r, true), b(g.n, g.k, r, false);
  TwinPort a_port(g.m * g.k, buffer, rate), b_port(g.n * g.k, buffer, rate);
  int64_t now = 0;
  for (int64_t j = 0; j < b.folds; ++j) {
    for (int64_t i = 0; i < a.folds; ++i) {
      for (int64_t t = 0; t < g.m + 3 * r - 2; ++t, ++now) {
        std::vector<int64_t> row;
        const int64_t k = (i + 1) * r - 1 - t;
        for (int64_t c = 0; t < r && k < g.k && c < r; ++c) {
          const auto at = b.place.find({j * g.k + k, c});
          if (at != b.place.end()) row.push_back(at->second);
        }
        now +=
            std::max(a_port.Wait(a.At(i, t - r), now), b_port.Wait(row, now));
      }
    }
  }
  return now;
}

TEST_CASE("counting places in the fetch order equals sorting it") {
  Rng rng(7);
  int stalled = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const auto draw = [&](int64_t top) {
      return 1 + static_cast<int64_t>(rng.Uniform() * static_cast<double>(top));
    };
    const int64_t r = int64_t{1} << draw(4);
    const GemmSize g{draw(60), draw(60), draw(60)};
    const int64_t buffer = 100 * draw(12), rate = draw(6);
    CAPTURE(r);
    CAPTURE(g.m);
    CAPTURE(g.n);
    CAPTURE(g.k);
    CAPTURE(buffer);
    CAPTURE(rate);
    const ScaleSimMemory memory{buffer, buffer, int64_t{1} << 40, rate};
    const ScaleSimRun run =
        RunScaleSim(Dataflow::kWeight, g, {r, r, false}, memory);
    CHECK(run.cycles == TwinCycles(g, r, buffer, rate));
    stalled += run.stall_cycles > 0 ? 1 : 0;
  }
  CHECK(stalled > 10);
}

TEST_CASE("a transposed product swaps the operands and keeps the cycles") {
  // ws with A and B is what is does with B^T and A^T.
  const ScaleSimMemory memory{3000, 3000, 2000, 3};
  for (const GemmSize& g : {GemmSize{90, 40, 70}, GemmSize{7, 200, 33}}) {
    const ScaleSimRun ws =
        RunScaleSim(Dataflow::kWeight, g, {8, 8, false}, memory);
    const ScaleSimRun is =
        RunScaleSim(Dataflow::kInput, {g.n, g.m, g.k}, {8, 8, false}, memory);
    CHECK(ws.stall_cycles > 0);
    CHECK(ws.cycles == is.cycles);
    CHECK(ws.a_words == is.b_words);
    CHECK(ws.b_words == is.a_words);
    CHECK(ws.c_words == is.c_words);
  }
}

TEST_CASE("wide ports never stall; sums are written once a fold of K") {
  const GemmSize g{50, 30, 40};
  const ScaleSimMemory memory{4000, 4000, 4000, 1000};
  const ScaleSimRun run =
      RunScaleSim(Dataflow::kWeight, g, {16, 16, false}, memory);
  CHECK(run.stall_cycles == 0);
  CHECK(run.cycles == ScaleSimCycles(Dataflow::kWeight, g, {16, 16}) + 1);
  // 3 folds along K; at most a line less one word of padding for each drain.
  CHECK(run.c_words >= 3 * g.m * g.n);
  CHECK(run.c_words < 3 * g.m * g.n + 3 * 1000);
}

}  // namespace
}  // namespace triptych::npu
