// npu topology: SCALE-Sim's files, answered as SCALE-Sim does.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "emulators/npu/cost.h"
#include "emulators/npu/peers/scalesim.h"
#include "models/formats/scalesim_config.h"
#include "models/formats/scalesim_topology.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

// One way to run the topology.
struct Machine {
  npu::ArraySize array;
  std::string dataflow;
  std::optional<npu::ScaleSimMemory> memory;

  std::string name() const {
    return fmt::format("{}x{} {}", array.rows, array.cols, dataflow);
  }
};

std::vector<Machine> MachinesOf(const NpuTopologyOptions& options,
                                const ScaleSimConfig& config) {
  Machine machine{.array = {config.array_height, config.array_width},
                  .dataflow = config.dataflow,
                  .memory = std::nullopt};
  if (config.fixed_bandwidth) {
    machine.memory = {.a_words = 1024 * config.ifmap_sram_kb,
                      .b_words = 1024 * config.filter_sram_kb,
                      .c_words = 1024 * config.ofmap_sram_kb,
                      .words_per_cycle = config.words_per_cycle};
  }
  std::vector<Machine> machines;
  std::vector<std::string> flows = options.dataflows;
  if (flows.empty()) flows.push_back(config.dataflow);
  for (const std::string& flow : flows) {
    machine.dataflow = flow;
    if (options.arrays.empty()) machines.push_back(machine);
    for (const int64_t side : options.arrays) {
      machine.array = {side, side};
      machines.push_back(machine);
    }
  }
  return machines;
}

// Of one layer, or of all.
struct Answer {
  std::string layer;
  npu::ScaleSimRun run;
  double macs = 0;
};

nlohmann::json ToJson(const Machine& machine, const Answer& a) {
  const double elements =
      static_cast<double>(machine.array.rows * machine.array.cols);
  const double cycles = static_cast<double>(a.run.cycles + 1);
  nlohmann::json row = {{"layer", a.layer},
                        {"array_height", machine.array.rows},
                        {"array_width", machine.array.cols},
                        {"dataflow", machine.dataflow},
                        {"cycles", a.run.cycles},
                        {"macs", a.macs},
                        {"utilisation", a.macs / (elements * cycles)}};
  if (machine.memory) {
    row["stall_cycles"] = a.run.stall_cycles;
    row["dram_ifmap_words"] = a.run.a_words;
    row["dram_filter_words"] = a.run.b_words;
    row["dram_ofmap_words"] = a.run.c_words;
  }
  return row;
}

void Say(const Machine& machine, const Answer& a, Table& table) {
  std::vector<std::string> cells = {machine.name(), a.layer,
                                    std::to_string(a.run.cycles)};
  if (machine.memory) {
    cells.insert(
        cells.end(),
        {std::to_string(a.run.stall_cycles), std::to_string(a.run.a_words),
         std::to_string(a.run.b_words), std::to_string(a.run.c_words)});
  }
  table.Add(std::move(cells));
}

// Each layer and, as "total", their sum.
Result<std::vector<Answer>> AnswersOf(const Machine& machine,
                                      const std::vector<TopologyLayer>& layers,
                                      const std::string& file) {
  std::vector<Answer> answers;
  Answer total{.layer = "total"};
  for (const TopologyLayer& layer : layers) {
    const npu::GemmSize gemm{layer.m(), layer.n(), layer.k()};
    auto run = npu::ScaleSimLayer(
        npu::DataflowOf(machine.dataflow, gemm, machine.array), layer,
        machine.array, machine.memory);
    if (!run) {
      return Locate(run.error(),
                    fmt::format("{}:{}: {}", file, layer.line, layer.name));
    }
    answers.push_back({layer.name, *run, layer.macs()});
    total.run.cycles += run->cycles;
    total.run.stall_cycles += run->stall_cycles;
    total.run.a_words += run->a_words;
    total.run.b_words += run->b_words;
    total.run.c_words += run->c_words;
    total.macs += layer.macs();
  }
  answers.push_back(total);
  return answers;
}

}  // namespace

Result<int> NpuTopologyCommand(const NpuTopologyOptions& options) {
  TRIPTYCH_ASSIGN(const auto layers, LoadTopology(options.file));
  ScaleSimConfig config;
  if (!options.config.empty()) {
    TRIPTYCH_ASSIGN(config, LoadScaleSimConfig(options.config));
  }
  std::vector<std::string> header = {"array", "layer", "cycles"};
  if (config.fixed_bandwidth) {
    header.insert(header.end(), {"stalls", "DRAM ifmap words",
                                 "DRAM filter words", "DRAM ofmap words"});
  }
  Table table(header);
  nlohmann::json results = nlohmann::json::array();
  for (const Machine& machine : MachinesOf(options, config)) {
    TRIPTYCH_ASSIGN(const auto answers,
                    AnswersOf(machine, layers, options.file));
    for (const Answer& answer : answers) {
      Say(machine, answer, table);
      results.push_back(ToJson(machine, answer));
    }
  }
  Print(options.json, table.Text());
  TRIPTYCH_TRY(WriteJson(options.json, "npu topology", results));
  return kOk;
}

}  // namespace triptych::cli
