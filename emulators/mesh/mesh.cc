// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "emulators/mesh/clock.h"
#include "emulators/mesh/cost.h"
#include "emulators/mesh/lower.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/network/predict.h"
#include "emulators/mesh/noc.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/predict_matmul.h"
#include "emulators/mesh/serving.h"
#include "emulators/mesh/sharding.h"
#include "emulators/mesh/tile.h"
#include "emulators/mesh/tile_matmul.h"
#include "emulators/mesh/timeline.h"
#include "emulators/mesh/traffic.h"
#include "emulators/mesh/workloads.h"
#include "emulators/packed_once.h"
#include "kernels/base/log.h"
#include "kernels/base/parallel.h"
#include "models/ops/op.h"

namespace triptych::mesh {
namespace {

struct Ids {
  UnitId launch, unpack, fpu, sfpu, pack, noc, dram, ethernet;
  ActionId go, waiting, mac, pad_mac, sfpu_op, l1_byte, noc_byte, dram_byte,
      ethernet_byte;
  // Products of networks, where they run in more or fewer passes.
  ActionId mlp_mac, mlp_pad_mac;
};

// Arithmetic a cost is charged with: the operator's own.
struct Flops {
  int64_t matrix = 0, vector = 0;
};

// Growing more of these can only help. Left out: the grid and L1, whose size
// changes which schedules there are (README.md).
constexpr MoreOf kResources[] = {
    {"clock_hz", 2},
    {"launch_cycles", 0.5},
    {"fpu.macs_per_cycle", 2},
    {"sfpu.lanes", 2},
    {"unpack.bytes_per_cycle", 2},
    {"pack.bytes_per_cycle", 2},
    {"noc.bytes_per_cycle", 2},
    {"noc.multicast_bytes_per_cycle", 2},
    {"noc.hop_cycles", 0.5},
    {"noc.handshake_cycles", 0.5},
    {"dram.gb_per_s", 2},
    {"dram.latency_cycles", 0.5},
    {"dram.issue_cycles", 0.5},
};

class Mesh : public Target {
 public:
  Mesh(std::string_view preset, ParamSet set, const Params& params)
      : Target("mesh", preset, std::move(set), params.host),
        params_(params),
        phases_(*PhasesFromName(params.fidelity)) {
    AddUnits();
    AddActions();
  }

