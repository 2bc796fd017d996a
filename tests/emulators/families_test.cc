// Every family of architectures, tiny and with random weights: the reference
// gives numbers, and targets that compute in f32 give the same ones.
//
// "The same" is derived, not chosen. An f32 operator is backward stable: its
// result is the exact one for operands moved by a few roundings, as many as
// its longest sum has terms. So the reference is evaluated again with every
// operand of every operator moved at random by that much; a target may be
// kMargin times as far from the exact result as the furthest of kTrials such
// evaluations. Why 4: a target may use all it is allowed where a trial draws
// uniformly (a factor sqrt 3), and the worst of a few trials may be below the
// usual (the rest). Two sequences run side by side, so that none may lean on
// the other's rows.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/reference.h"

namespace triptych {
namespace {

constexpr double kMargin = 4;
constexpr uint64_t kTrials = 6;
constexpr int64_t kBatch = 2, kTokens = 5, kCapacity = kTokens + 1;

ModelConfig Base(std::string name, Family family) {
  ModelConfig c;
  c.name = std::move(name);
  c.family = family;
  c.layers = 2;
  c.dim = 24;
  c.ffn = 40;
  c.heads = 4;
  c.kv_heads = 4;
  c.head_dim = 6;
  c.vocab = 30;
  c.context = 16;
  c.rope.dim = 6;
  return c;
}

// What GPT-2, BERT, ViT, KWT and Whisper share.
ModelConfig Biased(std::string name, Family family) {
  ModelConfig c = Base(std::move(name), family);
  c.norm = NormKind::kLayer;
  c.activation = Activation::kGeluErf;
  c.positions = Positions::kLearned;
  c.attn_bias = c.key_bias = c.ffn_bias = c.head_bias = true;
  return c;
}

ModelConfig Llama() {
  ModelConfig c = Base("llama", Family::kLlama);
  c.kv_heads = 2;
  c.rope.style = RopeStyle::kHalf;
  c.rope.scaling = {
      .kind = RopeScalingKind::kLlama3, .factor = 8, .original_context = 100};
  return c;
}

ModelConfig Qwen3Experts() {
  ModelConfig c = Base("qwen3-experts", Family::kQwen3);
  c.kv_heads = 2;
  c.rope.style = RopeStyle::kHalf;
  c.qk_norm = QkNorm::kPerHead;
  c.tied_head = true;
  c.moe = {.experts = 6,
           .top_k = 2,
           .expert_ffn = 10,
           .router = Router::kSoftmax,
           .normalize = true};
  return c;
}

ModelConfig Deepseek() {
  ModelConfig c = Base("deepseek", Family::kDeepseek);
  c.layers = 3;
  c.mla = {
      .q_lora = 14, .kv_lora = 10, .nope_dim = 6, .rope_dim = 4, .v_dim = 5};
  c.head_dim = 10;
  c.rope.dim = 4;
  c.rope.scaling = {.kind = RopeScalingKind::kYarn,
                    .factor = 40,
                    .original_context = 100,
                    .low_freq = 1,
                    .high_freq = 32};
  c.moe = {.experts = 8,
           .top_k = 3,
           .expert_ffn = 10,
           .shared_experts = 1,
           .dense_layers = 1,
           .dense_ffn = 40,
           .groups = 4,
           .groups_used = 2,
           .router = Router::kSigmoid,
           .router_bias = true,
           .normalize = true,
           .scale = 2.5};
  return c;
}

ModelConfig Gpt2() {
  ModelConfig c = Biased("gpt2", Family::kGpt2);
  c.activation = Activation::kGeluTanh;
  c.tied_head = true;
  return c;
}

ModelConfig Bert() {
  ModelConfig c = Biased("bert", Family::kBert);
  c.norm_place = NormPlace::kPost;
  c.norm_eps = 1e-12;
  c.segments = 2;
  c.pooler = true;
  return c;
}

ModelConfig Vit() {
  ModelConfig c = Biased("vit", Family::kVit);
  c.patch = {.height = 6,
             .width = 9,
             .channels = 2,
             .patch_height = 3,
             .patch_width = 3};
  c.class_token = true;
  c.classes = 7;
  return c;
}

ModelConfig Kwt() {
  ModelConfig c = Biased("kwt", Family::kKwt);
  c.norm_place = NormPlace::kPost;
  c.activation = Activation::kGeluTanh;
  c.attn_bias = c.key_bias = false;
  c.patch = {.frames = 7,
             .height = 11,
             .width = 1,
             .patch_height = 11,
             .patch_width = 1};
  c.class_token = true;
  c.classes = 5;
  return c;
}

ModelConfig Whisper() {
  ModelConfig c = Biased("whisper", Family::kWhisper);
  c.key_bias = false;
  c.tied_head = true;
  c.audio = {.layers = 2, .mels = 9, .frames = 13, .context = 7};
  return c;
}

ModelConfig Wan() {
  ModelConfig c = Base("wan", Family::kWan);
  c.norm = NormKind::kLayer;
  c.activation = Activation::kGeluTanh;
  c.qk_norm = QkNorm::kAllHeads;
  c.attn_bias = c.key_bias = c.ffn_bias = true;
  c.rope.axes = {2, 2, 2};
  c.patch = {.frames = 2,
             .height = 4,
             .width = 6,
             .channels = 3,
             .patch_height = 2,
             .patch_width = 2};
  c.diffusion.text_tokens = 4;
  c.diffusion.text_dim = 9;
  c.diffusion.time_features = 8;
  return c;
}

// ---- Runs ----

// The outputs of each of a graph's entries, in their order.
using Outputs = std::vector<std::vector<double>>;

Binding BindingOf(Phase phase) {
  const bool decode = phase == Phase::kDecode;
  return {kBatch, decode ? 1 : kTokens, decode ? kTokens : 0};
}

// Ids for tables, normal numbers for everything else; the same for every T.
template <class T>
void FillInputs(const Graph& graph, const ModelConfig& config, Phase phase,
                BasicTensorStore<T>& store) {
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kInput) continue;
    const MatView<T> view = store.Make(
        value.id, value.shape.rows.Bind(BindingOf(phase)), value.shape.cols);
    Rng rng(5, value.id + 100 * static_cast<uint64_t>(phase));
    const int64_t ids = value.name == "tokens"     ? config.vocab
                        : value.name == "segments" ? config.segments
                                                   : 0;
    for (size_t i = 0; i < view.size(); ++i) {
      view.data()[i] =
          ids > 0 ? static_cast<T>(rng.Below(static_cast<uint32_t>(ids)))
                  : static_cast<T>(static_cast<float>(rng.Normal()));
    }
  }
}

