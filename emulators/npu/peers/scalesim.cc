// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/scalesim.h"

#include <fmt/format.h>

#include "emulators/npu/cost.h"
#include "emulators/npu/peers/row.h"

namespace triptych::npu {
namespace {

struct Row {
  GemmSize gemm;
  ArraySize array;
  Dataflow flow;
};

Result<Row> RowOf(const OpSpec& spec) {
  Row row;
  TRIPTYCH_ASSIGN(row.gemm.m, CountOf(spec, "m"));
  TRIPTYCH_ASSIGN(row.gemm.n, CountOf(spec, "n"));
  TRIPTYCH_ASSIGN(row.gemm.k, CountOf(spec, "k"));
  const double macs = static_cast<double>(row.gemm.m) *
                      static_cast<double>(row.gemm.n) *
                      static_cast<double>(row.gemm.k);
  if (macs > 1e18) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("npu: m, n, k: {} multiply-adds; allowed up "
                                 "to 1e18",
                                 macs));
  }
  TRIPTYCH_ASSIGN(row.array.rows, CountOf(spec, "array"));
  row.array.cols = row.array.rows;
  TRIPTYCH_ASSIGN(const std::string_view flow, TextOf(spec, "dataflow"));
  if (flow != "ws" && flow != "os" && flow != "is") {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("npu: dataflow: \"{}\" is not allowed; "
                                 "allowed ws, os, is",
                                 flow));
  }
  row.flow = DataflowOf(flow, row.gemm, row.array);
  return row;
}

}  // namespace

int64_t ScaleSimCycles(Dataflow flow, const GemmSize& gemm, ArraySize array) {
  array.overlap = false;
  return ArrayCycles(flow, gemm, array) - 1;
}

Result<ScaleSimRun> ScaleSimWithMemory(Dataflow flow, const GemmSize& gemm,
                                       ArraySize array,
                                       const ScaleSimMemory& memory) {
  constexpr int64_t kMostCycles = 4'000'000'000;
  const int64_t cycles = ScaleSimCycles(flow, gemm, array);
  if (cycles > kMostCycles) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("npu: m, n, k: {} cycles; at most {} are "
                                 "walked one by one",
                                 cycles, kMostCycles));
  }
  array.overlap = false;
  ScaleSimRun run = RunScaleSim(flow, gemm, array, memory);
  --run.cycles;  // the index of the last one
  return run;
}

Result<ScaleSimRun> ScaleSimLayer(Dataflow flow, const TopologyLayer& layer,
                                  ArraySize array,
                                  const std::optional<ScaleSimMemory>& memory) {
  ScaleSimRun sum;
  if (layer.kind == LayerKind::kPool) return sum;
  const GemmSize gemm{layer.m(), layer.n(), layer.k()};
  ScaleSimRun one;
  if (memory) {
    TRIPTYCH_ASSIGN(one, ScaleSimWithMemory(flow, gemm, array, *memory));
  } else {
    one.cycles = ScaleSimCycles(flow, gemm, array);
  }
  sum.cycles = layer.groups * (one.cycles + 1) - 1;
  sum.stall_cycles = layer.groups * one.stall_cycles;
  sum.a_words = layer.groups * one.a_words;
  sum.b_words = layer.groups * one.b_words;
  sum.c_words = layer.groups * one.c_words;
  return sum;
}

Result<Prediction> PredictScaleSimCompute(const Params& /*params*/,
                                          const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const Row row, RowOf(spec));
  return Prediction{{"cycles", static_cast<double>(ScaleSimCycles(
                                   row.flow, row.gemm, row.array))}};
}

Result<Prediction> PredictScaleSimBandwidth(const Params& /*params*/,
                                            const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const Row row, RowOf(spec));
  ScaleSimMemory memory;
  TRIPTYCH_ASSIGN(memory.a_words, CountOf(spec, "ifmap_sram_kb"));
  TRIPTYCH_ASSIGN(memory.b_words, CountOf(spec, "filter_sram_kb"));
  TRIPTYCH_ASSIGN(memory.c_words, CountOf(spec, "ofmap_sram_kb"));
  TRIPTYCH_ASSIGN(memory.words_per_cycle,
                  CountOf(spec, "bandwidth_words_per_cycle"));
  memory.a_words *= 1024;
  memory.b_words *= 1024;
  memory.c_words *= 1024;
  TRIPTYCH_ASSIGN(const ScaleSimRun run,
                  ScaleSimWithMemory(row.flow, row.gemm, row.array, memory));
  const auto number = [](int64_t n) { return static_cast<double>(n); };
  return Prediction{{"total_cycles", number(run.cycles)},
                    {"stall_cycles", number(run.stall_cycles)},
                    {"dram_ifmap_words", number(run.a_words)},
                    {"dram_filter_words", number(run.b_words)},
                    {"dram_ofmap_words", number(run.c_words)}};
}

}  // namespace triptych::npu