  Roofline roofline() const override;
  Hertz clock() const override { return params_.clock; }
  Precision precision() const override;
  std::span<const MoreOf> resources() const override { return kResources; }
  // How an operator is divided among chips depends on those before it.
  bool cost_depends_on_neighbours() const override {
    return params_.chips() > 1 || overlaps();
  }
  std::optional<Traffic> TrafficOf(const Graph& graph, const Binding& binding,
                                   Phase phase) const override {
    return mesh::TrafficOf(params_, Fold(*this, graph, phase), binding);
  }
  Support Supports(const Graph&, const Node&) const override {
    return Support::kNative;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;
  Result<Prediction> Predict(std::string_view kind,
                             const OpSpec& spec) const override;

  const Params& machine() const { return params_; }
  // An operator's time depends on those before it.
  bool overlaps() const {
    return params_.persistent() || params_.reads_ahead();
  }
  int phases() const { return phases_; }
  // A weight's format is the same wherever it is used.
  std::shared_ptr<const TiledWeights> Tiled(const Weights& weights,
                                            ValueId weight,
                                            DType format) const {
    return tiled_.Get(weights, weight, [&] {
      return TiledWeights(weights.Rows(weight), format, MaxThreads());
    });
  }
  std::shared_ptr<const Sharding> ShardingOf(const Graph& graph) const;
  // When operators run that overlap.
  std::shared_ptr<const Timeline> TimelineOf(const StepContext& ctx) const;
  // Charges `cost` from `begin` on; returns its end. Idle power is charged for
  // the cycles that it adds to the run.
  Picos Charge(const StepContext& ctx, Picos begin, const Cost& cost,
               const Busy& busy, double adds, Flops flops) const;

 private:
  void AddUnits();
  void AddActions();
  void WarnOfCapacity(const Graph& graph) const;
  std::unique_ptr<Target> With(const Params& params) const {
    return std::make_unique<Mesh>(preset(), this->params(), params);
  }

  Params params_;
  int phases_;
  Ids ids_{};
  mutable PackedOnce<TiledWeights> tiled_;
  mutable std::mutex sharding_mutex_;
  mutable uint64_t sharded_ = 0;  // the graph that `sharding_` is of
  mutable std::shared_ptr<const Sharding> sharding_;
  mutable std::tuple<uint64_t, Phase, int64_t, int64_t, int64_t> timed_;
  mutable std::shared_ptr<const Timeline> timeline_;  // of that
};

// Of all chips; without replicas, which only other sequences could use.
Roofline Mesh::roofline() const {
  const Params& p = params_;
  // The faster of the formats and fidelities that it uses.
  const int mlp =
      p.mlp_fidelity == "same" ? phases_ : *PhasesFromName(p.mlp_fidelity);
  const double weight_bits = BitsPerElement(FormatOf(p.weights));
  const double mlp_bits = p.mlp_weights == "same"
                              ? weight_bits
                              : BitsPerElement(FormatOf(p.mlp_weights));
  const auto chips = static_cast<double>(p.chips());
  return {.matrix = FlopsPerSecond(
              2 * p.fpu_macs_per_cycle / std::min(phases_, mlp) * chips *
              static_cast<double>(p.cores()) * p.clock.value),
          .off_chip = BytesPerSecond(p.dram_gb_per_s * 1e9 * chips),
          .weight_bits = std::min(weight_bits, mlp_bits),
          .cache_bits = BitsPerElement(FormatOf(p.cache)),
          .weights_resident = p.resident == "dense"};
}

std::shared_ptr<const Sharding> Mesh::ShardingOf(const Graph& graph) const {
  const std::lock_guard lock(sharding_mutex_);
  if (sharding_ == nullptr || sharded_ != graph.id()) {
    auto sharding = std::make_shared<Sharding>(graph, params_.ways());
    const int64_t left_out = sharding->Keep(params_);
    if (left_out > 0) {
      Log(LogLevel::kWarning, "mesh",
          fmt::format("{}: weights of {} products do not fit L1 beside those "
                      "before them; read from DRAM",
                      graph.name(), left_out));
    }
    sharding_ = std::move(sharding);
    sharded_ = graph.id();
  }
  return sharding_;
}

std::shared_ptr<const Timeline> Mesh::TimelineOf(const StepContext& ctx) const {
  const auto sharding = ShardingOf(ctx.graph);
  const std::lock_guard lock(sharding_mutex_);
  const Binding& b = ctx.binding;
  const std::tuple wanted(ctx.graph.id(), ctx.phase, b.batch, b.tokens,
                          b.context);
  if (timeline_ == nullptr || timed_ != wanted) {
    timeline_ = std::make_shared<Timeline>(params_, ctx.graph,
                                           *ctx.graph.FindEntry(ctx.phase),
                                           ctx.binding, *sharding);
    timed_ = wanted;
  }
  return timeline_;
}

void Mesh::AddUnits() {
  ids_.launch = AddUnit("launch");
  ids_.unpack = AddUnit("unpack");
  ids_.fpu = AddUnit("fpu");
  ids_.sfpu = AddUnit("sfpu");
  ids_.pack = AddUnit("pack");
  ids_.noc = AddUnit("noc");
  ids_.dram = AddUnit("dram");
  if (params_.chips() > 1) ids_.ethernet = AddUnit("ethernet");
}

void Mesh::AddActions() {
  const Params& p = params_;
  ids_.go = AddAction({"launch", ActionClass::kOther, Joules(0), 0, Bytes(0),
                       Basis::kDerived, "costs time; its energy is static"});
  ids_.waiting =
      AddAction("static.cycle", ActionClass::kOther, "energy.static_w",
                p.static_w / p.clock.value * 1e12);
  const double mac_pj = p.energy_mac_phase_pj * phases_;
  ids_.mac = AddAction("fpu.mac_" + p.weights, ActionClass::kMatrix,
                       "energy.mac_phase_pj", mac_pj, 2);
  ids_.pad_mac = AddAction("fpu.pad_mac", ActionClass::kPadding,
                           "energy.mac_phase_pj", mac_pj, 2);
  ids_.mlp_mac = ids_.mac;
  ids_.mlp_pad_mac = ids_.pad_mac;
  if (p.mlp_weights != "same" || p.mlp_fidelity != "same") {
    const int phases =
        p.mlp_fidelity == "same" ? phases_ : *PhasesFromName(p.mlp_fidelity);
    const double mlp_pj = p.energy_mac_phase_pj * phases;
    ids_.mlp_mac = AddAction("fpu.mlp_mac", ActionClass::kMatrix,
                             "energy.mac_phase_pj", mlp_pj, 2);
    ids_.mlp_pad_mac = AddAction("fpu.mlp_pad_mac", ActionClass::kPadding,
                                 "energy.mac_phase_pj", mlp_pj, 2);
  }
  ids_.sfpu_op = AddAction("sfpu.op", ActionClass::kVector, "energy.sfpu_op_pj",
                           p.energy_sfpu_op_pj, 1);
  ids_.l1_byte = AddAction("l1.byte", ActionClass::kMove, "energy.l1_byte_pj",
                           p.energy_l1_byte_pj, 0, 1);
  ids_.noc_byte = AddAction("noc.byte", ActionClass::kMove,
                            "energy.noc_byte_pj", p.energy_noc_byte_pj, 0, 1);
  ids_.dram_byte =
      AddAction("dram.byte", ActionClass::kOffChip, "energy.dram_byte_pj",
                p.energy_dram_byte_pj, 0, 1);
  if (p.chips() > 1) {
    ids_.ethernet_byte =
        AddAction("ethernet.byte", ActionClass::kOffChip,
                  "host.energy_link_byte_pj", p.host.energy_link_byte_pj, 0, 1);
  }
}

Precision Mesh::precision() const {
  const auto of_format = [](std::string_view name) -> Rounding {
    if (name == "bf16") return {.of_itself = 0x1p-9};
    // Half a unit of the largest exponent; an element just below the next
    // power of two saturates by up to a whole one.
    const int bits = name == "bfp8" ? 7 : 3;
    return {.of_max = std::ldexp(1.0, -bits)};
  };
  Precision precision{.activation = of_format(params_.activations),
                      .weight = of_format(params_.weights),
                      .output = of_format(params_.activations),
                      .accumulate = params_.dst == "f32" ? 0x1p-24 : 0x1p-9};
  // Phases that are left out cut significands off after 5 or 7 bits.
  if (phases_ < 2) precision.weight.of_itself += 0x1p-4;
  if (phases_ < 3) precision.activation.of_itself += 0x1p-6;
  if (phases_ == 3) precision.activation.of_itself += 0x1p-6 * 0x1p-4;
  return precision;
}

Picos Mesh::Charge(const StepContext& ctx, Picos begin, const Cost& cost,
                   const Busy& busy, double adds, Flops flops) const {
  Picos end = begin;
  const auto at = [&](double cycles) {
    const Picos time = begin + FromSeconds(cycles / params_.clock.value);
    end = std::max(end, time);
    return time;
  };
  const auto charge = [&](UnitId unit, ActionId action, int64_t count,
                          double from, double busy, bool concurrent = false) {
    ctx.Charge(unit, action, static_cast<uint64_t>(count), at(from),
               at(from + busy), concurrent);
  };
  const double start = cost.launch + cost.fill;
  const int64_t macs = flops.matrix / 2;
  // All chips of a stage do alike; what several of them do twice is padding.
  const int64_t chips = params_.stage_chips();
  const int64_t computed = cost.macs * chips;
  TRIPTYCH_CHECK(computed >= macs, "node", ctx.node.name, "computed", computed,
                 "wanted", macs);
  const bool mlp = FormatsOf(params_, ctx.node).phases != phases_;
  const auto charge_in = [&](UnitId unit, ActionId action, int64_t count,
                             Busy::Interval when) {
    charge(unit, action, count, when.from, when.to - when.from);
  };
  charge_in(ids_.launch, ids_.go, 1, busy.launch);
  charge_in(ids_.noc, ids_.noc_byte, cost.noc_bytes * chips, busy.noc);
  charge_in(ids_.dram, ids_.dram_byte, cost.dram_bytes * chips, busy.dram);
  charge(ids_.unpack, ids_.l1_byte, cost.unpack_bytes * chips, start,
         cost.unpack);
  charge(ids_.pack, ids_.l1_byte, cost.pack_bytes * chips, start, cost.pack);
  charge(ids_.fpu, mlp ? ids_.mlp_mac : ids_.mac, macs, start, cost.fpu);
  if (computed > macs) {
    charge(ids_.fpu, mlp ? ids_.mlp_pad_mac : ids_.pad_mac, computed - macs,
           start, cost.fpu, true);
  }
  if (cost.ethernet_bytes > 0) {
    charge_in(ids_.ethernet, ids_.ethernet_byte, cost.ethernet_bytes * chips,
              busy.ethernet);
  }
  charge(ids_.sfpu, ids_.sfpu_op, flops.vector, start, cost.sfpu);
  at(cost.total);
  const auto waiting =
      std::llround(std::ceil(adds) * static_cast<double>(params_.chips()));
  ctx.Charge(ids_.launch, ids_.waiting, static_cast<uint64_t>(waiting), begin,
             end, /*concurrent=*/true);
  return end;
}

// ---- Steps ----

class MeshStep : public Step {
 public:
  MeshStep(const Mesh& mesh, const Graph& graph)
      : mesh_(mesh), sharding_(mesh.ShardingOf(graph)) {}

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) Compute(ctx);
    const Work work = WorkOf(ctx.graph, ctx.node, ctx.binding);
    const Flops flops{work.matrix_flops, work.vector_flops};
    if (mesh_.overlaps()) return RunOverlapped(ctx, flops);
    const Cost cost =
        CostOf(mesh_.machine(), ctx.graph, ctx.node, ctx.binding, *sharding_);
    return mesh_.Charge(ctx, ctx.begin, cost, BusyOf(cost), cost.total, flops);
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  DType activations() const { return FormatOf(mesh_.machine().activations); }
  const Mesh& mesh_;

