// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/nvdla.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "emulators/npu/networks/networks.h"
#include "emulators/npu/peers/row.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

double Number(int64_t n) { return static_cast<double>(n); }

// Frames that share the filters of fully connected layers. The sheet does not
// state it; AlexNet's frame time is shorter than reading its 58.6 MB takes, by
// a factor that only a batch explains.
struct Batch {
  std::string_view network;
  int64_t frames;
};
constexpr Batch kBatches[] = {{"alexnet", 32}};

int64_t BatchOf(std::string_view network) {
  const auto at = std::ranges::find(kBatches, network, &Batch::network);
  return at == std::end(kBatches) ? 1 : at->frames;
}

bool Winograd(const TopologyLayer& l) {
  return l.filter_height == 3 && l.filter_width == 3 && l.stride == 1 &&
         l.kind != LayerKind::kPool;
}

bool IsImage(const TopologyLayer& l) { return l.channels <= 4; }

double MacCycles(const Params& p, const TopologyLayer& l) {
  if (l.kind == LayerKind::kPool) return 0;
  const int64_t channels = l.channels / l.groups, kernels = l.n();
  const int64_t half = std::max<int64_t>(1, p.array_cols / 2);
  if (Winograd(l)) {
    const int64_t tiles = CeilDiv(l.out_height(), int64_t{2}) *
                          CeilDiv(l.out_width(), int64_t{2});
    const int64_t at_once = std::max<int64_t>(1, p.array_rows / 16);
    return Number(l.groups * tiles * CeilDiv(channels, at_once) *
                  CeilDiv(kernels, half));
  }
  const int64_t taps = l.filter_height * l.filter_width;
  if (IsImage(l)) {
    return Number(l.m()) * Number(4 * taps) / Number(p.array_rows) *
           Number(CeilDiv(kernels, half));
  }
  return Number(l.groups * l.m() * taps * CeilDiv(channels, p.array_rows)) *
         Number(CeilDiv(kernels, p.array_cols));
}

double DramBytes(const Params& p, const TopologyLayer& l, int64_t batch) {
  double filters = Number(l.weights());
  if (l.kind == LayerKind::kConv && l.m() == 1) filters /= Number(batch);
  if (Winograd(l)) filters *= 16.0 / 9;
  const double buffer = 1024 * Number(p.scratchpad_kib);
  const double input = Number(l.input());
  const bool again =
      input + filters > buffer && filters > buffer / 16 && input > buffer / 16;
  if (again) filters *= Number(l.stride * l.stride);
  const double added = l.kind == LayerKind::kConvAdd ? Number(l.output()) : 0.0;
  return input + Number(l.output()) + filters + added;
}

// "res2*_2b" and "res4b-f_2a" against "res4c_2a".
bool Matches(std::string_view pattern, std::string_view name) {
  for (; !pattern.empty() && !name.empty(); name.remove_prefix(1)) {
    size_t used = 1;
    bool same = pattern[0] == '*' || pattern[0] == name[0];
    if (pattern.size() > 2 && pattern[1] == '-') {
      same = pattern[0] <= name[0] && name[0] <= pattern[2];
      used = 3;
    }
    if (!same) return false;
    pattern.remove_prefix(used);
  }
  return pattern.empty() && name.empty();
}

Result<Params> NvdlaFull() {
  TRIPTYCH_ASSIGN(const TargetSource source, ReadTarget("npu:nvdla-full"));
  Params params;
  TRIPTYCH_TRY(LoadParams(source.config, params));
  return params;
}

Result<double> CyclesOf(const Params& p,
                        const std::vector<TopologyLayer>& layers,
                        std::string_view pattern, double rate) {
  std::string_view plain = pattern;
  if (plain.ends_with("+add")) plain.remove_suffix(4);
  double cycles = 0;
  for (const TopologyLayer& layer : layers) {
    if (!Matches(plain, layer.name)) continue;
    const double one = NvdlaLayer(p, layer, rate, 1).cycles();
    if (cycles != 0 && one != cycles) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("npu: layer: \"{}\" stands for layers of {} and {} "
                      "cycles; allowed only equal ones",
                      pattern, cycles, one));
    }
    cycles = one;
  }
  if (cycles == 0) {
    return NotPredicted("layer", pattern, "net and the names of the list");
  }
  return cycles;
}

}  // namespace

NvdlaCost NvdlaLayer(const Params& p, const TopologyLayer& layer,
                     double dram_gb_per_s, int64_t batch) {
  const double bytes_per_cycle = dram_gb_per_s * 1.024e9 / p.clock.value;
  return {MacCycles(p, layer), DramBytes(p, layer, batch) / bytes_per_cycle};
}

Result<Prediction> PredictNvdla(const Params& params, const OpSpec& spec) {
  Params p = params;
  if (!p.network.winograd) {
    TRIPTYCH_ASSIGN(p, NvdlaFull());
  }
  TRIPTYCH_ASSIGN(const std::string_view network, TextOf(spec, "network"));
  TRIPTYCH_ASSIGN(const std::string_view layer, TextOf(spec, "layer"));
  TRIPTYCH_ASSIGN(const double rate, NumberOf(spec, "dram_gb_per_s"));
  if (rate <= 0) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("npu: dram_gb_per_s: {} is not allowed; "
                                 "allowed numbers above 0",
                                 rate));
  }
  TRIPTYCH_ASSIGN(const std::vector<TopologyLayer> layers,
                  NetworkByName(network));
  if (layer != "net") {
    TRIPTYCH_ASSIGN(const double cycles, CyclesOf(p, layers, layer, rate));
    return Prediction{{"cycles", cycles}};
  }
  double cycles = 0;
  for (const TopologyLayer& l : layers) {
    cycles += NvdlaLayer(p, l, rate, BatchOf(network)).cycles();
  }
  return Prediction{{"cycles", cycles}, {"fps", p.clock.value / cycles}};
}

}  // namespace triptych::npu
