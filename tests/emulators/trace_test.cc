// Timelines, read back from both of their forms.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/trace.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <sstream>
#include <streambuf>

#include "emulators/profile.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "tests/emulators/fake_target.h"
#include "tests/emulators/trace_reader.h"
#include "tests/models/tiny_config.h"

namespace triptych {
namespace {

constexpr ActionId kMatrixFlop{kHostActions}, kByte{kHostActions + 2};

std::string Written(const std::vector<Track>& tracks, TraceFormat format) {
  std::ostringstream out;
  WriteTrace(out, tracks, format);
  return out.str();
}

struct Fixture {
  Fixture() {
    GraphBuilder b("two");
    const ValueId x = b.Input("x", {kTokenRows, 8});
    const ValueId y = b.Add("matmul", "first", {x, b.Weight("w0", 8, 8)});
    const ValueId z = b.Add("matmul", "second", {y, b.Weight("w1", 8, 8)});
    b.AddEntry(Phase::kEncode, 0, z);
    graph = *b.Finish();
    target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  }
  Track Over(const Ledger& ledger, std::string name = "fake") const {
    return {std::move(name), &graph, target.get(), &ledger};
  }
  Graph graph;
  std::unique_ptr<Target> target;
};

// A prefill and a decode step of a two-layer model on a real target.
struct Runs {
  explicit Runs(std::string_view spec) {
    graph = *BuildGraph(TinyLlama());
    target = *MakeTarget(spec);
    const auto program = *target->Compile(graph, nullptr);
    REQUIRE(program->Run({Phase::kPrefill, {1, 9, 0}}, nullptr, prefill)
                .has_value());
    REQUIRE(
        program->Run({Phase::kDecode, {1, 1, 9}}, nullptr, decode).has_value());
  }
  std::vector<Track> Tracks() const {
    return {{"prefill", &graph, target.get(), &prefill},
            {"decode", &graph, target.get(), &decode}};
  }
  Graph graph;
  std::unique_ptr<Target> target;
  Ledger prefill, decode;
};

// The slice of each charge, as far as a timeline must not choose.
std::multiset<std::tuple<std::string, std::string, std::string, std::string,
                         uint64_t, int64_t, int64_t>>
Expected(const Track& track) {
  std::multiset<std::tuple<std::string, std::string, std::string, std::string,
                           uint64_t, int64_t, int64_t>>
      slices;
  for (const Charge& c : track.ledger->charges()) {
    const Node& node = track.graph->node(c.node);
    slices.insert({track.target->units()[static_cast<size_t>(c.unit)].name,
                   node.name, std::string(node.op->name),
                   track.target->actions()[static_cast<size_t>(c.action)].name,
                   c.count, c.begin.value / 1000, c.end.value / 1000});
  }
  return slices;
}

void CheckSlices(const Timeline& timeline, const Track& track) {
  auto expected = Expected(track);
  double energy_j = 0;
  for (const ReadSlice& s : timeline.slices) {
    if (s.process != track.name) continue;
    const std::string unit = s.thread.substr(0, s.thread.find(" +"));
    const auto found = expected.find(
        {unit, s.name, s.category, s.action, s.count, s.begin_ns, s.end_ns});
    REQUIRE(found != expected.end());
    expected.erase(found);
    energy_j += s.energy_j;
  }
  CHECK(expected.empty());
  CHECK(energy_j ==
        doctest::Approx(MakeProfile(*track.graph, *track.target, *track.ledger)
                            .total.energy_j)
            .epsilon(1e-9));
}

double Integral(const std::vector<std::pair<int64_t, double>>& steps) {
  double sum = 0;
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    REQUIRE(steps[i].first < steps[i + 1].first);
    sum += steps[i].second * 1e-9 *
           static_cast<double>(steps[i + 1].first - steps[i].first);
  }
  return sum;
}

void CheckCounters(const Timeline& timeline, const Track& track) {
  const Cost total =
      MakeProfile(*track.graph, *track.target, *track.ledger).total;
  const auto check = [&](const char* name, const char* unit, double expected) {
    const auto& steps = timeline.counters.at({track.name, name, unit});
    CHECK(steps.front().first == 0);
    CHECK(steps.back().second == 0);
    CHECK(Integral(steps) == doctest::Approx(expected).epsilon(1e-9));
  };
  check("power", "W", total.energy_j);
  check("off-chip", "B/s", static_cast<double>(total.off_chip_bytes));
  check("on-chip", "B/s", static_cast<double>(total.internal_bytes));
}

TEST_CASE("both forms say what was charged, on every target") {
  for (const TargetEntry& entry : AllTargets()) {
    CAPTURE(entry.name);
    const Runs runs(entry.name);
    const auto tracks = runs.Tracks();
    const std::string json = Written(tracks, TraceFormat::kJson);
    const std::string perfetto = Written(tracks, TraceFormat::kPerfetto);
    const Timeline from_json = ReadJsonTrace(json);
    const Timeline from_perfetto = ReadPerfettoTrace(perfetto);
    CHECK(from_json.slices.size() == CountSlices(tracks));
    CHECK(from_json.slices == from_perfetto.slices);
    CHECK(from_json.counters == from_perfetto.counters);
    for (const Track& track : tracks) {
      CheckSlices(from_perfetto, track);
      CheckCounters(from_perfetto, track);
    }
    CHECK(perfetto.size() < json.size() / 2);
  }
}

TEST_CASE("charges that overlap get threads of their own; equal ones nest") {
  const Fixture f;
  Ledger ledger;
  ledger.Add({0, kFakeDram, kByte, 10, Picos(0), Picos(100000)});
  ledger.Add({0, kFakeDram, kByte, 11, Picos(0), Picos(100000), true});
  ledger.Add({1, kFakeDram, kByte, 12, Picos(50000), Picos(150000), true});
  ledger.Add({1, kFakeDram, kByte, 13, Picos(100000), Picos(150000)});
  ledger.Add({1, kFakeDram, kByte, 14, Picos(150000), Picos(150000)});
  ledger.Add({0, kFakeDram, kByte, 15, Picos(200000), Picos(210000)});
  ledger.Add({0, kFakeDram, kByte, 16, Picos(200000), Picos(250000), true});
  for (const auto& timeline :
       {ReadJsonTrace(Written({f.Over(ledger)}, TraceFormat::kJson)),
        ReadPerfettoTrace(Written({f.Over(ledger)}, TraceFormat::kPerfetto))}) {
    std::map<uint64_t, std::pair<std::string, size_t>> places;
    for (const ReadSlice& s : timeline.slices) {
      places[s.count] = {s.thread, s.depth};
    }
    CHECK(places == decltype(places){{10, {"dram", 0}},
                                     {11, {"dram", 1}},
                                     {12, {"dram +1", 0}},
                                     {13, {"dram", 0}},
                                     {14, {"dram", 0}},
                                     {15, {"dram", 1}},
                                     {16, {"dram", 0}}});
  }
}

TEST_CASE("times below a nanosecond stay in order") {
  const Fixture f;
  Ledger ledger;
  for (int64_t t = 0; t < 5000; t += 740) {
    ledger.Add({0, kFakeArray, kMatrixFlop, 7, Picos(t), Picos(t + 740)});
    ledger.Add({1, kFakeArray, kByte, 3, Picos(t), Picos(t + 370), true});
  }
  const Timeline exact =
      ReadJsonTrace(Written({f.Over(ledger)}, TraceFormat::kJson));
  const Timeline whole =
      ReadPerfettoTrace(Written({f.Over(ledger)}, TraceFormat::kPerfetto));
  CHECK(whole.slices == exact.slices);
  CheckCounters(whole, f.Over(ledger));
}

TEST_CASE("a counter is the rate at the time") {
  const Fixture f;
  Ledger ledger;  // 10 pJ a byte: 1 kB in 1 us, idle, then 2 kB in 1 us
  ledger.Add({0, kFakeDram, kByte, 1000, Picos(0), Picos(1000000)});
  ledger.Add({1, kFakeDram, kByte, 2000, Picos(2000000), Picos(3000000)});
  const Timeline timeline =
      ReadPerfettoTrace(Written({f.Over(ledger)}, TraceFormat::kPerfetto));
  const auto near = [](double a, double b) {
    return a == doctest::Approx(b).epsilon(1e-9);
  };
  const auto& steps = timeline.counters.at({"fake", "off-chip", "B/s"});
  const auto& power = timeline.counters.at({"fake", "power", "W"});
  const auto rate_at = [&near](const auto& of, int64_t ns, double expected) {
    double value = 0;
    for (const auto& [at, now] : of) {
      if (at <= ns) value = now;
    }
    return near(value, expected);
  };
  CHECK(rate_at(steps, 500, 1e9));
  CHECK(rate_at(steps, 1500, 0));
  CHECK(rate_at(steps, 2500, 2e9));
  CHECK(rate_at(power, 2500, 2e-2));
}

TEST_CASE("names are spelled out once a thread, whatever is in them") {
  const Fixture f;
  Ledger ledger;
  for (int64_t t = 0; t < 1000; ++t) {
    ledger.Add({0, kFakeArray, kMatrixFlop, 1, Picos(t * 1000),
                Picos(t * 1000 + 1000)});
  }
  const std::string name = "a \"quoted\" \\ name\n";
  const auto tracks = std::vector{f.Over(ledger, name)};
  const Timeline perfetto =
      ReadPerfettoTrace(Written(tracks, TraceFormat::kPerfetto));
  CHECK(perfetto.names == 1);
  CHECK(perfetto.slices.front().process == name);
  const Timeline json = ReadJsonTrace(Written(tracks, TraceFormat::kJson));
  CHECK(json.slices == perfetto.slices);
}

TEST_CASE("a ledger without charges is a process without threads") {
  const Fixture f;
  const Ledger empty;
  const auto tracks = std::vector{f.Over(empty)};
  CHECK(ReadJsonTrace(Written(tracks, TraceFormat::kJson)).slices.empty());
  const std::string bytes = Written(tracks, TraceFormat::kPerfetto);
  CHECK_FALSE(bytes.empty());
  CHECK(ReadPerfettoTrace(bytes).counters.empty());
}

// Counts what it is given, and keeps the first byte.
class Counted : public std::streambuf {
 public:
  size_t size = 0;
  char first = 0;

