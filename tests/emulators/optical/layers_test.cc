// The report of a run by layer: time that adds up to the ledger's, errors that
// add up to those that were made, cause by cause, light and clipping.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "emulators/layer_report.h"
#include "emulators/optical/counters.h"
#include "models/weights.h"
#include "tests/emulators/optical/product.h"
#include "tests/emulators/optical/slope.h"

namespace triptych {
namespace {

struct Metered {
  LayerReport report;
  Ledger ledger;
  std::vector<float> y;
};

struct Run {
  int64_t vectors = 32;
  int threads = 1;
  bool positive = false;  // inputs in 0..1, not normal
  const Weights* weights = nullptr;
  // All of vector 1, if there is such a number.
  std::optional<float> odd = std::nullopt;
};

Metered Meter(const Product& product, const Target& target,
              const Run& run = {}) {
  const Weights random = Weights::Random(product.graph, 3);
  const Weights& weights = run.weights != nullptr ? *run.weights : random;
  LayerMeter meter(product.graph, target, &weights);
  const auto program =
      target.Compile(product.graph, &weights, meter.Watching());
  REQUIRE(program);
  TensorStore store(product.graph, 1, 1);
  const int64_t k = product.graph.value(product.x).shape.cols;
  const MatView<float> in = store.Make(product.x, run.vectors, k);
  Rng rng(17);
  for (int64_t i = 0; i < run.vectors * k; ++i) {
    in.data()[i] =
        static_cast<float>(run.positive ? rng.Uniform() : rng.Normal());
  }
  if (run.odd) std::ranges::fill(in.row_span(1), *run.odd);
  Metered metered;
  REQUIRE((*program)->Run({.phase = Phase::kEncode,
                           .binding = {.tokens = run.vectors},
                           .seed = 5,
                           .threads = run.threads},
                          &store, metered.ledger));
  metered.report = meter.Report(Phase::kEncode, metered.ledger);
  const MatView<float> made = store.At(product.y);
  metered.y.assign(made.data(), made.data() + made.size());
  return metered;
}

double ReadingOf(const LayerRow& row, std::string_view key) {
  for (const Reading& reading : row.others) {
    if (reading.key == key) return reading.value;
  }
  FAIL("no reading ", key);
  return 0;
}

// ---- Time ----

using PicosOf = std::map<std::string, int64_t, std::less<>>;

// What a core does at time `t`, by the definition in counters.h.
std::string StateAt(const Target& target, const Ledger& ledger,
                    const std::string& core, Picos latency, Picos t) {
  bool light = false, vectors = false, loads = false, flies = false;
  for (const Charge& c : ledger.charges()) {
    const std::string& unit = target.units()[static_cast<size_t>(c.unit)].name;
    const std::string& action =
        target.actions()[static_cast<size_t>(c.action)].name;
    const bool now = c.begin <= t && t < c.end;
    if (unit == core + ".source") {
      light |= now;
      vectors |= now && action == "optics.mac";
      flies |= action == "optics.mac" && c.begin <= t && t < c.end + latency;
    }
    loads |= unit == core + ".plane" && now;
  }
  if (light) return vectors ? "stream" : "calibrate";
  if (loads) return "load";
  return flies ? "drain" : "stall";
}

// Sums over the cores of what each does between any two events of the ledger.
PicosOf SlowSplit(const Target& target, const Ledger& ledger, Picos latency,
                  int cores) {
  Picos begin, end;  // without the transfers before and after
  std::vector<Picos> events;
  for (const Charge& c : ledger.charges()) {
    if (c.unit == kLink) {
      if (c.begin == Picos()) begin = c.end;
      if (c.begin != Picos()) end = c.begin;
    }
    for (const Picos t : {c.begin, c.end, c.end + latency}) {
      events.push_back(t);
    }
  }
  REQUIRE(begin < end);
  std::ranges::sort(events);
  PicosOf split;
  for (int core = 0; core < cores; ++core) {
    for (size_t i = 0; i + 1 < events.size(); ++i) {
      if (events[i] < begin || events[i] >= end) continue;
      const std::string name = "core" + std::to_string(core);
      split[StateAt(target, ledger, name, latency, events[i])] +=
          (std::min(events[i + 1], end) - events[i]).value;
    }
  }
  return split;
}

TEST_CASE("time splits as the charges say, to the picosecond") {
  const Overrides base =
      kSmallPlanes + Overrides{"vector.rate_hz=1e8", "vector.latency_ns=150",
                               "plane.load_us=0.3", "dram.gb_per_s=40"};
  const Overrides cases[] = {
      {},
      {"plane.double_buffer=true"},
      {"plane.double_buffer=true", "plane.load_us=5"},
      {"cores=3", "dram.gb_per_s=2"},
      {"cores=64"},
      {"drift.gain_per_sqrt_s=0.1", "drift.recalibration_s=1e-6",
       "drift.recalibration_vectors=7"},
  };
  const Product product(192, 384, true);
  PicosOf seen;
  for (const Overrides& set : cases) {
    const auto target = Make(base + set);
    const int cores = static_cast<int>(target->units().size() - 5) / 5;
    const Metered run = Meter(product, *target, {.vectors = 9});
    const PicosOf slow =
        SlowSplit(*target, run.ledger, FromSeconds(150e-9), cores);
    int64_t parts = 0, whole = 0;
    for (const TimePart& part : run.report.total.time) {
      const auto picos =
          static_cast<int64_t>(std::llround(part.seconds * 1e12 * cores));
      whole += picos;
      if (part.name == "host" || part.name == "link") continue;
      parts += picos;
      const auto expected = slow.find(part.name);
      CAPTURE(part.name);
      CHECK(picos == (expected == slow.end() ? 0 : expected->second));
      seen[part.name] += picos;
    }
    int64_t all = 0;
    for (const auto& [name, picos] : slow) all += picos;
    CHECK(parts == all);
    CHECK(whole == run.ledger.makespan().value * cores);
  }
  for (const char* part : {"load", "stream", "calibrate", "drain", "stall"}) {
    CAPTURE(part);
    CHECK(seen[part] > 0);
  }
}

// ---- Errors ----

// A machine that only does what is asked of it.
const Overrides kExact = {"dac.bits=0",
                          "plane.weight_bits=0",
                          "adc.bits=0",
                          "noise.physical=false",
                          "dac.unit_sigma=0",
                          "adc.unit_sigma=0",
                          "plane.copies=1",
                          "plane.rows=256",
                          "plane.cols=128",
                          "plane.contrast=100",
                          "laser.power_mw=1",
                          "rx.dark_current_na=0",
                          "laser.rin_db_per_hz=-200",
                          "rx.tia_noise_pa_per_sqrt_hz=0"};

// Parameters that make one cause of errors, and how well it has to explain
// what was measured.
struct Case {
  std::string name;
  Overrides set;
  double within = 0.05;
};
const Case kAlone[] = {
    {"DAC rounding", {"dac.bits=5"}},
    {"weight rounding", {"plane.weight_bits=5"}},
    {"ADC rounding", {"adc.bits=7", "adc.clip_sigma=6"}},
    {"clipping", {"adc.bits=10", "adc.clip_sigma=1.5"}},
    {"clipping", {"rx.saturation=0.005"}},
    {"shot noise", {"noise.physical=true", "laser.power_mw=1e-3"}},
    {"shot noise",
     {"noise.physical=true", "laser.power_mw=1e-3", "noise.light=output"}},
    {"shot noise",
     {"noise.physical=true", "laser.power_mw=1e-3",
      "plane.rails=complementary"}},
    {"thermal noise",
     {"noise.physical=true", "rx.tia_noise_pa_per_sqrt_hz=50"}},
    {"laser intensity noise",
     {"noise.physical=true", "laser.rin_db_per_hz=-100"}},
    // One chip is not all chips.
    {"DAC mismatch", {"dac.bits=8", "dac.unit_sigma=0.3"}, 0.35},
    {"DAC mismatch", {"dac.bits=8", "dac.unit_sigma=0.3", "fidelity=L1"}},
    {"ADC mismatch", {"adc.bits=8", "adc.unit_sigma=0.3"}, 0.35},
    {"further noise", {"noise.output_sigma=0.02"}},
    {"drift", {"drift.gain_per_sqrt_s=10"}},
    {"drift", {"drift.offset_per_sqrt_s=10"}},
};

TEST_CASE("each cause alone explains the error that it makes") {
  const Product product(256, 512, true);
  for (const char* encoding : {"two_pass", "offset"}) {
    for (const Case& c : kAlone) {
      const auto target =
          Make(kExact + Overrides{std::string("vector.encoding=") + encoding} +
               c.set);
      const Metered run = Meter(product, *target, {.vectors = 64});
      const LayerRow& row = run.report.nodes[0];
      CAPTURE(encoding);
      CAPTURE(c.name);
      CAPTURE(c.set.back());
      REQUIRE(row.dominant() != nullptr);
      CHECK(row.dominant()->name == c.name);
      REQUIRE(row.explained_share());
      CHECK(*row.explained_share() == doctest::Approx(1).epsilon(c.within));
    }
  }
}

TEST_CASE("of all causes together as well, and in bytes as in floats") {
  const Product product(256, 512, false);
  for (const char* encoding : {"two_pass", "offset"}) {
    const auto target =
        Make({std::string("vector.encoding=") + encoding, "plane.rows=256",
              "plane.cols=128", "laser.power_mw=0.1", "plane.weight_bits=6",
              "dac.bits=6", "adc.bits=8", "adc.clip_sigma=3",
              "dac.unit_sigma=0.001", "adc.unit_sigma=0.001"});
    const LayerRow row =
        Meter(product, *target, {.vectors = 64}).report.nodes[0];
    REQUIRE(row.explained_share());
    CHECK(*row.explained_share() == doctest::Approx(1).epsilon(0.05));
    CHECK(row.errors.size() == optical::kCounters - optical::kFirstError);
  }
}

TEST_CASE("the budget names causes as the report does") {
  const auto target = Make({});
  for (const ErrorTerm& term : target->error_budget()) {
    CAPTURE(term.name);
    CHECK(std::ranges::count(optical::kCounterNames, term.name) == 1);
  }
}

void CheckSameCounts(const Metered& one, const Metered& two) {
  const LayerRow &a = one.report.total, &b = two.report.total;
  CHECK(a.error == b.error);
  REQUIRE(a.errors.size() == b.errors.size());
  for (size_t i = 0; i < a.errors.size(); ++i) {
    CAPTURE(a.errors[i].name);
    CHECK(a.errors[i].variance == b.errors[i].variance);
  }
  REQUIRE(a.others.size() == b.others.size());
  for (size_t i = 0; i < a.others.size(); ++i) {
    CHECK(a.others[i].value == b.others[i].value);
  }
}

TEST_CASE("who asks changes nothing, and threads change no count") {
  const Product product(200, 300, true);
  const Overrides cases[] = {
      {},
      {"noise.light=output"},
      {"vector.encoding=offset", "fidelity=L1"},
      {"adc.full_scale=row_max", "noise.output_sigma=0.01"},
      {"post.correction=gain_offset", "rx.gain_sigma=0.02"},
      {"drift.gain_per_sqrt_s=1"},
      {"fidelity=L0"},
  };
  for (const Overrides& set : cases) {
    const auto target = Make(kSmallPlanes + set);
    Ledger ledger;
    const std::vector<float> alone = product.Run(*target, 32, ledger);
    const Metered one = Meter(product, *target);
    CHECK(one.y == alone);
    CHECK(std::ranges::equal(one.ledger.charges(), ledger.charges()));
    CheckSameCounts(one, Meter(product, *target, {.threads = 2}));
  }
}

// One vector and many outputs: the strips of two threads are not those of one.
TEST_CASE("threads change no count of a vector alone") {
  const Product product(4096, 64, false);
  const auto target = Make({"plane.rows=64", "plane.cols=4096"});
  const Metered one = Meter(product, *target, {.vectors = 1});
  const Metered two = Meter(product, *target, {.vectors = 1, .threads = 2});
  CHECK(one.y == two.y);
  CheckSameCounts(one, two);
}

// A row of the inputs that no float turns into codes, or that is not finite.
TEST_CASE("a vector without codes is dark, and the others' own") {
  constexpr int64_t kN = 96, kK = 77;
  const Product product(kN, kK, false);
  const float inf = std::numeric_limits<float>::infinity();
  for (const char* encoding : {"two_pass", "offset"}) {
    for (const char* fidelity : {"L0", "L1", "L2"}) {
      const auto target = Make({std::string("vector.encoding=") + encoding,
                                std::string("fidelity=") + fidelity,
                                "plane.rows=64", "plane.cols=64"});
      const Metered usual = Meter(product, *target, {.vectors = 3});
      for (const float element : {1e-38f, 1e-44f, inf, std::nanf("")}) {
        CAPTURE(encoding);
        CAPTURE(fidelity);
        CAPTURE(element);
        const Metered odd =
            Meter(product, *target, {.vectors = 3, .odd = element});
        for (const size_t row : {0, 2}) {
          const auto of = [&](const Metered& run) {
            return std::span(run.y).subspan(row * kN, kN);
          };
          CHECK(std::ranges::equal(of(usual), of(odd)));
        }
        if (!(element < 1)) continue;
        CHECK(
            std::ranges::all_of(std::span(odd.y).subspan(kN, kN),
                                [](float y) { return std::abs(y) < 1e-30f; }));
        for (const ErrorTerm& term : odd.report.total.errors) {
          CAPTURE(term.name);
          CHECK(std::isfinite(term.variance));
        }
      }
    }
  }
}

TEST_CASE("clips as often as a normal value is beyond full scale") {
  const Product product(512, 512, false);
  for (const char* fidelity : {"L1", "L2"}) {
    const auto target =
        Make(kExact + Overrides{"adc.bits=10", "adc.clip_sigma=1.2",
                                std::string("fidelity=") + fidelity});
    const LayerRow row = Meter(product, *target).report.nodes[0];
    CHECK(ReadingOf(row, "clip_rate") ==
          doctest::Approx(std::erfc(1.2 / std::sqrt(2.0))).epsilon(0.03));
  }
}

// ---- Light ----

// Positive weights in 0..1, so that sums grow with K.
struct PositiveWeights {
  std::vector<float> values;
  ModelFile file;
  explicit PositiveWeights(int64_t n, int64_t k)
      : values(static_cast<size_t>(n * k)) {
    Rng rng(23);
    for (float& w : values) w = static_cast<float>(rng.Uniform());
    file.tensors.push_back(
        {.name = "w",
         .shape = {n, k},
         .data = reinterpret_cast<const std::byte*>(values.data()),
         .bytes = values.size() * sizeof(float)});
  }
  Weights For(const Product& product) const {
    auto weights = Weights::Bind(product.graph, file);
    REQUIRE(weights);
    return std::move(*weights);
  }
};

Overrides ShotNoiseAlone(double power_mw) {
  return kExact + Overrides{"noise.physical=true", "plane.rows=8192",
                            "plane.cols=64",
                            "laser.power_mw=" + std::to_string(power_mw)};
}

TEST_CASE("photoelectrons are light over charge and rate") {
  constexpr int64_t kN = 64, kK = 128;
  constexpr double kCharge = 1.602176634e-19;
  const Product product(kN, kK, false);
  const PositiveWeights made(kN, kK);
  const Weights weights = made.For(product);
  const auto target =
      Make(ShotNoiseAlone(2) +
           Overrides{"optics.loss_db=3", "vector.rate_hz=1e8",
                     "rx.responsivity_a_per_w=0.5", "plane.contrast=1e9"});
  const LayerRow row =
      Meter(product, *target, {.positive = true, .weights = &weights})
          .report.nodes[0];
  // Means of x and of w are a half, of the largest in each row.
  const double amperes =
      0.5 * 2e-3 * std::pow(10, -0.3) / 64 * 0.5 * 0.5;  // of one product
  CHECK(ReadingOf(row, "detected_photons_per_mac") ==
        doctest::Approx(amperes / kCharge / 1e8).epsilon(0.03));
}

// The 1/K law of optical products, from what a run counts and measures: with
// shot noise alone, the detected photons per multiply-add at which outputs are
// 1 % off.
TEST_CASE("photons per multiply-add at one accuracy fall as 1/K") {
  constexpr int64_t kN = 64;
  std::vector<std::pair<double, double>> needed;  // photons by inputs
  for (int64_t k = 256; k <= 8192; k *= 2) {
    const Product product(kN, k, false);
    const PositiveWeights made(kN, k);
    const Weights weights = made.For(product);
    // Light until the error that was measured is the one asked for.
    double power_mw = 1e-3, photons = 0, off = 0;
    for (int i = 0; i < 3; ++i) {
      const auto target = Make(ShotNoiseAlone(power_mw));
      const LayerRow row =
          Meter(product, *target,
                {.vectors = 128, .positive = true, .weights = &weights})
              .report.nodes[0];
      photons = ReadingOf(row, "detected_photons_per_mac");
      off = row.relative_rms();
      power_mw *= std::pow(off / 0.01, 2);
    }
    CAPTURE(k);
    CHECK(off == doctest::Approx(0.01).epsilon(0.02));
    needed.emplace_back(static_cast<double>(k), photons);
  }
  const double slope = LogLogSlope(needed);
  MESSAGE("slope ", slope);
  CHECK(std::abs(slope + 1) < 0.03);
}

TEST_CASE("timing alone has time and no errors") {
  const Product product(192, 384, false);
  const auto target = Make(kSmallPlanes);
  LayerMeter meter(product.graph, *target, nullptr);
  const auto program =
      target->Compile(product.graph, nullptr, meter.Watching());
  REQUIRE(program);
  Ledger ledger;
  REQUIRE((*program)->Run({.phase = Phase::kEncode, .binding = {.tokens = 7}},
                          nullptr, ledger));
  const LayerReport report = meter.Report(Phase::kEncode, ledger);
  CHECK(report.total.others.empty());
  CHECK(report.total.dominant() == nullptr);
  double seconds = 0;
  for (const TimePart& part : report.total.time) seconds += part.seconds;
  CHECK(seconds == doctest::Approx(Seconds(ledger.makespan())));
}

}  // namespace
}  // namespace triptych
