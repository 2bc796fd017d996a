// The target: values, equality of fast path and RTL, threads, time, energy,
// and what it says to a wrong configuration.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/graph.h"
#include "models/graph_weights.h"
#include "models/weights.h"
#include "tests/emulators/optical/product.h"

namespace triptych {
namespace {

TEST_CASE("Without rounding and noise, light multiplies exactly") {
  const Product product(150, 300, true);
  const std::vector<float> exact = product.Run(*MakeTarget("cpu").value(), 5);
  for (const char* encoding : {"offset", "two_pass"}) {
    for (const char* gain : {"equal", "row_scale"}) {
      const auto target =
          Make(kSmallPlanes + kRoundingOnly +
               Overrides{"dac.bits=0", "plane.weight_bits=0",
                         std::string("vector.encoding=") + encoding,
                         std::string("rx.gain=") + gain});
      CHECK(RelativeError(product.Run(*target, 5), exact) < 1e-6);
    }
  }
}

TEST_CASE("Eight bits each side: the error that rounding makes, not more") {
  const Product product(150, 300, false);
  const std::vector<float> exact = product.Run(*MakeTarget("cpu").value(), 9);
  const auto target = Make(kSmallPlanes + kRoundingOnly);
  const double error = RelativeError(product.Run(*target, 9), exact);
  // A row's largest of 300 normals is about 3: steps of 3 / 127, uniform
  // errors of both operands independent.
  const double expected = std::sqrt(2 / 12.0) * 3 / 127;
  CHECK(error > 0.6 * expected);
  CHECK(error < 1.6 * expected);
}

TEST_CASE("More ADC bits, less error; full scale by the largest is a bound") {
  const Product product(64, 128, false);
  const std::vector<float> exact = product.Run(*MakeTarget("cpu").value(), 20);
  double last = 1;
  for (int bits = 4; bits <= 10; ++bits) {
    const auto target =
        Make(kRoundingOnly + Overrides{"dac.bits=0", "plane.weight_bits=0",
                                       "adc.full_scale=row_max",
                                       "adc.bits=" + std::to_string(bits)});
    const double error = RelativeError(product.Run(*target, 20), exact);
    CAPTURE(bits);
    CHECK(error < 0.6 * last);
    last = error;
  }
}

TEST_CASE("Output noise is what was asked for") {
  const Product product(2048, 64, false);
  const Overrides ideal =
      kRoundingOnly + Overrides{"dac.bits=0", "plane.weight_bits=0"};
  const auto quiet = product.Run(*Make(ideal), 50);
  const auto noisy = product.Run(
      *Make(ideal + Overrides{"noise.output_sigma=0.01", "rx.gain=row_scale"}),
      50);
  double squares = 0;
  for (size_t i = 0; i < 50; ++i) {
    double largest = 0;
    for (size_t j = 0; j < 2048; ++j) {
      largest = std::max(largest, std::abs(double{quiet[i * 2048 + j]}));
    }
    for (size_t j = 0; j < 2048; ++j) {
      const size_t at = i * 2048 + j;
      squares += std::pow((noisy[at] - quiet[at]) / largest, 2);
    }
  }
  CHECK(std::sqrt(squares / (50 * 2048)) ==
        doctest::Approx(0.01).epsilon(0.01));
}

TEST_CASE("The same values and charges for any number of threads") {
  const Product product(150, 300, true);
  const auto target = Make(kSmallPlanes);
  Ledger one, three;
  CHECK(product.Run(*target, 50, one, 1) == product.Run(*target, 50, three, 3));
  CHECK(std::ranges::equal(one.charges(), three.charges()));
  CHECK(product.Run(*target, 50, 1, 5) != product.Run(*target, 50, 1, 6));
}

TEST_CASE("RTL == fast path, bit for bit, with every imperfection on") {
  const Product product(150, 300, true);
  for (const Overrides& variant : std::vector<Overrides>{
           {},
           {"vector.encoding=offset", "dac.dem=rotate"},
           {"dac.dem=rotate", "plane.copies=4", "plane.rows=1024"},
           {"dac.bits=10", "adc.bits=6", "adc.full_scale=row_max"},
           {"dac.bits=4", "adc.bits=10", "adc.full_scale=fixed"},
           {"dac.unit_sigma=0", "adc.bits=0"},
           {"dac.dem=random", "dac.correct=true", "hil.rtl=slices:1"},
           {"dac.correct=true", "hil.rtl=tiles:0-2,5"},
       }) {
    const Overrides set =
        kSmallPlanes + Overrides{"dac.unit_sigma=0.05", "adc.unit_sigma=0.05"} +
        variant;
    const auto fast = Make(set);
    const auto rtl = Make(set + Overrides{"periphery=rtl"});
    CHECK(product.Run(*fast, 20) == product.Run(*rtl, 20, 2));
  }
}

// ---- Time and energy ----

// Sum of the counts of one action.
uint64_t CountOf(const Target& target, const Ledger& ledger,
                 std::string_view action) {
  uint64_t count = 0;
  for (const auto& [key, row] : ledger.rows()) {
    const size_t id = static_cast<size_t>(std::get<2>(key));
    if (target.actions()[id].name == action) count += row.count;
  }
  return count;
}

Picos LinkTime(const Ledger& ledger) {
  Picos busy;
  for (const auto& [key, row] : ledger.rows()) {
    if (std::get<1>(key) == kLink) busy += row.busy;
  }
  return busy;
}

TEST_CASE("Counts and seconds are those of the arithmetic") {
  // 3 x 3 tiles of 128 x 64 on one core that holds one plane.
  const Product product(192, 384, true);
  const Overrides set = {"plane.rows=128",
                         "plane.cols=64",
                         "cores=1",
                         "vector.encoding=two_pass",
                         "vector.rate_hz=1e8",
                         "vector.latency_ns=50",
                         "plane.load_us=10",
                         "plane.row_load_us=0",
                         "dram.gb_per_s=1e4",
                         "plane.copies=1"};
  const auto target = Make(set);
  Ledger ledger;
  product.Run(*target, 100, ledger);
  CHECK(CountOf(*target, ledger, "optics.mac") == 100 * 192 * 384);
  CHECK(CountOf(*target, ledger, "dac.sample") == 2 * 100 * 384 * 3);
  CHECK(CountOf(*target, ledger, "adc.sample") == 2 * 100 * 192 * 3);
  CHECK(CountOf(*target, ledger, "plane.pixel_load") == 9 * 128 * 64);
  CHECK(CountOf(*target, ledger, "dram.byte") == 9 * 128 * 64);
  CHECK(CountOf(*target, ledger, "digital.bias_add") == 100 * 192);

  // Nine times load and stream, then the latency. 8 KiB at 10 TB/s: 0.8192 ns.
  const double stream = 2 * 100 / 1e8, load = 10e-6 + 8192 / 1e13;
  const double expected = 9 * (stream + load) + 50e-9;
  CHECK(Seconds(ledger.makespan() - LinkTime(ledger)) ==
        doctest::Approx(expected).epsilon(1e-6));

  // With a second plane a load hides behind a stream, or the other way.
  const auto hidden = Make(set + Overrides{"plane.double_buffer=true"});
  Ledger overlapped;
  product.Run(*hidden, 100, overlapped);
  CHECK(Seconds(overlapped.makespan() - LinkTime(overlapped)) ==
        doctest::Approx(load + 8 * std::max(load, stream) + stream + 50e-9)
            .epsilon(1e-3));

  // Nine cores: nothing is loaded, all tiles stream at once.
  const auto wide = Make(set + Overrides{"cores=9"});
  Ledger resident;
  product.Run(*wide, 100, resident);
  CHECK(CountOf(*wide, resident, "plane.pixel_load") == 0);
  CHECK(Seconds(resident.makespan() - LinkTime(resident)) ==
        doctest::Approx(stream + 50e-9).epsilon(1e-6));
}

TEST_CASE("Timing alone charges what a full run charges") {
  const Product product(150, 300, true);
  const auto target = Make(kSmallPlanes);
  Ledger full, timing;
  product.Run(*target, 7, full);
  const auto program = target->Compile(product.graph, nullptr);
  REQUIRE(program.has_value());
  REQUIRE((*program)
              ->Run({.phase = Phase::kEncode, .binding = {.tokens = 7}},
                    nullptr, timing)
              .has_value());
  CHECK(std::ranges::equal(full.charges(), timing.charges()));
}

// ---- Configuration ----

std::string ErrorOf(const Overrides& set) {
  const auto target = MakeTarget("optical", set);
  return target.has_value() ? "" : target.error().message;
}

TEST_CASE("Wrong configurations are told where and what") {
  CHECK(ErrorOf({}).empty());
  for (const char* key : {"adc.bits", "dac.bits", "plane.weight_bits"}) {
    const std::string one = ErrorOf({std::string(key) + "=1"});
    CHECK(one.find("--set") != std::string::npos);
    CHECK(one.find(key) != std::string::npos);
    CHECK(one.find("allowed") != std::string::npos);
  }
  CHECK(ErrorOf({"adc.bits=11"}).find("0..10") != std::string::npos);
  CHECK(ErrorOf({"periphery=verilog"}).find("rtl") != std::string::npos);
  CHECK(ErrorOf({"periphery=socket:here"}).find("tcp:HOST:PORT") !=
        std::string::npos);
  CHECK(ErrorOf({"hil.rtl=slices:x"}).find("--set: hil.rtl") !=
        std::string::npos);
  CHECK(ErrorOf({"hil.rtl=some"}).find("slices:") != std::string::npos);
  CHECK(ErrorOf({"plane.rwos=5"}).find("plane.rows") != std::string::npos);
}

TEST_CASE("Every preset makes a target, every number has a source") {
  int presets = 0;
  for (const Preset& preset : AllPresets()) {
    if (preset.target != "optical") continue;
    ++presets;
    const auto target = MakeTarget("optical:" + std::string(preset.name), {});
    REQUIRE_MESSAGE(target.has_value(), target.error().message);
    for (const ParamInfo& param : (*target)->params().params()) {
      const std::string_view key = param.key;
      // How to simulate, not what.
      if (key == "periphery" || key == "fidelity") continue;
      if (key.starts_with("hil.")) continue;
      CAPTURE(preset.name);
      CAPTURE(key);
      CHECK(!param.provenance.source.empty());
    }
  }
  CHECK(presets >= 3);
}

// ---- The default model ----

TEST_CASE("Default model, 8 tokens: RTL logits are the fast path's") {
  const std::string path = "models/default/triptych-stories.gguf";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: ", path, " is not here");
    return;
  }
  const auto file = LoadModel(path, "");
  REQUIRE_MESSAGE(file.has_value(), file.error().message);
  const auto graph = BuildGraph(file->config, {.all_logits = true});
  REQUIRE(graph.has_value());
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights.has_value());
  std::vector<std::vector<float>> logits;
  for (const char* periphery : {"periphery=fast", "periphery=rtl"}) {
    const auto target = Make({periphery});
    const auto program = target->Compile(*graph, &*weights);
    REQUIRE(program.has_value());
    Session session(*graph, **program, {.capacity = 16, .seed = 1});
    const std::vector<int32_t> prompt{1, 30, 40, 50, 60, 70, 80};
    std::vector<float> all;
    const auto keep = [&](const Result<ConstMatView<float>>& result) {
      REQUIRE_MESSAGE(result.has_value(), result.error().message);
      all.insert(all.end(), result->data(), result->data() + result->size());
    };
    keep(session.Prefill(prompt));
    keep(session.Decode(90));
    logits.push_back(std::move(all));
  }
  CHECK(logits[0] == logits[1]);
}

}  // namespace
}  // namespace triptych
