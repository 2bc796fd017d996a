// What whole peripheries and the socket take.
//
//   tests/emulators/optical/hil_bench
//
// items_per_second: conversions by CPU time of this process, or of Requests
// round trips by the clock on the wall. Hosts are included.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "emulators/optical/hil/client.h"
#include "emulators/optical/hil/server.h"
#include "emulators/optical/hil/slice.h"
#include "kernels/base/rng.h"
#include "rtl/rtl_constants.h"

namespace triptych::optical {
namespace {

BoundarySettings Core(bool learns) {
  BoundarySettings settings;
  settings.sources = settings.receivers = 2048;
  settings.dac_unit_sigma = settings.adc_unit_sigma = 0.01;
  if (learns) {
    settings.pairs = true;
    settings.calibrate_every = 1000;
    settings.track = 8;
  }
  return settings;
}

std::vector<int32_t> SomeLevels(size_t count) {
  Rng rng(1);
  std::vector<int32_t> levels(count);
  for (int32_t& level : levels) {
    level = static_cast<int32_t>(rng.Below(1024 * rtl::kSarLevelsPerLsb));
  }
  return levels;
}

// A slice with framing, by model (0) or RTL (1); calibrated every thousand
// vectors, learning and tracking, or not. A pair counts as two conversions.
void Receivers(benchmark::State& state) {
  const SliceBy by = state.range(0) != 0 ? SliceBy::kRtl : SliceBy::kModel;
  const bool learns = state.range(1) != 0;
  const BoundarySettings settings = Core(learns);
  const Chip chip(settings);
  Slice slice(by, SliceRole::kReceiver, settings, chip, 0, 0);
  const std::vector<int32_t> levels = SomeLevels(rtl::kSarLanes);
  std::array<int16_t, rtl::kSarLanes> values;
  for (auto _ : state) {
    if (!slice.Receive(levels, values)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * rtl::kSarLanes *
                          (learns ? 2 : 1));
}
BENCHMARK(Receivers)->ArgsProduct({{0, 1}, {0, 1}});

void Sources(benchmark::State& state) {
  const SliceBy by = state.range(0) != 0 ? SliceBy::kRtl : SliceBy::kModel;
  const BoundarySettings settings = Core(false);
  const Chip chip(settings);
  Slice slice(by, SliceRole::kSource, settings, chip, 0, 0);
  const std::vector<uint16_t> codes(rtl::kDacLanes, 77);
  std::array<int32_t, rtl::kDacLanes> levels;
  for (auto _ : state) {
    if (!slice.Shine(codes, levels)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(levels.data());
  }
  state.SetItemsProcessed(state.iterations() * rtl::kDacLanes);
}
BENCHMARK(Sources)->Arg(0)->Arg(1);

// Round trips to a server in a thread of its own: the smallest request, over
// a UNIX socket (0) or TCP (1).
void Requests(benchmark::State& state) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "triptych-hil-bench").string();
  const std::string text =
      state.range(0) == 0 ? "unix:" + path : "tcp:127.0.0.1:0";
  auto server = hil::Server::Listen(*hil::ParseAddress(text), {});
  if (!server) return state.SkipWithError(server.error().message.c_str());
  std::atomic<bool> stop = false;
  std::thread thread([&] { server->Serve(stop, true).value(); });
  {
    auto client = hil::Client::Connect(server->address(), Core(false), {});
    auto slices = (*client)->OpenReceivers(0, 0, rtl::kSarLanes).value();
    for (auto _ : state) {
      benchmark::DoNotOptimize(slices->Read(0, rtl::kRegIdentity).value());
    }
  }
  stop = true;
  thread.join();
  std::filesystem::remove(path);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Requests)->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace triptych::optical

BENCHMARK_MAIN();