 private:
  // Its charges lie where the program has them; it takes what it adds.
  Picos RunOverlapped(const StepContext& ctx, Flops flops) const {
    const auto timeline = mesh_.TimelineOf(ctx);
    const Timeline::Slot& slot = timeline->Of(ctx.node.id);
    const double hertz = mesh_.machine().clock.value;
    const Picos program = ctx.begin - FromSeconds(slot.before / hertz);
    const Picos begin = program + FromSeconds(slot.begin / hertz);
    const Picos end = mesh_.Charge(ctx, std::max(begin, Picos(0)), slot.cost,
                                   slot.busy, slot.adds(), flops);
    return std::max(ctx.begin, end);
  }

  std::shared_ptr<const Sharding> sharding_;
};

AlignedVector<float> CopyOf(ConstMatView<float> from) {
  AlignedVector<float> to(from.size());
  for (size_t r = 0; r < from.rows(); ++r) {
    std::copy_n(from.row(r), from.cols(), to.data() + r * from.cols());
  }
  return to;
}

// A matrix of our own, rounded.
struct Rounded {
  Rounded(ConstMatView<float> from, DType format,
          void (*round)(DType, MatView<float>) = RoundTo)
      : data(CopyOf(from)), view(data.data(), from.rows(), from.cols()) {
    round(format, view);
  }
  AlignedVector<float> data;
  MatView<float> view;
};

// A weight of one row.
ConstMatView<float> InMemory(const WeightRows& w) {
  return {w.vector().data(), 1, w.cols()};
}

class MatmulStep : public MeshStep {
 public:
  MatmulStep(const Mesh& mesh, const Graph& graph, const Node& node,
             const Weights* weights)
      : MeshStep(mesh, graph), formats_(FormatsOf(mesh.machine(), node)) {
    if (weights == nullptr) return;
    weights_ = mesh.Tiled(*weights, node.inputs[1], formats_.weights);
    if (node.inputs.size() == 3) {
      bias_.emplace(InMemory(weights->Rows(node.inputs[2])), DType::kBf16);
    }
  }

