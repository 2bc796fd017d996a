// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/onnxim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "emulators/npu/peers/row.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

constexpr int64_t kHeads = 12, kHeadDim = 64;
constexpr double kLatency = 26;               // cycles
constexpr double kVectorBytes = 16384 / 8.0;  // a cycle
constexpr double kStreamTile = 48 * 1024;     // bytes
constexpr int64_t kAccumulatorBytes = 2 << 20, kSumBytes = 4;

double Number(int64_t n) { return static_cast<double>(n); }

struct Product {
  std::string_view op;
  int64_t n, k;
};
constexpr Product kProducts[] = {{"qkv", 2304, 768},
                                 {"proj", 768, 768},
                                 {"fc1", 3072, 768},
                                 {"fc2", 768, 3072}};

// Reads all of `width` bytes a token before it writes any, or not.
struct VectorOp {
  std::string_view op;
  int64_t width;
  bool whole;
};
constexpr VectorOp kVectorOps[] = {
    {"ln1", 768, true}, {"act", 3072, false}, {"ln2", 768, true}};

constexpr std::string_view kLayer[] = {"qkv", "attention", "proj", "ln1",
                                       "fc1", "act",       "fc2",  "ln2"};

// Cycles until the next instruction may enter the array, and until the last
// row has left it.
double Occupies(const OnnxImMachine& m, int64_t tokens) {
  return Number(std::max({tokens, m.rows, int64_t{4}}));
}
double Takes(const OnnxImMachine& m, int64_t tokens) {
  return Number(m.rows + m.cols - 2 + std::max<int64_t>(tokens, 4));
}

// `count` instructions one behind the other.
double Chain(const OnnxImMachine& m, int64_t count, int64_t tokens) {
  return Number(count - 1) * Occupies(m, tokens) + Takes(m, tokens);
}

OnnxImCost ProductCost(const OnnxImMachine& m, const Product& p,
                       int64_t tokens) {
  const int64_t half = kAccumulatorBytes / 2 / kSumBytes;
  const auto side =
      static_cast<int64_t>(std::sqrt(Number(half / (m.rows * m.cols))));
  const int64_t tile = std::max<int64_t>(1, side) * m.cols;
  const double bytes = Number(p.n * p.k) +
                       Number(tokens * p.k * CeilDiv(p.n, tile)) +
                       Number(tokens * p.n);
  const int64_t deep = CeilDiv(p.k, m.rows);
  const int64_t instructions = deep * CeilDiv(p.n, m.cols);
  const double tail = Chain(m, deep + 1, tokens);
  const double streamed = bytes / m.dram_bytes;
  // With slow arrays or fast DRAM the array sets the pace.
  const double array = Chain(m, CeilDiv(instructions, m.cores), tokens) +
                       Number(deep * m.rows * m.cols) / m.dram_bytes;
  OnnxImCost cost;
  cost.cycles = std::max(streamed + tail, array) + kLatency;
  cost.active_cycles = Chain(m, CeilDiv(instructions, m.cores), tokens);
  cost.macs = Number(tokens * p.n * p.k);
  return cost;
}

OnnxImCost AttentionCost(const OnnxImMachine& m, int64_t tokens, int64_t keys) {
  const int64_t bytes = (tokens + 2 * keys) * kHeadDim;
  // Q K^T has the keys for columns, P V for rows.
  const double scores =
      Chain(m, CeilDiv(keys, m.cols) * CeilDiv(kHeadDim, m.rows), tokens);
  const double values =
      Chain(m, CeilDiv(keys, m.rows) * CeilDiv(kHeadDim, m.cols), tokens);
  const double softmax = std::ceil(Number(tokens * keys) / kVectorBytes);
  const int64_t rounds = CeilDiv(kHeads, m.cores);
  // Heads of different cores share DRAM.
  const double read = Number(bytes * std::min(kHeads, m.cores)) / m.dram_bytes;
  OnnxImCost cost;
  cost.active_cycles = Number(rounds) * (scores + values);
  cost.cycles = Number(rounds) * (read + softmax) + cost.active_cycles +
                Number(tokens * kHeadDim) / m.dram_bytes + kLatency;
  cost.macs = 2 * Number(kHeads * tokens * keys * kHeadDim);
  return cost;
}

OnnxImCost VectorCost(const OnnxImMachine& m, const VectorOp& op,
                      int64_t tokens) {
  const double bytes = Number(tokens * op.width);
  const double way = bytes / m.dram_bytes;
  // Two passes over each row: statistics, then the result.
  const double passes =
      Number(2 * tokens) * std::ceil(Number(op.width) / kVectorBytes);
  const double tiles = op.whole ? 1 : std::ceil(bytes / kStreamTile);
  return {.cycles = way + way / tiles + passes / tiles + kLatency};
}

