// A target: one machine that can run a graph.
//
//   Target::Compile(graph, weights) -> Program      once
//   Program::Run(request, tensors, ledger)           as often as you like
//
// Run walks the schedule once. Each step computes its values in the
// machine's own number formats and charges what it did, so values and costs
// cannot drift apart. Without tensors the same walk charges the same and
// computes nothing: that is how a 671B model is timed.
//
// To write a target, derive Target and implement Lower: it turns one node
// into one Step. Nodes the machine does not do come from the host (HostStep,
// executor.cc), with their transfers, and are charged.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TARGET_H_
#define TRIPTYCH_EMULATORS_TARGET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/params.h"
#include "emulators/traffic.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/units.h"
#include "models/graph.h"
#include "models/graph_weights.h"
#include "models/tensors.h"

namespace triptych {

enum class Support : uint8_t { kNative, kHostFallback };

// The rows of every target's tables that are not the machine itself: the
// order in which nodes run, the host and its link.
inline constexpr UnitId kSchedule{0}, kHostCores{1}, kHostDram{2}, kLink{3};
inline constexpr size_t kHostUnits = 4;
inline constexpr ActionId kScheduleStep{0}, kHostMatrixFlop{1},
    kHostVectorFlop{2}, kHostDramByte{3}, kLinkByte{4};
inline constexpr size_t kHostActions = 5;

// What a step sees of one run.
struct StepContext {
  const Graph& graph;
  const Node& node;
  const Binding& binding;
  Phase phase;
  // False in a timing-only run: inputs and output are then empty.
  bool values = true;
  // Activations and caches, [rows, cols] f32 holding values the target's
  // formats can hold. Weight slots are empty: a step got its weights when it
  // was lowered.
  std::span<const ConstMatView<float>> inputs;
  MatView<float> output;
  int64_t capacity = 0;   // rows of one sequence in a cache
  uint64_t seed = 0;      // key of all noise in this run
  uint64_t position = 0;  // number of this run in its session: decode steps
                          // of one session draw different noise
  int threads = 1;
  Picos begin;  // when the step may start
  Ledger& ledger;
  // Null where nobody can be told.
  Status* failure = nullptr;
  // What Target::counters() names, sums so far of this node: a step adds its
  // own. Empty where nobody asks (layer_report.h), and then costs nothing.
  std::span<double> counters = {};

  // What the step needed is gone (hardware that it was attached to): its
  // output is then not to be used. The first one counts.
  void Fail(Error error) const {
    if (failure != nullptr && failure->has_value()) {
      *failure = std::unexpected<Error>(std::move(error));
    }
  }

