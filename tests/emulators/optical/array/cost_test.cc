// The array's closed forms against counting, and what it is made of.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/cost.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "emulators/optical/array/inventory.h"
#include "emulators/optical/validation/machines.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"

namespace triptych::optical::array {
namespace {

Params Preset(const char* name) {
  const auto params = ArrayPreset(name);
  REQUIRE_MESSAGE(params, (params ? "" : params.error().message));
  return *params;
}

// One block of outputs after the other, one slot of k after the other, dealt
// to the tiles in turn.
Demand Counted(const Params& p, const Product& product) {
  Demand d;
  int64_t slots = 0, since = 0;
  for (int64_t t = 0; t < product.times; ++t) {
    for (int64_t i = 0; i < product.m; i += p.rows) {
      for (int64_t j = 0; j < product.n; j += p.cols) {
        since = 0;
        for (int64_t l = 0; l < product.k; l += p.wavelengths * p.cores) {
          ++slots;
          d.macs += std::min(p.rows, product.m - i) *
                    std::min(p.cols, product.n - j) *
                    std::min(p.wavelengths * p.cores, product.k - l);
          const bool last = l + p.wavelengths * p.cores >= product.k;
          if (++since == p.accumulate || last) {
            d.samples += p.rows * p.cols;
            since = 0;
          }
        }
      }
    }
  }
  for (int64_t left = slots; left > 0; left -= p.tiles) ++d.cycles;
  return d;
}

TEST_CASE("cycles, conversions and products are those of counting") {
  Params p = Preset("dynamic-array");
  for (const int64_t tiles : {1, 4, 7}) {
    for (const int64_t accumulate : {1, 3, 5}) {
      p.tiles = tiles;
      p.accumulate = accumulate;
      for (const Product& product :
           {Product{1, 1, 1, 1}, Product{197, 64, 197, 3},
            Product{13, 769, 25, 1}, Product{12, 24, 12, 5}}) {
        const Demand d = DemandOf(p, product);
        const Demand counted = Counted(p, product);
        CHECK(d.macs == counted.macs);
        CHECK(d.samples == counted.samples);
        CHECK(d.cycles == counted.cycles);
        CHECK(d.padding_macs == d.cycles * InventoryOf(p).lanes - d.macs);
      }
    }
  }
}

TEST_CASE("fewer shared modulators than a product needs take more cycles") {
  Params p = Preset("wdm-conv-array-conservative");
  const Product product{.m = 64, .k = 27, .n = 64};
  const int64_t window = DemandOf(p, product).cycles;
  p.shared_channels = 0;
  CHECK(window == 3 * DemandOf(p, product).cycles);  // 45 of 21
}

TEST_CASE("devices of the base configuration") {
  const Inventory has = InventoryOf(Preset("dynamic-array"));
  CHECK(has.tile_modulators == 1152);
  CHECK(has.shared_modulators == 288);
  CHECK(has.detectors == 2304);
  CHECK(has.outputs == 576);
  CHECK(has.lanes == 13824);
  CHECK(has.combs == 6);
}

TEST_CASE("a DAC's effort doubles with a bit, over its bits") {
  Params p = Preset("dynamic-array");
  p.bits = 4;
  const double four = PowerOf(p).dac, four_adc = PowerOf(p).adc;
  const double four_laser = PowerOf(p).laser;
  p.bits = 8;
  CHECK(PowerOf(p).dac / four == doctest::Approx(8));  // 256 / 8 over 16 / 4
  CHECK(PowerOf(p).adc / four_adc == doctest::Approx(2));
  CHECK(PowerOf(p).laser / four_laser == doctest::Approx(16));
}

TEST_CASE(
    "built converters take more than a scaled one, and none of 4 bits "
    "less than the formula") {
  Params p = Preset("dynamic-array");
  p.bits = 8;
  const double linear = PowerOf(p).adc;
  p.adc_model = "survey";
  CHECK(PowerOf(p).adc > linear);
}

TEST_CASE("attention's flops are the graph's, causal or not") {
  const Params p = Preset("dynamic-array");
  for (const char* name : {"vit-b16", "llama-3.2-1b"}) {
    const auto config = PresetByName(name);
    REQUIRE(config);
    const auto graph = BuildGraph(*config);
    REQUIRE(graph);
    for (const Entry& entry : graph->entries()) {
      const Binding b{.batch = 2,
                      .tokens = entry.phase == Phase::kDecode ? 1 : 33,
                      .context = entry.phase == Phase::kDecode ? 40 : 0};
      for (const Node& node : graph->NodesOf(entry)) {
        if (!IsNative(node)) continue;
        const Demand d = DemandOf(p, *graph, node, b);
        CHECK(2 * d.macs == WorkOf(*graph, node, b).matrix_flops);
        CHECK(d.padding_macs >= 0);
      }
    }
  }
}

}  // namespace
}  // namespace triptych::optical::array