// "decode_3" -> 3
Result<int64_t> StepOf(std::string_view phase) {
  constexpr std::string_view kDecode = "decode_";
  if (!phase.starts_with(kDecode)) {
    return NotPredicted("phase", phase,
                        "prefill, decode_1 and on, prefill_and_2_decode");
  }
  return ParseCount("phase", phase.substr(kDecode.size()));
}

// The whole run: "prefill_and_2_decode".
Result<Prediction> TotalOf(const OnnxImMachine& m, std::string_view phase,
                           int64_t prompt) {
  constexpr std::string_view kBefore = "prefill_and_", kAfter = "_decode";
  if (!phase.starts_with(kBefore) || !phase.ends_with(kAfter) ||
      phase.size() < kBefore.size() + kAfter.size()) {
    return NotPredicted("phase", phase, "prefill_and_2_decode");
  }
  phase.remove_prefix(kBefore.size());
  phase.remove_suffix(kAfter.size());
  TRIPTYCH_ASSIGN(const int64_t steps, ParseCount("phase", phase));
  if (steps > 100000) {
    return NotPredicted("phase", phase, "up to 100000 decode steps");
  }
  OnnxImCost sum;
  for (int64_t step = 0; step <= steps; ++step) {
    const int64_t tokens = step == 0 ? prompt : 1;
    const int64_t keys = step == 0 ? prompt : prompt + step - 1;
    for (const std::string_view op : kLayer) {
      TRIPTYCH_ASSIGN(const OnnxImCost cost, OnnxImOp(m, op, tokens, keys));
      sum.cycles += cost.cycles;
      sum.active_cycles += cost.active_cycles;
      sum.macs += cost.macs;
    }
  }
  const double elements = Number(m.rows * m.cols * m.cores);
  return Prediction{
      {"cycles", sum.cycles},
      {"array_active_pct", 100 * sum.active_cycles / sum.cycles},
      {"pe_utilisation_pct", 100 * sum.macs / (elements * sum.cycles)}};
}

Result<OnnxImMachine> MachineOf(const OpSpec& spec) {
  OnnxImMachine m;
  TRIPTYCH_ASSIGN(const double ghz, NumberOf(spec, "clock_ghz"));
  TRIPTYCH_ASSIGN(const double rate, NumberOf(spec, "dram_gb_per_s"));
  if (ghz <= 0 || rate <= 0) {
    return MakeError(ErrorCode::kInvalid,
                     "npu: clock_ghz, dram_gb_per_s: 0 or less is not "
                     "allowed; allowed numbers above 0");
  }
  m.dram_bytes = rate / ghz;
  TRIPTYCH_ASSIGN(m.cores, CountOf(spec, "cores"));
  TRIPTYCH_ASSIGN(const std::string_view array, TextOf(spec, "array"));
  const size_t x = std::min(array.find('x'), array.size());  // "128x128"
  TRIPTYCH_ASSIGN(m.rows, ParseCount("array", array.substr(0, x)));
  TRIPTYCH_ASSIGN(
      m.cols, ParseCount("array", array.substr(std::min(x + 1, array.size()))));
  if (m.rows > 65536 || m.cols > 65536) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("npu: array: {} is not allowed; allowed up to "
                                 "65536x65536",
                                 array));
  }
  return m;
}

}  // namespace

Result<OnnxImCost> OnnxImOp(const OnnxImMachine& machine, std::string_view op,
                            int64_t tokens, int64_t keys) {
  for (const Product& p : kProducts) {
    if (p.op == op) return ProductCost(machine, p, tokens);
  }
  for (const VectorOp& v : kVectorOps) {
    if (v.op == op) return VectorCost(machine, v, tokens);
  }
  if (op == "attention") return AttentionCost(machine, tokens, keys);
  return NotPredicted("op", op,
                      "qkv, attention, proj, ln1, fc1, act, fc2, ln2, total");
}

Result<Prediction> PredictOnnxIm(const Params& /*params*/, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const OnnxImMachine machine, MachineOf(spec));
  TRIPTYCH_ASSIGN(const int64_t prompt, CountOf(spec, "prompt_tokens"));
  TRIPTYCH_ASSIGN(const std::string_view phase, TextOf(spec, "phase"));
  TRIPTYCH_ASSIGN(const std::string_view op, TextOf(spec, "op"));
  if (op == "total") return TotalOf(machine, phase, prompt);
  int64_t tokens = prompt, keys = prompt;
  if (phase != "prefill") {
    TRIPTYCH_ASSIGN(const int64_t step, StepOf(phase));
    tokens = 1;
    keys = prompt + step - 1;
  }
  TRIPTYCH_ASSIGN(const OnnxImCost cost, OnnxImOp(machine, op, tokens, keys));
  return Prediction{{"cycles", cost.cycles}};
}

}  // namespace triptych::npu