  // Charges to this step's node. Times are absolute. Units and actions are
  // those the target registered.
  void Charge(UnitId unit, ActionId action, uint64_t count, Picos from,
              Picos to, bool concurrent = false) const {
    if (count == 0 && from == to) return;
    ledger.Add({node.id, unit, action, count, from, to, concurrent});
  }
};

// One scheduled node. Immutable: Run may be called from several threads with
// different contexts.
class Step {
 public:
  virtual ~Step() = default;
  // Computes (if ctx.values) and charges; returns when the step ends, which
  // is not before ctx.begin nor before the end of any of its charges.
  virtual Picos Run(const StepContext& ctx) const = 0;
};

struct RunRequest {
  Phase phase = Phase::kPrefill;
  Binding binding;
  uint64_t seed = 0;
  uint64_t position = 0;
  int threads = 1;
};

// A graph placed and scheduled for one machine; immutable.
class Program {
 public:
  virtual ~Program() = default;
  // Starts where `ledger` ends, so that runs add up in one ledger.
  // `tensors` (null: timing only) holds the inputs, keeps the caches, and
  // receives the entry's output. Errors: a phase the graph does not have, a
  // context that does not fit the caches, an input that is not there or has
  // another shape, weights that are missing.
  virtual Status Run(const RunRequest& request, TensorStore* tensors,
                     Ledger& ledger) const = 0;
};

// What Compile is asked beside the graph. The defaults are what a user runs.
struct CompileOptions {
  // By node, or empty for none: runs on the host though the machine could.
  // Charged as any fallback is, transfers included.
  std::vector<bool> on_host;
  // Called with every step once it is lowered; the program runs what it
  // returns. For whoever watches values and charges on their way (op_error.h)
  // and for tests that spoil them. The graph's node outlives the step.
  std::function<std::unique_ptr<Step>(const Node&, std::unique_ptr<Step>)> wrap;
};

// Rates no program on this machine can beat; for rooflines and conformance.
struct Roofline {
  FlopsPerSecond matrix;    // matrix products in the format it uses
  BytesPerSecond off_chip;  // memory that holds the weights
  // Formats the weights and caches have in that memory.
  double weight_bits = 16, cache_bits = 16;
  // Weights that stay inside the machine are not fetched again.
  bool weights_resident = false;
  // Of that memory; 0: not stated. Compile warns of weights that exceed it.
  Bytes capacity;
};

// What one rounding may do to an element.
struct Rounding {
  double of_itself = 0;  // times the element: floating formats, 2^-8 is bf16
  double of_max = 0;     // times the largest of its row or group: 0.5 / 127
};

// How far a native matmul may be from exact arithmetic. Conformance derives
// its bound on every native operator from this, so a target that computes in
// anything narrower than f32 states it here.
struct Precision {
  Rounding activation, weight, output;
  double accumulate = 0x1p-24;  // relative, of one addition
  double noise_of_max = 0;      // standard deviation, times the row's largest
};

// One cause of the errors of an analog output: its variance over the mean
// square of the output. Causes are independent: variances add.
struct ErrorTerm {
  std::string name;  // "shot noise"
  double variance = 0;
};

// Part of a machine's time: "stream". Parts exclude each other.
struct TimePart {
  std::string name;
  double seconds = 0;
};

// One more thing that a machine has to say of a layer.
struct Reading {
  std::string key;   // in JSON: "clip_rate"
  std::string name;  // for people: "clip rate"
  std::string unit;  // "%" of a fraction; else an SI unit or ""
  double value = 0;
};

// What counters mean. Any list may be empty: the machine does not count
// that, or did not have values.
struct Readings {
  std::vector<TimePart> time;     // add up to the steps' time on the machine
  std::vector<ErrorTerm> errors;  // variances, summed over the outputs
  std::vector<Reading> others;
};

// Multiplying parameter `key` by `factor` gives the machine more of
// something: 2 for a bandwidth, 0.5 for a latency. No run may get longer.
struct MoreOf {
  std::string_view key;
  double factor = 2;
};

// The host beside an accelerator: what runs nodes the machine does not do.
// A `[host]` table in every preset; members are visited by each target's
// Params with VisitHost(p.host, v).
struct HostParams {
  double vector_gflops = 100;  // sustained, all cores
  double matrix_gflops = 400;  // sustained, all cores, bf16
  double dram_gb_per_s = 60;   // sustained
  double link_gb_per_s = 24;   // to the accelerator, one direction
  double link_latency_us = 2;  // per transfer
  double energy_flop_pj = 8;   // per flop, core and caches
  double energy_dram_byte_pj = 60;
  double energy_link_byte_pj = 40;
};
template <class V>
void VisitHost(HostParams& p, V&& v) {
  v("host.vector_gflops", p.vector_gflops, 1, 1e5,
    "host vector work, sustained GFLOP/s");
  v("host.matrix_gflops", p.matrix_gflops, 1, 1e6,
    "host matrix products, sustained GFLOP/s");
  v("host.dram_gb_per_s", p.dram_gb_per_s, 0.1, 1e5,
    "host memory, sustained GB/s");
  v("host.link_gb_per_s", p.link_gb_per_s, 0.01, 1e4,
    "link between host and accelerator, GB/s in one direction");
  v("host.link_latency_us", p.link_latency_us, 0, 1e4,
    "latency of one transfer, us");
  v("host.energy_flop_pj", p.energy_flop_pj, 0, 1e6, "host energy a flop, pJ");
  v("host.energy_dram_byte_pj", p.energy_dram_byte_pj, 0, 1e6,
    "host energy a DRAM byte, pJ");
  v("host.energy_link_byte_pj", p.energy_link_byte_pj, 0, 1e6,
    "energy a byte on the link, pJ");
}

// An operator or microbenchmark outside any graph: `triptych op matmul m=..`
// and the rows of `triptych validate`. Text values by name.
using OpSpec = std::map<std::string, std::string, std::less<>>;

// What a target predicts for one OpSpec, by measure: "seconds",
// "device_cycles", "utilisation_pct", ... A measure is named as the
// `measured_` column of a validation table without that prefix.
using Prediction = std::map<std::string, double, std::less<>>;

class Target {
 public:
  virtual ~Target() = default;

  std::string_view name() const { return name_; }
  std::string_view preset() const { return preset_; }
  const ParamSet& params() const { return params_; }
  const HostParams& host() const { return host_; }
  // Index = ActionId; the first kHostActions rows are the host's.
  std::span<const Action> actions() const { return actions_; }
  // Index = UnitId; the first kHostUnits rows are the host's.
  std::span<const Unit> units() const { return units_; }

