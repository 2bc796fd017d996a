// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/conformance/rig.h"

#include "kernels/base/check.h"
#include "models/build/build.h"
#include "models/ops/op.h"

namespace triptych::conformance {
namespace {

constexpr int64_t kVocab = 120;

ModelConfig LlamaConfig(std::string name) {
  ModelConfig c;
  c.name = std::move(name);
  c.layers = 2;
  c.dim = 96;
  c.ffn = 172;
  c.heads = 6;
  c.kv_heads = 3;
  c.head_dim = 16;
  c.vocab = kVocab;
  c.context = 64;
  c.rope.dim = c.head_dim;
  return c;
}

Graph Built(const ModelConfig& config) {
  Result<Graph> graph = BuildGraph(config, {.all_logits = true});
  TRIPTYCH_CHECK(graph.has_value(), config.name,
                 graph ? "" : graph.error().message);
  return std::move(*graph);
}

void FillInputs(const Graph& graph, const Binding& binding,
                TensorStore& tensors) {
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kInput) continue;
    const MatView<float> view = tensors.Make(
        value.id, value.shape.rows.Bind(binding), value.shape.cols);
    const bool ids = value.shape.cols == 1;
    for (size_t i = 0; i < view.size(); ++i) {
      const auto draw = static_cast<float>((i * 37 + 11) % kVocab);
      view(i / view.cols(), i % view.cols()) = ids ? draw : draw / 64 - 1;
    }
  }
}

}  // namespace

Graph TinyLlama() { return Built(LlamaConfig("tiny-llama")); }

Graph TinyDeepseek() {
  ModelConfig c = LlamaConfig("tiny-deepseek");
  c.family = Family::kDeepseek;
  c.kv_heads = c.heads;
  c.mla = {
      .q_lora = 40, .kv_lora = 24, .nope_dim = 12, .rope_dim = 8, .v_dim = 12};
  c.rope.dim = 8;
  c.moe = {.experts = 4,
           .top_k = 2,
           .expert_ffn = 36,
           .shared_experts = 1,
           .dense_layers = 1,
           .dense_ffn = 172,
           .router = Router::kSoftmax};
  return Built(c);
}

Graph TinyVit() {
  ModelConfig c = LlamaConfig("tiny-vit");
  c.family = Family::kVit;
  c.norm = NormKind::kLayer;
  c.activation = Activation::kGeluErf;
  c.positions = Positions::kLearned;
  c.kv_heads = c.heads;
  c.attn_bias = c.key_bias = c.ffn_bias = c.head_bias = true;
  c.patch = {.height = 12,
             .width = 12,
             .channels = 3,
             .patch_height = 4,
             .patch_width = 4};
  c.classes = 10;
  c.class_token = true;
  return Built(c);
}

Graph WideLlama() {
  ModelConfig c = LlamaConfig("wide-llama");
  c.dim = 2048;
  c.ffn = 5632;
  c.heads = 32;
  c.kv_heads = 8;
  c.head_dim = 64;
  c.rope.dim = 64;
  c.vocab = 4096;
  return Built(c);
}

std::vector<RunRequest> RequestsFor(const Graph& graph, int threads) {
  std::vector<RunRequest> requests;
  for (const Entry& entry : graph.entries()) {
    RunRequest request{.phase = entry.phase, .seed = 17, .threads = threads};
    request.binding.tokens = entry.phase == Phase::kDecode ? 1 : kTokens;
    request.binding.context = entry.phase == Phase::kDecode ? kTokens : 0;
    request.position = requests.size();
    requests.push_back(request);
  }
  return requests;
}

std::vector<PhaseRun> RunAll(const Target& target, const Graph& graph,
                             const Weights* weights, int threads) {
  const auto program = target.Compile(graph, weights);
  TRIPTYCH_CHECK(program.has_value(), target.name(), graph.name(),
                 program ? "" : program.error().message);
  TensorStore tensors(graph, 1, kTokens + 1);
  std::vector<PhaseRun> runs;
  for (const RunRequest& request : RequestsFor(graph, threads)) {
    PhaseRun run{request, Ledger(), {}};
    if (weights != nullptr) FillInputs(graph, request.binding, tensors);
    const Status status = (*program)->Run(
        request, weights != nullptr ? &tensors : nullptr, run.ledger);
    TRIPTYCH_CHECK(status.has_value(), target.name(), graph.name(),
                   status ? "" : status.error().message);
    if (weights != nullptr) {
      const auto output = tensors.At(graph.FindEntry(request.phase)->output);
      run.output.assign(output.data(), output.data() + output.size());
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

Graph Isolate(const Graph& graph, const Node& node) {
  GraphBuilder b(node.name);
  std::vector<ValueId> inputs;
  for (const ValueId id : node.inputs) {
    const Value& value = graph.value(id);
    switch (value.kind) {
      case ValueKind::kWeight:
        inputs.push_back(b.Weight(value.name, value.shape.rows.coefficient,
                                  value.shape.cols));
        break;
      case ValueKind::kCache:
        inputs.push_back(b.Cache(value.name, value.shape));
        break;
      case ValueKind::kInput:
      case ValueKind::kActivation:
        inputs.push_back(b.Input(value.name, value.shape));
        break;
    }
  }
  const ValueId out = b.Add(node.op->name, node.name, inputs, node.attributes);
  b.AddEntry(graph.entries()[0].phase, 0, out);
  Result<Graph> alone = b.Finish();
  TRIPTYCH_CHECK(alone.has_value(), node.name,
                 alone ? "" : alone.error().message);
  return std::move(*alone);
}

}  // namespace triptych::conformance