template <class T>
std::vector<double> Doubles(MatView<T> view) {
  return {view.data(), view.data() + view.size()};
}

Outputs ExactOutputs(const Graph& graph, const ModelConfig& config,
                     const Weights& weights) {
  Reference reference(graph, weights, kBatch, kCapacity);
  Outputs outputs;
  for (const Entry& entry : graph.entries()) {
    FillInputs(graph, config, entry.phase, reference.store());
    const auto result = reference.Run(entry.phase, BindingOf(entry.phase));
    REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
    outputs.push_back(Doubles(reference.store().At(entry.output)));
  }
  return outputs;
}

// Roundings on the path of one term through `node`: its longest sum, and a
// dozen and a bit for the functions around it.
double Roundings(const Graph& graph, const Node& node) {
  int64_t longest = kCapacity;  // keys
  for (const ValueId id : node.inputs) {
    longest = std::max(longest, graph.value(id).shape.cols);
  }
  return static_cast<double>(longest) + 16;
}

// x moved by up to `roundings` f32 roundings.
void Move(std::span<double> x, double roundings, Rng& rng) {
  for (double& v : x) v *= 1 + roundings * 0x1p-24 * (2 * rng.Uniform() - 1);
}

// One node with moved operands and result.
void EvaluateMoved(const Graph& graph, const Node& node, const Weights& weights,
                   const Binding& binding, BasicTensorStore<double>& store,
                   Rng& rng) {
  const double roundings = Roundings(graph, node);
  const size_t count = node.inputs.size();
  std::vector<std::vector<double>> moved(count);
  std::vector<ConstMatView<double>> inputs(count);
  for (size_t i = 0; i < count; ++i) {
    const MatView<double> view = store.At(node.inputs[i]);  // empty: a weight
    moved[i] = Doubles(view);
    if (node.op->kind != OpKind::kData) Move(moved[i], roundings, rng);
    inputs[i] = {moved[i].data(), view.rows(), view.cols()};
  }
  const Value& output = graph.value(node.output);
  const bool appends = output.kind == ValueKind::kCache;
  const MatView<double> out =
      appends ? store.At(output.id)
              : store.Make(output.id, output.shape.rows.Bind(binding),
                           output.shape.cols);
  node.op->reference({graph, node, binding, inputs,
                      weights.InputsOf(graph, node), out, store.capacity(), 1});
  if (!appends) Move({out.data(), out.size()}, 1, rng);
}

