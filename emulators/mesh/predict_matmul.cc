// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/predict_matmul.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "emulators/mesh/clock.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/noc.h"
#include "emulators/mesh/tile.h"

namespace triptych::mesh {
namespace {

std::unexpected<Error> NotAllowed(std::string_view key, std::string_view text,
                                  std::string_view allowed) {
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: \"{}\" is not allowed; allowed {}", key, text, allowed));
}

// The problem of a row of validation/matmul.csv, and the grid it ran on.
Result<MatmulProblem> ProblemOf(const OpSpec& spec, Params& params) {
  for (const auto& [key, member] :
       {std::pair("grid_cols", &params.grid_cols),
        std::pair("grid_rows", &params.grid_rows)}) {
    if (TextOf(spec, key).empty()) continue;
    TRIPTYCH_ASSIGN(*member, WholeNumber(spec, key));
  }
  MatmulProblem problem;
  TRIPTYCH_ASSIGN(problem.m, WholeNumber(spec, "m"));
  TRIPTYCH_ASSIGN(problem.k, WholeNumber(spec, "k"));
  TRIPTYCH_ASSIGN(problem.n, WholeNumber(spec, "n"));
  problem.activations = FormatOf(params.activations);
  problem.weights = FormatOf(params.weights);
  if (const auto text = TextOf(spec, "dtype"); !text.empty()) {
    if (text != "bf16" && text != "bfp8" && text != "bfp4") {
      return NotAllowed("dtype", text, "bf16, bfp8, bfp4");
    }
    problem.activations = problem.weights = FormatOf(text);
  }
  auto fidelity = TextOf(spec, "fidelity");
  if (fidelity.empty()) fidelity = params.fidelity;
  const auto phases = PhasesFromName(fidelity);
  if (!phases) {
    return NotAllowed("fidelity", fidelity, "lofi, hifi2, hifi3, hifi4");
  }
  problem.phases = *phases;
  const auto placement = TextOf(spec, "placement");
  if (!placement.empty() && placement != "l1" && placement != "dram") {
    return NotAllowed("placement", placement, "l1, dram");
  }
  problem.placement = placement == "dram" ? Placement::kDram : Placement::kL1;
  return problem;
}

}  // namespace

// Device cycles end with the last product, as the table's do (its wall time
// says so): results on their way to DRAM, and the gap to the next operator,
// are in the wall time alone.
Result<Prediction> PredictMatmul(const Params& machine, const OpSpec& spec) {
  Params params = machine;
  TRIPTYCH_ASSIGN(const MatmulProblem problem, ProblemOf(spec, params));
  const Cost cost = PlanMatmul(params, problem).cost;
  const double device = cost.total - cost.tail;
  const double seconds = cost.total / params.clock.value;
  const double gap = params.gap_cycles / params.clock.value;
  // As the table defines it: tile products of the operands, at one pass of
  // 32768 / 2048 cycles a phase, on all cores.
  const double products = static_cast<double>(problem.m) *
                          static_cast<double>(problem.k) *
                          static_cast<double>(problem.n);
  const double ideal = products / params.fpu_macs_per_cycle * problem.phases /
                       static_cast<double>(params.cores());
  const double joules = DynamicJoules(params, cost, problem.phases);
  const double slowdown = Slowdown(params, seconds, joules);
  Prediction prediction{{"seconds", seconds},
                        {"cycles", cost.total},
                        {"device_cycles", device},
                        {"wall_us", (seconds * slowdown + gap) * 1e6},
                        {"clock_fraction", 1 / slowdown},
                        {"energy_j", joules + params.static_w * seconds},
                        {"utilisation", ideal / device},
                        {"utilisation_pct", 100 * ideal / device}};
  for (const auto& [part, cycles] : cost.Bounds()) {
    prediction["bound_s." + std::string(part)] = cycles / params.clock.value;
  }
  return prediction;
}

}  // namespace triptych::mesh