 protected:
  int overflow(int c) override {
    if (size++ == 0) first = static_cast<char>(c);
    return c;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize n) override {
    if (size == 0 && n > 0) first = *bytes;
    size += static_cast<size_t>(n);
    return n;
  }
};

TEST_CASE("a million slices are JSON, one more is Perfetto's") {
  const Fixture f;
  Ledger ledger;
  const auto add = [&](int64_t t) {
    ledger.Add({static_cast<NodeId>(t % 2), kFakeArray, kMatrixFlop, 4096,
                Picos(t * 100000), Picos(t * 100000 + 90000)});
  };
  for (int64_t t = 0; t < static_cast<int64_t>(kMaxJsonSlices); ++t) add(t);
  Counted json, perfetto;
  std::ostream json_out(&json), perfetto_out(&perfetto);
  WriteTrace(json_out, {f.Over(ledger)});
  add(static_cast<int64_t>(kMaxJsonSlices));
  WriteTrace(perfetto_out, {f.Over(ledger)});
  CHECK(json.first == '{');
  CHECK(perfetto.first == '\n');  // field 1, wire type 2
  MESSAGE("bytes a slice: JSON ", json.size / kMaxJsonSlices, ", Perfetto ",
          perfetto.size / kMaxJsonSlices);
}

}  // namespace
}  // namespace triptych