  virtual Roofline roofline() const = 0;
  // The clock in which `cycles` of a report are counted.
  virtual Hertz clock() const = 0;
  // True where times are measured on this machine, not predicted: then only
  // counts, not times, repeat from run to run.
  virtual bool measured() const { return false; }
  // True for the host itself: nothing crosses a link.
  virtual bool is_host() const { return false; }
  // True if no result depends on the host's SIMD width: integer targets.
  virtual bool bit_exact() const { return false; }
  virtual Precision precision() const { return {}; }
  // What conformance scales. A resource that is left out is named, with the
  // reason, in the target's README.
  virtual std::span<const MoreOf> resources() const { return {}; }
  // Bits of an activation on the link between host and machine. Fewer than 32
  // only if the steps round what they take and give to that.
  virtual int link_bits() const { return 32; }

  // For pictures. What one run sends over the links of an on-chip network;
  // nothing where none is modelled. `graph` has an entry for `phase`.
  virtual std::optional<Traffic> TrafficOf(const Graph& /*graph*/,
                                           const Binding& /*binding*/,
                                           Phase /*phase*/) const {
    return std::nullopt;
  }
  // Of a native matmul's output; empty for digital machines.
  virtual std::vector<ErrorTerm> error_budget() const { return {}; }

  // What steps count of themselves beside values and charges, if somebody
  // asks: names of sums that add up over nodes and runs, any of them...
  virtual std::span<const std::string_view> counters() const { return {}; }
  // ... and what such sums mean, of one node or of many together.
  virtual Readings ReadingsOf(std::span<const double> /*counters*/) const {
    return {};
  }

  // A matter of the node alone, the same for all parameters: placements are
  // kept for whole families of machines (estimate.h).
  virtual Support Supports(const Graph& graph, const Node& node) const = 0;

  // True where a node costs more or less for the others that are in its graph
  // (weights that share a plane): equal nodes are then not equal in cost.
  virtual bool cost_depends_on_neighbours() const { return false; }

  // The step for a node that Supports() calls native. `weights` is null for
  // graphs run by shape alone; then only timing runs are asked for. Weights
  // are packed here, a tile of rows at a time, into the target's formats, and
  // once for all nodes that use them (packed_once.h).
  virtual Result<std::unique_ptr<Step>> Lower(const Graph& graph,
                                              const Node& node,
                                              const Weights* weights) const = 0;

  // Lowers every node and adds the host's steps and transfers. The target,
  // the graph and the weights must outlive the program. (executor.cc)
  Result<std::unique_ptr<Program>> Compile(
      const Graph& graph, const Weights* weights,
      const CompileOptions& options = {}) const;

  // One operator or microbenchmark by shape. The default predicts `seconds`,
  // `cycles`, `energy_j` and `utilisation` of a matmul (m, n, k) whose operands
  // are where the machine keeps them; targets add kinds of their own: `triptych
  // validate` asks for the name of the table
  // ("noc_latency"), then, if that is kNotFound and the row has m, n and k,
  // for "matmul" (validate.h). Keys that a kind does not know are ignored:
  // they are the other columns of the row.
  virtual Result<Prediction> Predict(std::string_view kind,
                                     const OpSpec& spec) const;

 protected:
  // Registers the host's units and actions; a target adds its own after.
  Target(std::string_view name, std::string_view preset, ParamSet params,
         const HostParams& host);
  UnitId AddUnit(std::string name);
  ActionId AddAction(Action action);
  // An action whose energy is the parameter `energy_key` (in pJ), with that
  // parameter's provenance.
  ActionId AddAction(std::string name, ActionClass kind,
                     std::string_view energy_key, double energy_pj,
                     uint64_t flops = 0, uint64_t bytes = 0);

 private:
  std::string name_, preset_;
  ParamSet params_;
  HostParams host_;
  std::vector<Action> actions_;
  std::vector<Unit> units_;
};

// A preset compiled into the library from emulators/<target>/presets/.
struct Preset {
  std::string_view target, name, file, text;
};
std::span<const Preset> AllPresets();

// One row a target, in targets.cc.
struct TargetEntry {
  std::string_view name;
  std::string_view default_preset;
  // Builds the target from a preset's text and overrides.
  Result<std::unique_ptr<Target>> (*make)(std::string_view preset,
                                          const Config& config);
};
std::span<const TargetEntry> AllTargets();

// A target as it was asked for, before it is made.
struct TargetSource {
  const TargetEntry* entry = nullptr;
  std::string preset;
  Config config;
};

// "mesh", "mesh:wormhole-n150" or "my/machine.toml" (which names its target
// in a top-level `target = "mesh"`), with `key=value` overrides. A name that
// ends in .toml or has a slash is a path.
Result<TargetSource> ReadTarget(std::string_view spec,
                                std::span<const std::string> overrides = {});
Result<std::unique_ptr<Target>> MakeTarget(
    std::string_view spec, std::span<const std::string> overrides = {});

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TARGET_H_