Outputs MovedOutputs(const Graph& graph, const ModelConfig& config,
                     const Weights& weights, uint64_t trial) {
  BasicTensorStore<double> store(graph, kBatch, kCapacity);
  Rng rng(trial);
  Outputs outputs;
  for (const Entry& entry : graph.entries()) {
    FillInputs(graph, config, entry.phase, store);
    for (const Node& node : graph.NodesOf(entry)) {
      EvaluateMoved(graph, node, weights, BindingOf(entry.phase), store, rng);
    }
    outputs.push_back(Doubles(store.At(entry.output)));
  }
  return outputs;
}

Outputs TargetOutputs(const Target& target, const Graph& graph,
                      const ModelConfig& config, const Weights& weights) {
  const auto program = target.Compile(graph, &weights);
  REQUIRE_MESSAGE(program, (program ? "" : program.error().message));
  TensorStore store(graph, kBatch, kCapacity);
  Outputs outputs;
  for (const Entry& entry : graph.entries()) {
    FillInputs(graph, config, entry.phase, store);
    Ledger ledger(Ledger::Mode::kFold);
    const RunRequest request{
        .phase = entry.phase, .binding = BindingOf(entry.phase), .threads = 2};
    const Status status = (*program)->Run(request, &store, ledger);
    REQUIRE_MESSAGE(status, (status ? "" : status.error().message));
    outputs.push_back(Doubles(store.At(entry.output)));
  }
  return outputs;
}

// The largest difference; infinite if one is not a number.
double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double distance = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    distance = std::isnan(d) ? INFINITY : std::max(distance, d);
  }
  return distance;
}

// Targets that have been told to compute in f32, or do.
std::vector<std::unique_ptr<Target>> F32Targets() {
  const std::pair<const char*, std::vector<std::string>> specs[] = {
      {"cpu", {}},
      {"npu", {"weight_bits=0", "activation_bits=0", "attention_bits=0"}}};
  std::vector<std::unique_ptr<Target>> targets;
  for (const auto& [name, overrides] : specs) {
    auto target = MakeTarget(name, overrides);
    REQUIRE_MESSAGE(target, (target ? "" : target.error().message));
    targets.push_back(std::move(*target));
  }
  return targets;
}

TEST_CASE("every family runs, and f32 targets agree with the reference") {
  const auto targets = F32Targets();
  for (const ModelConfig& config : {Llama(), Qwen3Experts(), Deepseek(), Gpt2(),
                                    Bert(), Vit(), Kwt(), Whisper(), Wan()}) {
    CAPTURE(config.name);
    const auto graph = BuildGraph(config, {.all_logits = true});
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    const Weights weights = Weights::Random(*graph, 21);
    const Outputs exact = ExactOutputs(*graph, config, weights);
    std::vector<double> allowed(exact.size(), 0.0);
    for (uint64_t trial = 0; trial < kTrials; ++trial) {
      const Outputs moved = MovedOutputs(*graph, config, weights, trial);
      for (size_t e = 0; e < exact.size(); ++e) {
        allowed[e] =
            std::max(allowed[e], kMargin * Distance(moved[e], exact[e]));
      }
    }
    for (size_t e = 0; e < exact.size(); ++e) {
      CAPTURE(PhaseName(graph->entries()[e].phase));
      const double largest =
          Distance(exact[e], std::vector<double>(exact[e].size()));
      CHECK(std::isfinite(largest));
      CHECK(largest > 0);
      CHECK(allowed[e] < 1e-3 * largest);  // a bound that bounds
      for (const auto& target : targets) {
        CAPTURE(target->name());
        const Outputs got = TargetOutputs(*target, *graph, config, weights);
        CHECK(Distance(got[e], exact[e]) <= allowed[e]);
      }
    }
  }
}

}  // namespace
}  // namespace triptych
