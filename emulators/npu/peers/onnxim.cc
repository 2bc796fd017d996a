// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/onnxim.h"

#include <fmt/format.h>

#include <algorithm>

#include "emulators/npu/cost.h"
#include "emulators/npu/peers/row.h"

namespace triptych::npu {
namespace {

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

}  // namespace

Result<Prediction> PredictOnnxIm(const Params& params, const OpSpec& spec) {
  Params p = params;
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

}  // namespace triptych::npu
