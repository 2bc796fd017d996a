// Plans for products, and what they are worth. product/ emits them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/matmul.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/layout.h"
#include "emulators/npu/compile/product/null_product.h"
#include "emulators/npu/compile/product/product.h"
#include "emulators/npu/compile/quantise.h"
#include "emulators/npu/compile/search.h"
#include "emulators/npu/cost.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kMostBuffers = 4;  // of weights
constexpr int64_t kMostSlots = 8;    // enough to hide the array's pipeline
constexpr double kBarrierCycles = 500;
// Rows up to which commands are worth saving: with more, what a part takes
// dwarfs its commands, and A would come again for every tile.
constexpr int64_t kLoopedRows = 16;

// What f32 activations, or quantised ones' scales, come through.
int64_t StageBytes(const MatmulSize& s, const MatmulPlan& p) {
  return p.prepared ? p.blocks.count * kF32 : p.stage_rows * s.k * kF32;
}

// Scratchpad bytes, each buffer aligned as Builder::Local aligns it.
int64_t LocalBytes(const MatmulSize& s, const MatmulPlan& p) {
  const auto buffer = [](int64_t bytes) { return RoundUp(bytes, int64_t{64}); };
  const int64_t rows = p.blocks.count;
  const int64_t column = p.n_tile * kF32, tile = rows * column;
  const int64_t tail =
      (p.scales_by_part(s) ? 0 : s.groups()) + (s.bias ? 1 : 0);
  int64_t bytes = buffer(1) + buffer(rows * kF32) +
                  2 * buffer(StageBytes(s, p)) +
                  p.buffers * buffer(p.n_tile * s.local_row(p.k_chunk)) +
                  2 * buffer(s.factors * tail * column) +
                  2 * (s.factors + (s.residual ? 1 : 0)) * buffer(tile);
  bytes += p.streamed() ? 2 * buffer(rows * p.k_chunk) : buffer(rows * s.k);
  if (p.scales_by_part(s)) {
    bytes += 2 * buffer(CeilDiv(p.k_chunk, s.group) * column) + buffer(tile);
  } else if (p.looped) {
    bytes += buffer(NullProduct::Words(rows, p.n_tile) * kF32);
  }
  return bytes;
}

// An estimate in cycles. A pass over the weights begins when its rows of A are
// quantised; then the busiest of DRAM, a core's load channels, its array and
// its vector unit sets the pace.
double Cycles(const MatmulSize& s, const MatmulPlan& p, const Params& params,
              const MachineSize& machine) {
  const auto real = [](int64_t n) { return static_cast<double>(n); };
  const double dram =
      DramBytesPerSecond(params.dram) / params.clock.value;  // bytes a cycle
  const auto beat = real(params.dma.beat_bytes);
  const auto channels = real(params.dma.load_channels);
  // A channel has only so many bursts on the way.
  const double latency = (params.dram.latency_ns + params.dram.activate_ns +
                          params.dram.read_latency_ns) *
                         1e-9 * params.clock.value;
  const double far = std::min(
      beat, real(params.dma.outstanding * params.dram.burst_bytes) / latency);
  const double lanes = real(params.vector_lanes);
  const int64_t piece = s.piece(machine);
  const int64_t columns = s.factors * CeilDiv(s.n, p.output_cores);
  const int64_t tiles = CeilDiv(columns, p.n_tile);
  const int64_t rows = p.blocks.count;
  const double bytes = real(s.factors * s.layout(machine).bytes());
  const int64_t pieces = CeilDiv(s.group, piece) * s.groups();

  // Of A: all cores need all of it, or each has its rows.
  const double floats = real(rows * s.k * kF32) / (channels * beat);
  const double codes = floats / kF32;
  double quantise = real(2 * rows * s.k) / lanes;
  double load = floats;
  if (p.prepared) {
    quantise /= real(machine.cores);
    load = floats / real(machine.cores) + codes + kBarrierCycles;
  }
  if (s.coded) quantise = 0, load = codes;
  // DRAM's outputs too, where they do not stay on the chip.
  const bool spills = s.m * s.n * kF32 > OnChipLimit(machine);
  const double memory =
      (bytes + (spills ? real(rows * s.n * kF32) : 0.0)) / dram;
  double weights = bytes / real(p.output_cores) / (channels * far);
  if (p.streamed()) {
    load -= codes;
    weights += p.looped ? codes * real(tiles) : codes;
  }
  // Sums of a group are there when they have been through the array, and
  // leave it so many groups at a time.
  const double pass = real(std::max(machine.array_rows, rows));
  const double through = real(machine.array_rows + machine.array_cols + rows);
  const double group =
      std::max(pass * real(CeilDiv(s.group, piece)), through / real(p.slots));
  const double array = s.groups() > 1 ? real(tiles * s.groups()) * group
                                      : real(tiles * pieces) * pass;
  const double scale = real(rows * s.groups() * columns) / lanes;
  return real(p.blocks.parts) *
         (std::max(quantise, load) + std::max({memory, weights, array, scale}));
}

