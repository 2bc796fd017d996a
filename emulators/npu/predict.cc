// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "emulators/npu/cost.h"

namespace triptych::npu {
namespace {

Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key) {
  const auto at = spec.find(key);
  if (at != spec.end()) return std::string_view(at->second);
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("npu: {}: is missing", key));
}

Result<double> ParseNumber(std::string_view key, std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("npu: {}: \"{}\" is no number", key, text));
}

Result<double> NumberOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  return ParseNumber(key, text);
}

Result<int64_t> ParseCount(std::string_view key, std::string_view text) {
  TRIPTYCH_ASSIGN(const double value, ParseNumber(key, text));
  if (value >= 1 && value <= 1e9) return static_cast<int64_t>(value);
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("npu: {}: {} is outside 1 to 1e9", key, value));
}

Result<int64_t> CountOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  return ParseCount(key, text);
}

struct Row {
  GemmSize gemm;
  ArraySize array;
  Dataflow flow;
};

Result<Row> ScaleSimRow(const OpSpec& spec) {
  Row row;
  TRIPTYCH_ASSIGN(row.gemm.m, CountOf(spec, "m"));
  TRIPTYCH_ASSIGN(row.gemm.n, CountOf(spec, "n"));
  TRIPTYCH_ASSIGN(row.gemm.k, CountOf(spec, "k"));
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

// That tool prints the index of the last cycle, one less than their number
// (scalesim-project/SCALE-Sim issue 125).
int64_t ScaleSimCycles(const Row& row) {
  return ArrayCycles(row.flow, row.gemm, row.array) - 1;
}

// The words each port has to move, a fold's operands being fetched anew
// unless they are still in the active half of their buffer, and partial sums
// of ws and is going out and not coming back. A run takes as long as its
// busiest port, if that is longer than the array.
Result<Prediction> ScaleSimBandwidth(const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const Row row, ScaleSimRow(spec));
  TRIPTYCH_ASSIGN(const double rate,
                  NumberOf(spec, "bandwidth_words_per_cycle"));
  TRIPTYCH_ASSIGN(const double a_kb, NumberOf(spec, "ifmap_sram_kb"));
  TRIPTYCH_ASSIGN(const double b_kb, NumberOf(spec, "filter_sram_kb"));
  const auto& [m, n, k] = row.gemm;
  const auto r = [&](int64_t x) {
    return static_cast<double>(CeilDiv(x, row.array.rows));
  };
  const double a = static_cast<double>(m * k), b = static_cast<double>(k * n);
  const double c = static_cast<double>(m * n);
  // How often each operand passes the array, and what one pass of the outer
  // loop keeps using.
  double a_passes = 1, b_passes = 1, c_words = c;
  switch (row.flow) {
    case Dataflow::kOutput:
      a_passes = r(n);
      b_passes = r(m);
      break;
    case Dataflow::kWeight:
      a_passes = r(n);
      c_words = c * r(k);
      break;
    case Dataflow::kInput:
      b_passes = r(m);
      c_words = c * r(k);
      break;
  }
  const auto fetched = [](double words, double passes, double kb) {
    return words <= 512 * kb ? words : words * passes;
  };
  const double words = std::max(
      {fetched(a, a_passes, a_kb), fetched(b, b_passes, b_kb), c_words});
  const auto compute = static_cast<double>(ScaleSimCycles(row));
  const double total = std::max(compute, words / rate);
  return Prediction{{"total_cycles", total}, {"stall_cycles", total - compute}};
}

// OPT-125M: 12 heads of 64, 768 wide, 3072 inside.
Result<GemmSize> OnnxImGemm(std::string_view op, int64_t rows) {
  if (op == "qkv") return GemmSize{rows, 2304, 768};
  if (op == "proj") return GemmSize{rows, 768, 768};
  if (op == "fc1") return GemmSize{rows, 3072, 768};
  if (op == "fc2") return GemmSize{rows, 768, 3072};
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("npu: op: \"{}\" of onnxim_ops is not "
                               "predicted; qkv, proj, fc1 and fc2 are",
                               op));
}

Result<Prediction> OnnxIm(Params p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const double ghz, NumberOf(spec, "clock_ghz"));
  TRIPTYCH_ASSIGN(p.cores, CountOf(spec, "cores"));
  TRIPTYCH_ASSIGN(p.dram.peak_gb_per_s, NumberOf(spec, "dram_gb_per_s"));
  TRIPTYCH_ASSIGN(const std::string_view array, TextOf(spec, "array"));
  const size_t x = std::min(array.find('x'), array.size());  // "128x128"
  TRIPTYCH_ASSIGN(p.array_rows, ParseCount("array", array.substr(0, x)));
  TRIPTYCH_ASSIGN(
      p.array_cols,
      ParseCount("array", array.substr(std::min(x + 1, array.size()))));
  TRIPTYCH_ASSIGN(const int64_t prompt, CountOf(spec, "prompt_tokens"));
  TRIPTYCH_ASSIGN(const std::string_view phase, TextOf(spec, "phase"));
  TRIPTYCH_ASSIGN(const std::string_view op, TextOf(spec, "op"));
  TRIPTYCH_ASSIGN(const GemmSize gemm,
                  OnnxImGemm(op, phase == "prefill" ? prompt : 1));
  p.dataflow = "ws";
  p.scratchpad_kib = 8192;
  p.l2_kib = 0;
  p.dram.refresh_ns = 0;  // that configuration's simple DRAM has none
  const Demand d = GemmDemand(p, gemm, 1, true, 8);
  // Activations come from DRAM and go back there between operators.
  const int64_t bytes = d.dram_bytes + gemm.m * (gemm.k + gemm.n);
  const double per_cycle = DramBytesPerSecond(p.dram) / (ghz * 1e9);
  const double memory =
      static_cast<double>(bytes) / per_cycle + p.dram.latency_ns * ghz;
  return Prediction{
      {"cycles", std::max(memory, static_cast<double>(d.array_cycles))}};
}

}  // namespace

Result<Prediction> PredictTable(const Params& params, std::string_view kind,
                                const OpSpec& spec) {
  if (kind == "scalesim_compute") {
    TRIPTYCH_ASSIGN(const Row row, ScaleSimRow(spec));
    return Prediction{{"cycles", static_cast<double>(ScaleSimCycles(row))}};
  }
  if (kind == "scalesim_bandwidth") return ScaleSimBandwidth(spec);
  if (kind == "onnxim_ops") return OnnxIm(params, spec);
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("npu: does not predict \"{}\"", kind));
}

}  // namespace triptych::npu
