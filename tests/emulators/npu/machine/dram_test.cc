// The memory off the chip: figures by hand, what it sustains, and the level
// that takes rows at once held to the one that walks every burst.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/dram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych::npu {
namespace {

constexpr int64_t kPace = 1250;  // a burst a cycle of 0.8 GHz

// Pins of the parts that presets have. LPDDR4X: 8 banks without groups, 32
// bytes a burst of 16; figures as in the presets.
DramParams Pins(std::string_view name) {
  DramParams d;
  if (name == "lpddr5-6400x128") return d;
  if (name == "lpddr5-6400x64") {
    d.channels = 4;
    d.peak_gb_per_s = 51.2;
    return d;
  }
  if (name == "lpddr5x-8533x128") {
    d.peak_gb_per_s = 136.5;
    d.same_group_gap_ns = 7.5;
    return d;
  }
  d.channels = name == "lpddr4x-4266x64" ? 4 : 2;
  d.peak_gb_per_s = name == "lpddr4x-4266x64" ? 34.1 : 17.07;
  d.banks = 8;
  d.bank_interleave = 1;
  d.burst_bytes = 32;
  d.same_group_gap_ns = 3.75;
  d.activate_gap_ns = 7.5;
  d.four_activates_ns = 30;
  d.read_latency_ns = 16.9;
  d.write_latency_ns = 8.4;
  d.write_recovery_ns = 18;
  d.write_to_read_ns = 10;
  return d;
}
constexpr const char* kPins[] = {"lpddr5-6400x128", "lpddr5-6400x64",
                                 "lpddr5x-8533x128", "lpddr4x-4266x64",
                                 "lpddr4x-4266x32"};

struct Transfer {
  uint64_t address = 0;
  uint32_t row_bytes = 0, rows = 1;
  int64_t stride = 0;
  bool write = false;
  std::vector<uint64_t> starts;  // instead of address and stride
};

struct Outcome {
  int64_t end = 0;
  DramCounts counts;
};

// Every port works through its transfers; the port that asks first is served
// first, as the machine does.
Outcome RunPorts(const DramParams& params,
                 const std::vector<std::vector<Transfer>>& ports) {
  Dram dram(params, 32);
  struct State {
    Window window{32};
    size_t transfer = 0;
    uint32_t row = 0, at = 0;
  };
  std::vector<State> states(ports.size());
  for (State& s : states) s.window.NotBefore(0);
  Outcome outcome;
  std::vector<DramPiece> pieces;
  while (true) {
    size_t best = ports.size();
    for (size_t p = 0; p < ports.size(); ++p) {
      if (states[p].transfer == ports[p].size()) continue;
      if (best == ports.size() ||
          states[p].window.next() < states[best].window.next()) {
        best = p;
      }
    }
    if (best == ports.size()) break;
    State& s = states[best];
    const Transfer& t = ports[best][s.transfer];
    pieces.clear();
    const uint32_t burst = dram.burst_bytes();
    uint32_t left = dram.slice_bytes() / burst;
    while (left > 0 && s.row < t.rows) {
      const uint64_t begin =
          (t.starts.empty()
               ? t.address + static_cast<uint64_t>(s.row * t.stride)
               : t.starts[s.row]) +
          s.at;
      const auto offset = static_cast<uint32_t>(begin % burst);
      const uint32_t bytes =
          std::min(t.row_bytes - s.at, left * burst - offset);
      pieces.push_back({begin, bytes});
      left -= (offset + bytes + burst - 1) / burst;
      s.at += bytes;
      if (s.at == t.row_bytes) {
        s.at = 0;
        ++s.row;
      }
    }
    const Span done =
        dram.Serve(s.window, pieces.data(), static_cast<int>(pieces.size()),
                   t.write, kPace);
    outcome.end = std::max(outcome.end, done.last);
    if (s.row == t.rows) {
      s.row = 0;
      ++s.transfer;
    }
  }
  outcome.end = dram.Drain(outcome.end);
  outcome.counts = dram.counts();
  return outcome;
}

double GbPerS(const Outcome& o) {
  return static_cast<double>(o.counts.read_bytes + o.counts.write_bytes) * 1e3 /
         static_cast<double>(o.end);
}

std::vector<std::vector<Transfer>> Streams(int ports, uint32_t bytes) {
  std::vector<std::vector<Transfer>> work(static_cast<size_t>(ports));
  for (size_t p = 0; p < work.size(); ++p) {
    work[p].push_back(
        {.address = p * (uint64_t{bytes} + 4096 * p), .row_bytes = bytes});
  }
  return work;
}

std::vector<std::vector<Transfer>> Strided(int ports, uint32_t row_bytes,
                                           int64_t stride, uint32_t rows) {
  std::vector<std::vector<Transfer>> work(static_cast<size_t>(ports));
  for (size_t p = 0; p < work.size(); ++p) {
    work[p].push_back({.address = p * (64 * 1024 + 37) * 1024,
                       .row_bytes = row_bytes,
                       .rows = rows,
                       .stride = stride});
  }
  return work;
}

std::vector<std::vector<Transfer>> Random(int ports, uint32_t row_bytes,
                                          uint32_t rows, double writes) {
  std::vector<std::vector<Transfer>> work(static_cast<size_t>(ports));
  for (size_t p = 0; p < work.size(); ++p) {
    Rng rng(p + 1);
    Transfer t{.row_bytes = row_bytes, .rows = rows};
    t.write = static_cast<double>(p) < writes * static_cast<double>(ports);
    for (uint32_t r = 0; r < rows; ++r) {
      t.starts.push_back(64 * static_cast<uint64_t>(rng.Uniform() * (1 << 22)));
    }
    work[p].push_back(t);
  }
  return work;
}

// Loads with stores between them, as a layer's tiles.
std::vector<std::vector<Transfer>> Mixed(int ports, uint32_t bytes) {
  std::vector<std::vector<Transfer>> work(static_cast<size_t>(ports));
  for (size_t p = 0; p < work.size(); ++p) {
    for (uint64_t i = 0; i < 100; ++i) {
      work[p].push_back({.address = (p * 100 + i) * uint64_t{bytes},
                         .row_bytes = bytes,
                         .write = p % 3 == 2});
    }
  }
  return work;
}

// Port p's addresses, p * `distance` further on.
std::vector<std::vector<Transfer>> Placed(
    std::vector<std::vector<Transfer>> work, uint64_t distance) {
  for (size_t p = 0; p < work.size(); ++p) {
    for (Transfer& t : work[p]) {
      t.address += p * distance;
      for (uint64_t& start : t.starts) start += p * distance;
    }
  }
  return work;
}

TEST_CASE("one burst by hand") {
  DramParams d;
  d.refresh_ns = 0;
  for (const char* model : {"rows", "bursts"}) {
    d.model = model;
    CAPTURE(model);
    Dram dram(d, 32);
    Window window{1};  // one burst at a time
    window.NotBefore(0);
    const DramPiece piece{0, 64};
    // tRCD 18, RL 21.25, 64 B at 12.8 GB/s 5, and 60 to get there and back.
    const Span first = dram.Serve(window, &piece, 1, false, kPace);
    CHECK(first.first == 104'250);
    CHECK(first.last == 104'250);
    // The row is open now: asked for when the first is there, 21.25 + 5 + 60.
    const DramPiece next{64 * 2, 64};
    CHECK(dram.Serve(window, &next, 1, false, kPace).last ==
          104'250 + 21'250 + 5'000 + 60'000);
    // Another row of the same bank: 8 sets of 2 banks of 2048 B and 8
    // channels lie before the next row, whose sixth page is in set 0.
    // Precharge 18, then as the first.
    const uint64_t row = 8ull * 2 * 2048 * 8;
    const DramPiece other{row + 5 * 2 * 2048 * 8, 64};
    CHECK(dram.Serve(window, &other, 1, false, kPace).last ==
          104'250 + 86'250 + 18'000 + 104'250);
    CHECK(dram.counts().activations == 2);
    CHECK(dram.counts().read_bytes == 192);
  }
}

TEST_CASE("a channel activates four rows in tFAW, and one bank in tRC") {
  DramParams d;
  d.refresh_ns = 0;
  d.channels = 1;
  d.peak_gb_per_s = 12.8;
  d.four_activates_ns = 200;
  d.latency_ns = 0;
  for (const char* model : {"rows", "bursts"}) {
    d.model = model;
    CAPTURE(model);
    // A burst in each of eight sets: the fifth row waits for tFAW.
    std::vector<DramPiece> pieces;
    for (uint64_t set = 0; set < 8; ++set) {
      pieces.push_back({set * 4096, 64});
    }
    Dram dram(d, 32);
    Window window{32};
    window.NotBefore(0);
    const Span done = dram.Serve(window, pieces.data(), 8, false, 0);
    CHECK(done.last == 200'000 + 3 * 5'000 + 18'000 + 21'250 + 5'000);
    // Rows of one bank, tRC apart: these pages of rows 0 to 3 are in set 0.
    pieces.clear();
    for (const uint32_t page : {0u, 8u + 5, 16u + 2, 24u + 6}) {
      pieces.push_back({page * 4096u, 64});
    }
    Dram again(d, 32);
    Window one{32};
    one.NotBefore(0);
    CHECK(again.Serve(one, pieces.data(), 4, false, 0).last ==
          3 * 60'000 + 18'000 + 21'250 + 5'000);
  }
}

TEST_CASE("what a pure stream sustains") {
  for (const char* name : kPins) {
    CAPTURE(name);
    const DramParams d = Pins(name);
    const double one = GbPerS(RunPorts(d, Streams(1, 4 << 20)));
    const double eight = GbPerS(RunPorts(d, Streams(8, 1 << 20)));
    MESSAGE(std::string(name), ": ", one, " GB/s one port, ", eight,
            " GB/s eight ports, of ", d.peak_gb_per_s);
    // Not more than the pins less refresh; eight ports leave little of it.
    const double most =
        d.peak_gb_per_s * (1 - d.refresh_ns / d.refresh_every_ns);
    CHECK(eight <= most * 1.001);
    CHECK(eight >= 0.7 * d.peak_gb_per_s);
    CHECK(one <= most * 1.001);
  }
}

TEST_CASE("rows at once are within 2 % of burst by burst") {
  struct Case {
    std::string name;
    std::vector<std::vector<Transfer>> work;
  };
  std::vector<Case> cases;
  for (const int ports : {1, 2, 4, 8}) {
    const std::string n = " x" + std::to_string(ports);
    cases.push_back({"stream" + n, Streams(ports, 1 << 20)});
    cases.push_back({"rows of 128" + n, Strided(ports, 128, 2048, 4000)});
    cases.push_back({"rows of 512" + n, Strided(ports, 512, 4096, 2000)});
    cases.push_back({"rows of 1000" + n, Strided(ports, 1000, 3000, 1000)});
    cases.push_back({"random 64" + n, Random(ports, 64, 4000, 0)});
    cases.push_back({"random 512" + n, Random(ports, 512, 4000, 0)});
    cases.push_back({"random, half written" + n, Random(ports, 256, 6000, .5)});
    cases.push_back({"mixed 16 KiB" + n, Mixed(ports, 16384)});
    cases.push_back({"mixed 2 KiB" + n, Mixed(ports, 2048)});
  }
  for (const char* name : kPins) {
    double worst = 0;
    std::string where;
    for (const Case& c : cases) {
      CAPTURE(name);
      CAPTURE(c.name);
      // Requests of several ports meet in one bank or do not, and either level
      // may be the lucky one: four placements of the same pattern.
      DramParams d = Pins(name);
      int64_t at_once = 0, one_by_one = 0;
      for (uint64_t place = 0; place < 4; ++place) {
        const auto work = Placed(c.work, place * 1'234'432);
        d.model = "rows";
        const Outcome rows = RunPorts(d, work);
        d.model = "bursts";
        const Outcome bursts = RunPorts(d, work);
        CHECK(rows.counts.bursts == bursts.counts.bursts);
        CHECK(rows.counts.read_bytes == bursts.counts.read_bytes);
        at_once += rows.end;
        one_by_one += bursts.end;
      }
      const double off =
          static_cast<double>(at_once) / static_cast<double>(one_by_one) - 1;
      CHECK(std::abs(off) <= 0.02);
      if (std::abs(off) > std::abs(worst)) {
        worst = off;
        where = c.name;
      }
    }
    MESSAGE(std::string(name), ": worst ", 100 * worst, " % (", where, ")");
  }
}

TEST_CASE("refresh goes on while nothing is asked for") {
  DramParams d;
  Dram dram(d, 32);
  Window window{32};
  window.NotBefore(0);
  const DramPiece piece{0, 64};
  dram.Serve(window, &piece, 1, false, kPace);
  CHECK(dram.counts().refreshes == 0);
  // 1.001 ms later: 256 refreshes of the channel have gone by, its row is
  // closed.
  window.NotBefore(1'001'000'000);
  const Span done = dram.Serve(window, &piece, 1, false, kPace);
  CHECK(dram.counts().refreshes == 256);
  CHECK(dram.counts().activations == 2);
  CHECK(done.last == 1'001'000'000 + 104'250);
}

TEST_CASE("writes are posted, batched and drained") {
  DramParams d;
  d.refresh_ns = 0;
  d.channels = 1;
  d.peak_gb_per_s = 12.8;
  Dram dram(d, 32);
  Window window{32};
  window.NotBefore(0);
  const DramPiece piece{0, 64};
  // The buffer takes it at once: only the way there and back.
  CHECK(dram.Serve(window, &piece, 1, true, kPace).last == 60'000);
  CHECK(dram.counts().activations == 0);
  // tRCD, WL, a burst.
  CHECK(dram.Drain(60'000) == 18'000 + 11'250 + 5'000 + 60'000);
  CHECK(dram.counts().activations == 1);
  CHECK(dram.counts().turns == 1);
}

}  // namespace
}  // namespace triptych::npu