 private:
  void Compute(const StepContext& ctx) const override {
    const Rounded a(ctx.inputs[0], activations());
    TileMatmul(a.view, *weights_,
               {formats_.phases, mesh_.machine().dst == "f32"}, ctx.threads,
               ctx.output);
    if (bias_) {
      for (size_t r = 0; r < ctx.output.rows(); ++r) {
        for (size_t c = 0; c < ctx.output.cols(); ++c) {
          ctx.output(r, c) += bias_->data[c];
        }
      }
    }
    RoundTo(activations(), ctx.output);
  }

  Formats formats_;
  std::shared_ptr<const TiledWeights> weights_;
  std::optional<Rounded> bias_;
};

// Everything else computes in f32, as the vector unit does, on operands in
// the machine's formats, and rounds what it gives.
class VectorStep : public MeshStep {
 public:
  VectorStep(const Mesh& mesh, const Graph& graph, const Node& node,
             const Weights* weights)
      : MeshStep(mesh, graph), weights_(node.inputs.size()) {
    if (weights == nullptr) return;
    weights_ = weights->InputsOf(graph, node);
    // Rows that are only copied are rounded on their way out.
    if (node.op->kind == OpKind::kData) return;
    const bool vector = node.op->kind == OpKind::kVector;
    const DType format =
        vector ? DType::kBf16 : FormatsOf(mesh.machine(), node).weights;
    rounded_.reserve(weights_.size());  // they are pointed into
    for (WeightRows& w : weights_) {
      if (w.rows() == 1) {
        w = WeightRows(
            rounded_.emplace_back(InMemory(w), format, RoundWeights).view);
      } else {
        w = RoundedWeights(w, format);
      }
    }
  }

