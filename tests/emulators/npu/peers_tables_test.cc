// Published tables: today's figures, so that they can only get better, and
// the rules behind them on cases small enough for a hand.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/npu/networks/networks.h"
#include "emulators/npu/peers/decode.h"
#include "emulators/npu/peers/nvdla.h"
#include "emulators/npu/peers/onnxim.h"
#include "emulators/npu/peers/scalesim.h"
#include "emulators/npu/peers/vision.h"
#include "emulators/npu/predict.h"
#include "emulators/validate.h"

namespace triptych::npu {
namespace {

// Measured with `triptych validate npu emulators/npu/validation/TABLE.csv`.
struct Gate {
  std::string_view table, measure;
  int64_t rows;
  double median_pct, max_pct, rank;
};
constexpr Gate kGates[] = {
    {"scalesim_compute", "cycles", 180, 0, 0, 1},
    {"onnxim_ops", "cycles", 17, 1.1, 10.4, 0.99},
    {"onnxim_ops", "pe_utilisation_pct", 1, 1.1, 1.1, 0},
    {"nvdla_layers", "cycles", 12, 0.01, 60.3, 0.9},
    {"nvdla_layers", "fps", 1, 0.02, 0.02, 0},
    {"vision_fps", "fps", 38, 18.5, 80.0, 0.92},
    {"llm_decode", "decode_tokens_per_s", 10, 0.21, 13.7, 0.98},
    {"gemm_peak", "tops", 2, 3.4, 32.6, 0},
};

TEST_CASE("figures of today's tables") {
  for (const Gate& gate : kGates) {
    CAPTURE(gate.table);
    CAPTURE(gate.measure);
    const auto table = Table::Load("emulators/npu/validation/" +
                                   std::string(gate.table) + ".csv");
    REQUIRE_MESSAGE(table, (table ? "" : table.error().message));
    const auto scored = Validate("npu", {}, *table);
    REQUIRE_MESSAGE(scored, (scored ? "" : scored.error().message));
    int found = 0;
    for (const Score& score : scored->scores) {
      if (score.measure != gate.measure) continue;
      ++found;
      CHECK(score.rows == gate.rows);
      CHECK(score.median_ape_pct <= gate.median_pct);
      CHECK(score.max_ape_pct <= gate.max_pct);
      if (gate.rank > 0) {
        REQUIRE(score.rank_correlation.has_value());
        CHECK(*score.rank_correlation >= gate.rank);
      }
    }
    CHECK(found == 1);
  }
}

std::string Refusal(std::string_view kind, const OpSpec& spec) {
  const auto prediction = PredictTable({}, kind, spec);
  REQUIRE_FALSE(prediction);
  return prediction.error().message;
}

TEST_CASE("what a row asks for beyond the tables is refused by name") {
  const auto has = [](const std::string& text, std::string_view part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(Refusal("vision_fps", {{"network", "segformer"}}),
      "network: \"segformer\" has no list of layers; allowed alexnet");
  has(Refusal("vision_fps", {{"network", "vit-b"}, {"batch", "0"}}),
      "batch: 0 is not allowed");
  has(Refusal("vision_fps", {}), "network: is missing");
  has(Refusal("llm_decode", {{"model", "gpt9"}, {"software", "x"}}),
      "model: \"gpt9\" is not predicted; predicted are llama-3.2-1b");
  has(Refusal("gemm_peak", {{"dtype", "fp4"}}), "predicted are int8, bf16");
  has(Refusal("nvdla_layers", {{"network", "resnet-50"},
                               {"layer", "res9a"},
                               {"dram_gb_per_s", "10"}}),
      "layer: \"res9a\" is not predicted");
  // Layers with and without a stride are not of one cost.
  has(Refusal("nvdla_layers", {{"network", "resnet-50"},
                               {"layer", "res4*_2a"},
                               {"dram_gb_per_s", "10"}}),
      "allowed only equal ones");
  OpSpec onnxim = {{"array", "128x128"}, {"cores", "1"},
                   {"clock_ghz", "1"},   {"dram_gb_per_s", "102.4"},
                   {"phase", "prefill"}, {"prompt_tokens", "128"},
                   {"op", "conv"}};
  has(Refusal("onnxim_ops", onnxim), "op: \"conv\" is not predicted");
  onnxim["array"] = "128";
  has(Refusal("onnxim_ops", onnxim), "array: \"\" is no number");
  onnxim["array"] = "128x128";
  onnxim["op"] = "fc1";
  onnxim["phase"] = "train";
  has(Refusal("onnxim_ops", onnxim), "phase: \"train\" is not predicted");
}

TEST_CASE("networks have the multiply-adds and filters their papers state") {
  struct Published {
    std::string_view name;
    double giga_macs, mega_filters;
  };
  // Counts of the papers; filters without biases and norms.
  constexpr Published kPublished[] = {
      {"resnet-50", 3.86, 25.5},      {"mobilenetv2", 0.300, 3.47},
      {"efficientnet-b0", 0.39, 5.3}, {"regnetx-1.6gf", 1.6, 9.2},
      {"vit-b", 17.6, 86.6},          {"deit-s", 4.6, 22.1},
      {"yolov8n", 4.37, 3.2},         {"yolov8s", 14.3, 11.2},
      {"yolov8m", 39.5, 25.9},        {"yolov5n", 2.25, 1.87},
      {"yolov5s", 8.25, 7.23},        {"yolov5m", 24.5, 21.2},
      {"resnet-18", 1.81, 11.7},      {"resnet-34", 3.66, 21.8},
      {"mobilenetv1", 0.569, 4.23},   {"regnetx-800mf", 0.8, 7.26},
      {"deit-t", 1.26, 5.7},          {"deit-b", 17.6, 86.6},
      {"vit-s", 4.6, 22.1},           {"googlenet", 1.58, 6.99}};
  for (const Published& p : kPublished) {
    CAPTURE(p.name);
    const auto layers = NetworkByName(p.name);
    REQUIRE_MESSAGE(layers, (layers ? "" : layers.error().message));
    double macs = 0, filters = 0;
    for (const TopologyLayer& l : *layers) {
      macs += l.macs();
      if (l.kind != LayerKind::kMatmul) {
        filters += static_cast<double>(l.weights());
      }
    }
    CHECK(macs == doctest::Approx(p.giga_macs * 1e9).epsilon(0.015));
    CHECK(filters == doctest::Approx(p.mega_filters * 1e6).epsilon(0.02));
  }
}

TEST_CASE("NVDLA by hand") {
  Params p;
  p.array_rows = 64;
  p.array_cols = 32;
  p.clock = Hertz(1e9);
  p.scratchpad_kib = 512;
  TopologyLayer l{.name = "x",
                  .ifmap_height = 8,
                  .ifmap_width = 8,
                  .channels = 65,
                  .filters = 33};
  // 64 pixels, two parts of channels, two of kernels.
  CHECK(NvdlaLayer(p, l, 10, 1).mac_cycles == 64 * 2 * 2);
  // In, out and filters once, at 10.24 bytes a cycle.
  CHECK(NvdlaLayer(p, l, 10, 1).dram_cycles ==
        doctest::Approx((64 * 65 + 64 * 33 + 65 * 33) / 10.24));
  l.filter_height = l.filter_width = 3;
  l.padding = 1;
  // 16 tiles of 2 x 2, 17 steps of four channels, 3 times 16 kernels.
  CHECK(NvdlaLayer(p, l, 10, 1).mac_cycles == 16 * 17 * 3);
  CHECK(NvdlaLayer(p, l, 10, 1).dram_cycles ==
        doctest::Approx((64 * 65 + 64 * 33 + 16 * 65 * 33) / 10.24));
  l.kind = LayerKind::kConvAdd;
  CHECK(NvdlaLayer(p, l, 10, 1).dram_cycles ==
        doctest::Approx((64 * 65 + 2 * 64 * 33 + 16 * 65 * 33) / 10.24));
}

TEST_CASE("frames by hand") {
  Params p;
  p.cores = 2;
  p.array_rows = p.array_cols = 16;
  p.clock = Hertz(1e6);
  p.vector_lanes = 16;
  p.command_cycles = 10;
  p.host.link_gb_per_s = 1;
  const std::vector<TopologyLayer> layers = {
      {.name = "a",
       .ifmap_height = 10,
       .ifmap_width = 10,
       .channels = 16,
       .filters = 32},
      // Eight groups of 2 x 2 share a pass.
      {.name = "b",
       .ifmap_height = 10,
       .ifmap_width = 10,
       .channels = 16,
       .filters = 16,
       .groups = 8}};
  // One after the other: 200 and 100 passes, 10 to issue each; two cores.
  CHECK(TimeOfFrame(p, layers, 1).chip_s == doctest::Approx(320e-6 / 2));
  // Parts of 8 x 16: twice the passes of the first, four groups to one.
  p.network.unit_rows = 8;
  p.network.unit_cols = 16;
  CHECK(TimeOfFrame(p, layers, 1).chip_s ==
        doctest::Approx((400 + 200 + 20) * 1e-6 / 2));
  p.network.unit_rows = 16;
  // Three units: two for the first.
  p.network.pipeline_units = 3;
  p.network.weights_mib = 1;
  CHECK(TimeOfFrame(p, layers, 1).chip_s == doctest::Approx(100e-6));
  CHECK(TimeOfFrame(p, layers, 1).contexts == 1);
  // Not both on the chip: 200 then 100 passes on three units each, rounded up
  // to whole units, the tensor between out and in, filters once a batch.
  p.network.pipeline_units = 1;
  p.network.weights_gb_per_s = 1e-3;
  p.network.context_us = 40;
  const double tensors = 2 * 1600 / 1e6, filters = (512 + 32) / 1e6;
  CHECK(TimeOfFrame(p, layers, 1).contexts == 2);
  CHECK(TimeOfFrame(p, layers, 1).chip_s ==
        doctest::Approx(300e-6 + tensors + filters + 80e-6));
  CHECK(TimeOfFrame(p, layers, 8).chip_s ==
        doctest::Approx(300e-6 + tensors + filters / 8 + 10e-6));
}

TEST_CASE("a decode step is two streams") {
  const auto small = DecodeTrafficOf("llama-3.2-1b");
  REQUIRE(small);
  // All but the norms' weights; 16 layers x K and V x 8 heads x 64.
  CHECK(small->weights == doctest::Approx(1235.8e6).epsilon(1e-3));
  CHECK(small->cache_elements == 16384);
  Params p;
  p.decode = {.software = "any",
              .weight_bits = 8,
              .cache_bits = 16,
              .weights_gb_per_s = 1,
              .cache_gb_per_s = 2};
  const auto rate = PredictDecode(p, {{"model", "llama-3.2-1b"},
                                      {"software", "any"},
                                      {"weights_gb", "1.5"},
                                      {"context_tokens", "1000"}});
  REQUIRE(rate);
  CHECK(rate->at("decode_tokens_per_s") ==
        doctest::Approx(1 / (1.5 + 1000 * 16384 * 2 / 2e9)));
}

TEST_CASE("ONNXim's products by hand") {
  // 768 x 768 for one token: 589,824 + 2 x 768 bytes, 768 more for the second
  // tile of columns, then six instructions and one to leave the array.
  const auto proj = OnnxImOp({128, 128, 1, 102.4}, "proj", 1, 128);
  REQUIRE(proj);
  CHECK(proj->cycles ==
        doctest::Approx((589824 + 3 * 768) / 102.4 + 6 * 128 + 258 + 26));
  CHECK(proj->macs == 768 * 768);
}

TEST_CASE("a layer of groups is its products one after the other") {
  TopologyLayer layer{.name = "dw",
                      .ifmap_height = 6,
                      .ifmap_width = 6,
                      .filter_height = 3,
                      .filter_width = 3,
                      .channels = 4,
                      .filters = 4,
                      .groups = 4};
  const auto run =
      ScaleSimLayer(Dataflow::kWeight, layer, {8, 8}, std::nullopt);
  REQUIRE(run);
  // 16 pixels, a window of nine: two folds of 16 + 3 x 8 - 2.
  CHECK(run->cycles == 4 * 2 * 38 - 1);
  layer.kind = LayerKind::kPool;
  CHECK(ScaleSimLayer(Dataflow::kWeight, layer, {8, 8}, std::nullopt)->cycles ==
        0);
}

}  // namespace
}  // namespace triptych::npu