// Places in the accumulators for `rows` sums each, so many that they divide
// `round`, the sums of one round of a loop; one more with `spare`. Two do for
// rows that take longer than the array's pipeline: array and vector unit then
// never meet in a half of the accumulators, which would cost them the more.
int64_t SlotsFor(int64_t rows, int64_t round, bool spare,
                 const MachineSize& machine) {
  const int64_t half = machine.accumulator_rows / 2;
  const bool hidden = rows >= machine.array_rows + machine.array_cols;
  int64_t slots = hidden ? 2 : kMostSlots;
  while (slots > 1 &&
         (CeilDiv(slots + (spare ? 1 : 0), int64_t{2}) * rows > half ||
          round % slots != 0)) {
    slots /= 2;
  }
  return slots;
}

// Where parts take turns inside a tile, one tile is the body of the loop: half
// the commands. False if there is no loop to be had, or no room for the sums.
bool CompleteSums(const MatmulSize& s, const MachineSize& machine,
                  MatmulPlan& p) {
  const auto parts = PartsOf(s.layout(machine), p.k_chunk);
  const auto count = static_cast<int64_t>(parts.size());
  const int64_t rows = p.blocks.count, half = machine.accumulator_rows / 2;
  if (p.together) {
    const int64_t step = p.output_cores * p.n_tile;
    p.slots = s.n / step;
    // For one row commands are worth more than passing A once.
    return s.n % step == 0 && count > 1 && rows > 1 &&
           CeilDiv(p.slots, int64_t{2}) * rows <= half;
  }
  if (p.looped) {
    const int64_t chunk = s.layout(machine).chunk;
    p.bodies = 1;
    p.slots = p.scales_by_part(s)
                  ? SlotsFor(rows, 2 * (chunk / s.group), true, machine)
                  : SlotsFor(rows, s.factors, true, machine);
    return p.blocks.parts == 1 && p.k_chunk == chunk && s.k % chunk == 0 &&
           count >= 4 && count % 2 == 0 && rows <= kLoopedRows &&
           2 * rows <= half;
  }
  const int64_t loads = count * s.factors, sums = s.groups() * s.factors;
  p.bodies = loads % p.buffers == 0 && (sums > 1 || rows == 1) ? 1 : 2;
  p.slots = SlotsFor(rows, sums * p.bodies, false, machine);
  return true;
}

// The largest plan with this split, these blocks and this tile; false if it
// does not fit.
bool Complete(const MatmulSize& s, const MachineSize& machine, MatmulPlan& p) {
  if (p.blocks.count > machine.accumulator_rows / 2) return false;
  const WeightLayout layout = s.layout(machine);
  // What a part must be whole multiples of.
  const int64_t unit = s.groups() > 1 ? s.group : 2 * s.piece(machine);
  p.k_chunk = layout.chunk;
  const int64_t row = s.k * kF32;
  p.stage_rows = std::clamp(machine.scratchpad_bytes / 16 / row, int64_t{1},
                            std::min<int64_t>(p.blocks.count, 1 << 14));
  p.buffers = std::clamp<int64_t>(layout.chunks() * s.factors, 2, kMostBuffers);
  const bool rows_of_many = p.blocks.count > kLoopedRows;
  if (p.together || rows_of_many) p.buffers = kMostBuffers;
  if (p.looped) p.buffers = 2;
  while (LocalBytes(s, p) > machine.scratchpad_bytes) {
    if (!p.prepared && p.stage_rows > 1) {
      p.stage_rows /= 2;
    } else if (p.buffers > 2) {
      --p.buffers;
    } else if (p.k_chunk > unit) {
      p.k_chunk = RoundUp(p.k_chunk / 2, unit);
    } else {
      return false;
    }
  }
  return CompleteSums(s, machine, p);
}

// A few more passes to try; the last try is a row at a time.
int64_t NextPasses(int64_t passes, int64_t rows) {
  if (passes == rows) return rows + 1;
  return std::min(rows, std::max(passes + 1, passes * 9 / 8));
}

}  // namespace

std::vector<KPart> PartsOf(const WeightLayout& layout, int64_t k_chunk) {
  std::vector<KPart> parts;
  for (int64_t chunk = 0; chunk < layout.k; chunk += layout.chunk) {
    const int64_t end = std::min(layout.k, chunk + layout.chunk);
    for (int64_t first = chunk; first < end; first += k_chunk) {
      parts.push_back({first, std::min(k_chunk, end - first)});
    }
  }
  return parts;
}

