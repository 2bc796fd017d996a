// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/vision.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "emulators/npu/array.h"
#include "emulators/npu/networks/networks.h"
#include "emulators/npu/peers/row.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

double Number(int64_t n) { return static_cast<double>(n); }

// What a layer's passes go through.
ArraySize UnitOf(const Params& p) {
  if (HasUnits(p.network)) return {p.network.unit_rows, p.network.unit_cols};
  return {p.array_rows, p.array_cols};
}

// Parts of the filters that fill a unit once each.
int64_t Parts(const ArraySize& unit, const TopologyLayer& l) {
  const int64_t k = l.k(), n = l.n();
  if (l.groups > 1 && k <= unit.rows && n <= unit.cols) {
    const int64_t together = std::min(unit.rows / k, unit.cols / n);
    // Heads of attention change their second operand: no sharing.
    const bool share = l.kind != LayerKind::kMatmul;
    return CeilDiv(l.groups, share ? together : int64_t{1});
  }
  return l.groups * CeilDiv(k, unit.rows) * CeilDiv(n, unit.cols);
}

double ArrayCyclesOf(const Params& p, const TopologyLayer& l) {
  if (l.kind == LayerKind::kPool) return 0;
  return Number(l.m()) * Number(Parts(UnitOf(p), l));
}

double SequentialSeconds(const Params& p,
                         std::span<const TopologyLayer> layers) {
  const ArraySize unit = UnitOf(p);
  double cycles = 0;
  for (const TopologyLayer& l : layers) {
    const double vector = Number(l.output()) / Number(p.vector_lanes);
    cycles += std::max(ArrayCyclesOf(p, l), vector) + p.command_cycles;
    if (l.kind != LayerKind::kPool && p.network.load_bytes_per_cycle > 0) {
      cycles += Number(Parts(unit, l) * unit.rows * unit.cols) /
                p.network.load_bytes_per_cycle;
    }
  }
  return cycles / p.clock.value / Number(p.cores);
}

// The pace of layers side by side: the least time in which whole units, at
// least one a layer, do all of them.
double PaceOf(std::span<const double> work, int64_t units) {
  double slowest = 0, sum = 0;
  for (const double w : work) {
    slowest = std::max(slowest, w);
    sum += w;
  }
  const auto fits = [&](double pace) {
    double used = 0;
    for (const double w : work) used += std::ceil(w / pace);
    return used <= Number(units);
  };
  double low = sum / Number(units), high = slowest;
  if (low <= 0 || fits(low)) return low;
  constexpr int kSteps = 40;  // to a part in 2^40
  for (int i = 0; i < kSteps; ++i) {
    const double middle = (low + high) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return high;
}

struct Context {
  std::vector<double> work;  // cycles on one unit
  double weight_bytes = 0, input_bytes = 0;
};

std::vector<Context> ContextsOf(const Params& p,
                                std::span<const TopologyLayer> layers) {
  const double room = p.network.weights_mib * (1 << 20);
  std::vector<Context> contexts(1);
  for (const TopologyLayer& l : layers) {
    if (l.kind == LayerKind::kPool) continue;
    const double weights =
        l.kind == LayerKind::kMatmul ? 0.0 : Number(l.weights());
    Context& last = contexts.back();
    const bool full =
        static_cast<int64_t>(last.work.size()) == p.network.pipeline_units ||
        last.weight_bytes + weights > room;
    if (!last.work.empty() && full) {
      contexts.emplace_back();
      contexts.back().input_bytes = Number(l.input());
    }
    contexts.back().work.push_back(ArrayCyclesOf(p, l));
    contexts.back().weight_bytes += weights;
  }
  return contexts;
}

FrameTime Pipelined(const Params& p, std::span<const TopologyLayer> layers,
                    int64_t batch) {
  const std::vector<Context> contexts = ContextsOf(p, layers);
  FrameTime time;
  time.contexts = static_cast<int64_t>(contexts.size());
  const double rate = p.network.weights_gb_per_s * 1e9;
  for (const Context& c : contexts) {
    time.chip_s += PaceOf(c.work, p.network.pipeline_units) / p.clock.value;
    if (contexts.size() == 1) break;
    time.chip_s += 2 * c.input_bytes / rate;
    time.chip_s +=
        (c.weight_bytes / rate + p.network.context_us * 1e-6) / Number(batch);
  }
  return time;
}

}  // namespace

FrameTime TimeOfFrame(const Params& p, std::span<const TopologyLayer> layers,
                      int64_t batch) {
  FrameTime time;
  if (p.network.pipeline_units > 0) {
    time = Pipelined(p, layers, batch);
  } else {
    time.chip_s = SequentialSeconds(p, layers);
  }
  if (!layers.empty()) {
    time.host_s =
        std::max(Number(layers.front().input()) / (p.host.link_gb_per_s * 1e9),
                 p.network.frame_us * 1e-6);
  }
  return time;
}

Result<Prediction> PredictVision(const Params& params, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const std::string_view network, TextOf(spec, "network"));
  TRIPTYCH_ASSIGN(const int64_t batch,
                  ParseCount("batch", TextOr(spec, "batch", "1")));
  const std::string_view boundary = TextOr(spec, "boundary", "host_end_to_end");
  TRIPTYCH_ASSIGN(const std::vector<TopologyLayer> layers,
                  NetworkByName(network));
  const FrameTime time = TimeOfFrame(params, layers, batch);
  const bool chip_only =
      boundary.starts_with("chip_only") || boundary == "independent_run";
  const double seconds =
      chip_only ? time.chip_s : std::max(time.chip_s, time.host_s);
  return Prediction{{"fps", 1 / seconds}};
}

}  // namespace triptych::npu