 private:
  void Compute(const StepContext& ctx) const override {
    if (ctx.graph.value(ctx.node.output).kind == ValueKind::kCache) {
      const Rounded rows(ctx.inputs[0], FormatOf(mesh_.machine().cache));
      std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                              ctx.inputs.end());
      inputs[0] = rows.view;
      Host(ctx, inputs);
      return;
    }
    Host(ctx, ctx.inputs);
    RoundTo(activations(), ctx.output);
  }
  void Host(const StepContext& ctx,
            std::span<const ConstMatView<float>> inputs) const {
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, inputs, weights_,
                       ctx.output, ctx.capacity, ctx.threads});
  }

  std::vector<Rounded> rounded_;
  std::vector<WeightRows> weights_;  // by input slot
};

Result<std::unique_ptr<Step>> Mesh::Lower(const Graph& graph, const Node& node,
                                          const Weights* weights) const {
  if (node.id == 0) WarnOfCapacity(graph);
  if (node.op->name == "matmul") {
    return std::make_unique<MatmulStep>(*this, graph, node, weights);
  }
  return std::make_unique<VectorStep>(*this, graph, node, weights);
}

void Mesh::WarnOfCapacity(const Graph& graph) const {
  double bytes = 0;
  for (const Node& node : graph.nodes()) {
    const double bits = BitsPerElement(FormatsOf(params_, node).weights);
    for (const ValueId input : node.inputs) {
      const Value& value = graph.value(input);
      if (value.kind != ValueKind::kWeight) continue;
      bytes +=
          static_cast<double>(value.shape.rows.coefficient * value.shape.cols) *
          bits / 8;
    }
  }
  const auto chips = static_cast<double>(params_.chips());
  const double capacity = params_.dram_capacity_gib * 0x1p30 * chips;
  if (bytes <= capacity) return;
  Log(LogLevel::kWarning, "mesh",
      fmt::format("{}: {:.1f} GB of {} weights do not fit the {:.1f} GB of "
                  "DRAM; timed as if they did",
                  graph.name(), bytes / 1e9, params_.weights, capacity / 1e9));
}

