// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "emulators/npu/peers/row.h"

namespace triptych::npu {
namespace {

double Number(int64_t n) { return static_cast<double>(n); }

// Decoders with gated feed-forward networks, from their published config.json.
struct Decoder {
  std::string_view name;
  int64_t layers, dim, ffn, heads, kv_heads, head_dim, vocab;
};
constexpr Decoder kDecoders[] = {
    {"llama-3.2-1b", 16, 2048, 8192, 32, 8, 64, 128256},
    {"llama-3.2-3b", 28, 3072, 8192, 24, 8, 128, 128256},
    {"llama-3.1-8b", 32, 4096, 14336, 32, 8, 128, 128256},
    {"deepseek-r1-distill-llama-8b", 32, 4096, 14336, 32, 8, 128, 128256},
    {"qwen2-1.5b", 28, 1536, 8960, 12, 2, 128, 151936},
    {"qwen2.5-1.5b", 28, 1536, 8960, 12, 2, 128, 151936},
    {"deepseek-r1-distill-qwen-1.5b", 28, 1536, 8960, 12, 2, 128, 151936},
    {"qwen2.5-3b", 36, 2048, 11008, 16, 2, 128, 151936},
    {"qwen2.5-7b", 28, 3584, 18944, 28, 4, 128, 152064},
    {"qwen3-0.6b", 28, 1024, 3072, 16, 8, 128, 151936},
    {"qwen3-1.7b", 28, 2048, 6144, 16, 8, 128, 151936},
    {"qwen3-4b", 36, 2560, 9728, 32, 8, 128, 151936},
    {"qwen3-8b", 36, 4096, 12288, 32, 8, 128, 151936},
};

}  // namespace

Result<DecodeTraffic> DecodeTrafficOf(std::string_view model) {
  std::string known;
  for (const Decoder& d : kDecoders) {
    if (d.name == model) {
      const int64_t attention = 2 * d.dim * d.head_dim * (d.heads + d.kv_heads);
      const int64_t layer = attention + 3 * d.dim * d.ffn;
      return DecodeTraffic{
          .weights = Number(d.layers * layer + d.dim * d.vocab),
          .cache_elements = Number(2 * d.layers * d.kv_heads * d.head_dim)};
    }
    known += (known.empty() ? "" : ", ") + std::string(d.name);
  }
  return NotPredicted("model", model, known);
}

Result<Prediction> PredictDecode(const Params& params, const OpSpec& spec) {
  const DecodeParams& d = params.decode;
  TRIPTYCH_ASSIGN(const std::string_view model, TextOf(spec, "model"));
  TRIPTYCH_ASSIGN(const std::string_view software, TextOf(spec, "software"));
  if (d.software != "any" && !software.starts_with(d.software)) {
    return NotPredicted("software", software, d.software);
  }
  TRIPTYCH_ASSIGN(const DecodeTraffic traffic, DecodeTrafficOf(model));
  double weights = traffic.weights * d.weight_bits / 8;
  if (spec.contains("weights_gb")) {
    TRIPTYCH_ASSIGN(const double gb, NumberOf(spec, "weights_gb"));
    weights = gb * 1e9;
  }
  double context = 0;
  if (spec.contains("context_tokens")) {
    TRIPTYCH_ASSIGN(const int64_t tokens, CountOf(spec, "context_tokens"));
    context = Number(tokens);
  }
  const double cache = context * traffic.cache_elements * d.cache_bits / 8;
  const double seconds =
      weights / (d.weights_gb_per_s * 1e9) + cache / (d.cache_gb_per_s * 1e9);
  return Prediction{{"decode_tokens_per_s", 1 / seconds}};
}

Result<Prediction> PredictGemmPeak(const Params& params, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const std::string_view dtype, TextOf(spec, "dtype"));
  if (dtype != "int8" && dtype != "bf16") {
    return NotPredicted("dtype", dtype, "int8, bf16");
  }
  const double bytes = dtype == "int8" ? 1 : 2;
  // A tile multiplies blocks of rows x rows and rows x cols / rows at once; its
  // rate falls with the width of an element. A core is one or more tiles, each
  // with its share of the scratchpad.
  const NetworkParams& unit = params.network;
  const int64_t core = params.array_rows * params.array_cols;
  const double block =
      Number(HasUnits(unit) ? unit.unit_rows : params.array_rows);
  const double multipliers =
      HasUnits(unit) ? Number(unit.unit_rows * unit.unit_cols) : Number(core);
  const double share = multipliers / Number(core);
  const double macs = multipliers / bytes;
  const double instruction = block * block * block / macs;  // cycles
  const double memory = 1024 * Number(params.scratchpad_kib) * share;
  const double word = params.scratchpad_bytes_per_cycle * share;
  // Blocks of side x side sums of four bytes, and A and B twice.
  constexpr double kSumBytes = 4;
  constexpr double kChannelBytes = 8;  // a cycle, of a tile's DMA; assumed
  double best = 0;
  for (double side = block; side * side * kSumBytes < memory; side += block) {
    const double left = memory - side * side * kSumBytes;
    const double depth = std::floor(left / (4 * side * bytes) / block) * block;
    if (depth < block) break;
    const double compute = depth / block * instruction;
    // Sums of one block come from that memory and go back.
    const double sums = 2 * block * block * kSumBytes / word;
    const double reload = side * side / (block * block) * (compute + sums);
    // A and B arrive meanwhile, each over a channel of its own.
    const double arrive = side * depth * bytes / kChannelBytes;
    best = std::max(best, side * side / (block * block) * compute /
                              std::max(reload, arrive));
  }
  const double peak = 2 * Number(core) / bytes * Number(params.cores) *
                      params.clock.value / 1e12;
  return Prediction{{"tops", best * peak}};
}

}  // namespace triptych::npu