MatmulSize MatmulSizeOf(const Params& params, const Graph& graph,
                        const Node& node, const Binding& binding) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  MatmulSize s;
  s.m = graph.value(node.inputs[0]).shape.rows.Bind(binding);
  s.n = w.rows.coefficient;
  s.k = w.cols;
  const bool grouped =
      params.weight_group > 0 && s.k % params.weight_group == 0;
  s.group = grouped ? params.weight_group : s.k;
  s.weight_bits = static_cast<int>(params.weight_bits);
  s.activation_bits = static_cast<int>(params.activation_bits);
  s.bias = node.inputs.size() == 3;
  return s;
}

std::vector<MatmulPlan> MatmulPlans(const MatmulSize& s, const Params& params,
                                    const MachineSize& machine) {
  std::vector<MatmulPlan> plans;
  // A nibble has no address of its own: groups of an odd number start inside
  // a byte.
  if (s.packed() && s.groups() > 1 && s.group % 2 != 0) return plans;
  if (s.k > std::numeric_limits<uint16_t>::max()) return plans;
  // One row is quantised sooner than shared out.
  const bool fits =
      QuantiseRowsThatFit({.rows = s.m, .dim = s.k}, machine.cores,
                          machine.scratchpad_bytes) > 0;
  const bool shares = fits && s.m > 1 && machine.cores > 1;
  struct Way {
    bool split_rows, prepared, looped = false, together = false;
  };
  for (const Way& way :
       {Way{false, false}, Way{false, true}, Way{true, false}, Way{true, true},
        Way{false, true, true}, Way{false, true, false, true}}) {
    if (s.coded && !way.prepared) continue;
    if (way.prepared && way.split_rows && !s.coded) continue;
    if (way.prepared && !s.coded && !(way.looped ? fits : shares)) continue;
    const int64_t pieces = CeilDiv(s.k, s.piece(machine));
    if (way.looped && s.groups() == 1 && pieces <= kWrittenOut) continue;
    if (way.together && (s.groups() > 1 || s.factors > 1)) continue;
    MatmulPlan plan;
    plan.split_rows = way.split_rows;
    plan.prepared = way.prepared;
    plan.looped = way.looped;
    plan.together = way.together;
    if (way.split_rows) {
      plan.rows = ShareOf(s.m, machine.cores);
    } else {
      plan.output_cores = std::min<int64_t>(s.n, machine.cores);
    }
    plan.n_tile =
        std::min<int64_t>(machine.array_cols, CeilDiv(s.n, plan.output_cores));
    const int64_t rows = way.split_rows ? plan.rows.count : s.m;
    // The fewest passes over the weights that fit.
    for (int64_t passes = 1; passes <= rows;
         passes = NextPasses(passes, rows)) {
      plan.blocks = ShareOf(rows, passes);
      // Rows that only one core may store would be in the last block alone.
      if (way.split_rows && passes > 1 && !plan.rows.exact()) break;
      if (!Complete(s, machine, plan)) continue;
      plan.cycles = Cycles(s, plan, params, machine);
      plans.push_back(plan);
      break;
    }
  }
  std::ranges::sort(plans, {}, [](const MatmulPlan& p) {
    return std::tuple(!p.looped, p.cycles, p.split_rows, p.prepared,
                      p.together);
  });
  return plans;
}

Status EmitMatmul(const LowerRequest& request, const MatmulSize& size,
                  const MatmulPlan& plan, Builder& builder) {
  const Placement& at = request.place;
  if (plan.prepared) {
    TRIPTYCH_TRY(EmitQuantise(request,
                              {.batch = 1,
                               .rows = size.m,
                               .heads = 1,
                               .dim = size.k,
                               .first = 0,
                               .bits = size.activation_bits},
                              at.inputs[0].data, at.scratch[0], builder));
    builder.Barrier();
  }
  const ProductWork work{
      .size = size,
      .factors = {{at.inputs[1], size.bias ? at.inputs[2].data : Remote()}},
      .act = {},
      .residual = {},
      .out = {.at = at.output.data,
              .rest = {},
              .near = size.m,
              .stride = size.n * kF32}};
  EmitProducts(std::span(&work, 1),
               {.floats = at.inputs[0].data,
                .codes = {.at = at.scratch[0].data,
                          .rest = {},
                          .near = size.m,
                          .stride = size.k},
                .scales = at.scratch[0].scales},
               plan, builder);
  return {};
}

Status LowerMatmul(const LowerRequest& request, Builder& builder) {
  const MatmulSize size = MatmulSizeOf(request.params, request.graph,
                                       request.node, request.binding);
  const auto plans = SearchPlans(request, size);
  if (plans.empty()) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: a product of {} x {} x {} does not fit the scratchpad "
                    "({} bytes) and the accumulators ({} rows)",
                    request.node.name, size.m, size.n, size.k,
                    builder.size().scratchpad_bytes,
                    builder.size().accumulator_rows));
  }
  return EmitMatmul(request, size, plans.front(), builder);
}

}  // namespace triptych::npu