// ---- Predictions ----

// Tables of measured transfers.
using Predictor = Result<Prediction> (*)(const Params&, const OpSpec&);
constexpr std::pair<std::string_view, Predictor> kTables[] = {
    {"matmul", PredictMatmul},
    {"noc_latency", PredictNocLatency},
    {"dram_interleaved_latency", PredictDramLatency},
    {"dram_bandwidth", PredictDramBandwidth},
    {"noc_traces", PredictNocTrace},
    {"fabric_latency", PredictFabricLatency},
    {"fabric_bandwidth", PredictFabricBandwidth},
};

// Whole models, which run as graphs on machines like this one.
using GraphPredictor = Result<Prediction> (*)(const Params&,
                                              const MachineMaker&,
                                              const OpSpec&);
constexpr std::pair<std::string_view, GraphPredictor> kGraphTables[] = {
    {"llm_serving", PredictServing},
    {"workloads", PredictWorkload},
    {"decoder_layer", PredictDecoderLayer},
};

Result<Prediction> Mesh::Predict(std::string_view kind,
                                 const OpSpec& spec) const {
  std::string allowed;
  for (const auto& [name, predict] : kTables) {
    if (name == kind) return predict(params_, spec);
    allowed += fmt::format("{}, ", name);
  }
  for (const auto& [name, predict] : kGraphTables) {
    if (name == kind) {
      return predict(
          params_, [this](const Params& params) { return With(params); }, spec);
    }
    allowed += fmt::format("{}, ", name);
  }
  allowed.resize(allowed.size() - 2);
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("mesh: no prediction for \"{}\"; allowed {}",
                               kind, allowed));
}

// Chips are whole stages, of whole rows and columns of parts.
Status CheckChips(const std::string& file, const Params& p) {
  const auto wrong = [&](std::string_view key, int64_t value,
                         std::string_view of, int64_t whole) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {}: {} is not allowed; allowed a divisor of {} {}",
                    file, key, value, whole, of));
  };
  if (p.chips() % p.parallel_pipeline != 0) {
    return wrong("parallel.pipeline", p.parallel_pipeline, "chips", p.chips());
  }
  if (p.stage_chips() % p.parallel_sequence != 0) {
    return wrong("parallel.sequence", p.parallel_sequence, "chips of a stage",
                 p.stage_chips());
  }
  if (p.tensor_ways() % p.parallel_expert != 0) {
    return wrong("parallel.expert", p.parallel_expert,
                 "chips that divide columns", p.tensor_ways());
  }
  if (p.parallel_stream > 0 && p.tensor_ways() % p.parallel_stream != 0) {
    return wrong("parallel.stream", p.parallel_stream,
                 "chips that divide columns", p.tensor_ways());
  }
  if (p.chips() > 1 && p.fabric_ethernet_gb_per_s == 0) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: fabric.ethernet_gb_per_s: 0 is not "
                                 "allowed between {} chips; allowed more",
                                 file, p.chips()));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Target>> MakeMesh(std::string_view preset,
                                         const Config& config) {
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  if (params.l1_reserved_bytes + kLeastBufferBytes > params.l1_bytes) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: l1.reserved_bytes: {} leaves no room for circular "
                    "buffers; allowed up to l1.bytes - {}",
                    config.file(), params.l1_reserved_bytes,
                    kLeastBufferBytes));
  }
  TRIPTYCH_TRY(CheckChips(config.file(), params));
  if (params.dispatch == "persistent") {
    // Cores tell each other that an operator's inputs are there.
    params.launch_cycles =
        RoundTrip(params, /*axis=*/false) + params.noc_handshake_cycles;
    params.gap_cycles = params.operator_us = 0;
  }
  return std::make_unique<Mesh>(preset, std::move(set), params);
}

}  // namespace triptych::mesh
