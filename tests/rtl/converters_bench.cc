// Conversions a second and thread: the converters' models and their RTL.
//
//   tests/rtl/converters_bench
//
// items_per_second counts conversions by CPU time. RTL rows of the ADC
// include its analog side: capacitors that follow the switches.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/dac/dac_model.h"
#include "rtl/dac/dac_rtl.h"
#include "rtl/opt_post/opt_post_rtl.h"
#include "rtl/sar_adc/sar_adc_model.h"
#include "rtl/sar_adc/sar_adc_rtl.h"
#include "tests/rtl/opt_top_host.h"

namespace triptych::rtl {
namespace {

constexpr size_t kReceivers = 2048, kSources = 1024;

// One vector of a 2,048-output plane, mismatched converters.
struct Adc {
  SarSearch search = MakeSarSearch(10);
  std::vector<SarFrontEnd> front_ends;
  std::vector<int32_t> levels;
  std::vector<uint16_t> codes = std::vector<uint16_t>(kReceivers);

  Adc() {
    Rng rng(1);
    for (size_t i = 0; i < kReceivers / kSarLanes; ++i) {
      front_ends.push_back(MismatchedFrontEnd(search, 0.01, 2, i));
    }
    for (size_t i = 0; i < kReceivers; ++i) {
      levels.push_back(static_cast<int32_t>(rng.Below(1024 * 256)));
    }
  }
};

void SarModel(benchmark::State& state) {
  Adc adc;
  for (auto _ : state) {
    SarConvertRow(adc.search, adc.front_ends.data(), adc.levels.data(),
                  kReceivers, adc.codes.data());
    benchmark::DoNotOptimize(adc.codes.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kReceivers);
}
BENCHMARK(SarModel);

void SarVerilated(benchmark::State& state) {
  Adc adc;
  SarRtl rtl(adc.search);
  for (auto _ : state) {
    rtl.ConvertRow(adc.front_ends.data(), adc.levels.data(), kReceivers,
                   adc.codes.data());
    benchmark::DoNotOptimize(adc.codes.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kReceivers);
}
BENCHMARK(SarVerilated);

std::vector<uint16_t> DacCodes() {
  Rng rng(3);
  std::vector<uint16_t> codes(kSources);
  for (uint16_t& code : codes) code = static_cast<uint16_t>(rng.Below(1024));
  return codes;
}

void DacModel(benchmark::State& state) {
  std::vector<DacElements> elements;
  for (size_t i = 0; i < kSources; ++i) elements.emplace_back(0.01, 4, i);
  const std::vector<uint16_t> codes = DacCodes();
  std::vector<DacLane> lanes(kSources);
  std::vector<int32_t> levels(kSources);
  for (auto _ : state) {
    for (size_t i = 0; i < kSources; ++i) {
      levels[i] = elements[i].Level(codes[i], Dem::kRotate, lanes[i]);
    }
    benchmark::DoNotOptimize(levels.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kSources);
}
BENCHMARK(DacModel);

void DacVerilated(benchmark::State& state) {
  DacRtl rtl(Dem::kRotate);
  const std::vector<uint16_t> codes = DacCodes();
  std::array<DacSwitches, kDacLanes> switches;
  for (auto _ : state) {
    for (size_t i = 0; i < kSources; i += kDacLanes) {
      rtl.Convert(codes.data() + i, switches.data());
      benchmark::DoNotOptimize(switches.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * kSources);
}
BENCHMARK(DacVerilated);

void PostVerilated(benchmark::State& state) {
  PostRtl rtl;
  Rng rng(5);
  std::array<uint16_t, kSarLanes> results;
  for (uint16_t& r : results) r = static_cast<uint16_t>(rng.Below(1 << 14));
  std::array<int16_t, kSarLanes> values;
  for (auto _ : state) {
    rtl.Apply(results.data(), 0, 0, values.data());
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * kSarLanes);
}
BENCHMARK(PostVerilated);

// The whole periphery: frames in, DAC, ADC, post-processing, frames out.
// Calibration learns (range 0: 1), which takes two conversions a vector; they
// count as such. Items are conversions by the receivers.
void TopVerilated(benchmark::State& state) {
  const bool pairs = state.range(0) != 0;
  SimpleOptics optics(0, 0.01);
  const SarSearch search = MakeSarSearch(10);
  const SarFrontEnd front_end = MismatchedFrontEnd(search, 0.01, 2, 0);
  Host host(optics, front_end, Host::Run::kRtl);
  host.Configure(search, PlaceField(pairs, kVectorPairs) |
                             PlaceField(kCalSteps, kVectorSteps));
  host.Load(1);
  host.Command(kSeqCommandStream);
  const std::vector<uint16_t> codes = DacCodes();
  uint16_t vector = 0;
  for (auto _ : state) {
    host.Write(kRegCredit, 16);
    for (int i = 0; i < 16; ++i) {
      host.Queue(EncodeFrame({1, vector++, kSarLanes, 0},
                             std::span(codes).first(kSarLanes)));
    }
    while (host.received.size() < 16 * 18) host.Cycle();
    host.received.clear();
  }
  state.SetItemsProcessed(state.iterations() * 16 * kSarLanes *
                          (pairs ? 2 : 1));
}
BENCHMARK(TopVerilated)->Arg(0)->Arg(1);

}  // namespace
}  // namespace triptych::rtl

BENCHMARK_MAIN();
