// What ONNX files may get wrong, what is said about it, and graphs written
// for viewers.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/onnx/export.h"
#include "models/onnx/import.h"
#include "models/onnx/op.h"
#include "models/onnx/proto.h"
#include "models/ops/op.h"
#include "models/weights.h"
#include "tests/models/onnx/build_models.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_config.h"
#include "tests/models/touch.h"

namespace triptych {
namespace {

using ::onnx::ModelProto;

ModelProto Parsed(const OnnxBytes& bytes) {
  ModelProto model;
  REQUIRE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return model;
}

OnnxBytes BytesOf(const ModelProto& model) {
  const std::string text = model.SerializeAsString();
  const auto bytes = std::as_bytes(std::span(text));
  return OnnxBytes(bytes.begin(), bytes.end());
}

// What is said about a GPT-2 that was changed.
std::string MessageFor(const std::function<void(ModelProto&)>& change) {
  ModelProto model = Parsed(Gpt2Onnx({}));
  change(model);
  const auto result = ParseOnnxModel(BytesOf(model), "f.onnx");
  REQUIRE(!result);
  return result.error().message;
}

::onnx::NodeProto& FirstOf(ModelProto& model, const std::string& op) {
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() == op) return node;
  }
  FAIL("no node of that operator");
  return *model.mutable_graph()->mutable_node(0);
}

struct Fault {
  std::function<void(ModelProto&)> change;
  std::vector<std::string> said;
};

TEST_CASE("what is wrong with an ONNX model is said with its place") {
  const std::vector<Fault> faults = {
      {[](ModelProto& m) { m.mutable_opset_import(0)->set_version(99); },
       {"f.onnx: opset_import: opset 99", "7 to 18"}},
      {[](ModelProto& m) { m.clear_graph(); }, {"f.onnx: graph"}},
      {[](ModelProto& m) { FirstOf(m, "Tanh").set_op_type("Tanhh"); },
       {"f.onnx: node '", "(Tanhh)", "no such operator"}},
      {[](ModelProto& m) { FirstOf(m, "Gemm").set_input(1, "nowhere"); },
       {"(Gemm): input 1: 'nowhere'"}},
      {[](ModelProto& m) { FirstOf(m, "Gemm").set_output(0, "input_ids"); },
       {"'input_ids'", "defined twice"}},
      {[](ModelProto& m) {
         m.mutable_graph()->mutable_initializer(0)->set_raw_data("abc");
       },
       {"f.onnx: initialiser 'attn.bias'", "3 bytes", "needs 576"}},
      {[](ModelProto& m) {
         m.mutable_graph()->mutable_initializer(0)->set_dims(3, -4);
       },
       {"initialiser 'attn.bias'", "-4", "0 or more"}},
      {[](ModelProto& m) { FirstOf(m, "Tanh").set_op_type("Sigmoid"); },
       {"(Mul): a product with a constant that belongs to no norm, GELU"}},
      {[](ModelProto& m) { FirstOf(m, "Gemm").mutable_input()->Clear(); },
       {"(Gemm): 0 inputs: must be 2 to 3"}},
      {[](ModelProto& m) {
         // A mask that also hides the token itself.
         auto* mask = m.mutable_graph()->mutable_initializer(0);
         mask->mutable_raw_data()->at(0) = 0;
       },
       {"(Where)", "neither causal nor empty"}},
      {[](ModelProto& m) {
         m.mutable_graph()->mutable_input(0)->set_name("past_ids");
         for (auto& node : *m.mutable_graph()->mutable_node()) {
           for (auto& input : *node.mutable_input()) {
             if (input == "input_ids") input = "past_ids";
           }
         }
       },
       {"input 'past_ids'", "caches are ours"}},
  };
  for (const Fault& fault : faults) {
    const std::string message = MessageFor(fault.change);
    for (const std::string& said : fault.said) {
      INFO(message);
      CHECK(message.find(said) != message.npos);
    }
  }
  const auto text = ParseOnnxModel(OnnxBytes(100, std::byte{'a'}), "f.onnx");
  REQUIRE(!text);
  CHECK(text.error().message.starts_with("f.onnx: offset 0: "));
}

// Moves the initialiser's bytes to a file, `offset` bytes from its start.
void Externalise(ModelProto& model, int index, const std::string& location,
                 const std::string& offset) {
  auto* tensor = model.mutable_graph()->mutable_initializer(index);
  tensor->clear_raw_data();
  tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>("location", location),
        std::pair<std::string, std::string>("offset", offset)}) {
    auto* entry = tensor->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

TEST_CASE("weights beside an ONNX model are mapped, and only there") {
  const OnnxBytes whole = Gpt2Onnx({});
  ModelProto model = Parsed(whole);
  const std::string data = model.graph().initializer(1).raw_data();
  const TempFile weights("12345678" + data);
  const std::string path = weights.path();
  const std::string folder = path.substr(0, path.find_last_of('/') + 1);
  const std::string name = path.substr(folder.size());
  const auto parse = [&](const std::string& location,
                         const std::string& offset) {
    ModelProto moved = Parsed(whole);
    Externalise(moved, 1, location, offset);
    return ParseOnnxModel(BytesOf(moved), folder + "m.onnx");
  };
  const auto inside = ParseOnnxModel(whole, "m.onnx");
  const auto outside = parse(name, "8");
  REQUIRE(inside);
  INFO((outside ? "" : outside.error().message));
  REQUIRE(outside);
  const WeightTensor* a = inside->Find("transformer.wte.weight");
  const WeightTensor* b = outside->Find("transformer.wte.weight");
  REQUIRE(a);
  REQUIRE(b);
  REQUIRE(a->bytes == b->bytes);
  CHECK(std::equal(a->data, a->data + a->bytes, b->data));
  for (const auto& [location, offset, said] :
       {std::array<std::string, 3>{"../" + name, "8", "beside the model"},
        std::array<std::string, 3>{path, "8", "beside the model"},
        std::array<std::string, 3>{name, "9", "its shape needs"},
        std::array<std::string, 3>{name, "x", "must be a number"},
        std::array<std::string, 3>{"absent.bin", "0", "absent.bin"}}) {
    const auto refused = parse(location, offset);
    REQUIRE(!refused);
    INFO(refused.error().message);
    CHECK(refused.error().message.find(said) != std::string::npos);
  }
}

TEST_CASE("ONNX models that were damaged are read or refused, never worse") {
  constexpr onnx::Limits kLimits = {
      .elements = 1 << 16, .all = 1 << 20, .work = 1 << 22};
  const OnnxSizes small = {.vocab = 5,
                           .context = 8,
                           .dim = 8,
                           .ffn = 8,
                           .layers = 1,
                           .heads = 2,
                           .kv_heads = 1};
  int read = 0, refused = 0;
  for (const OnnxBytes& whole : {Gpt2Onnx(small), LlamaOnnx(small, true),
                                 BertOnnx(small, true), VitOnnx(small)}) {
    Rng rng(17, whole.size());
    for (int trial = 0; trial < 150; ++trial) {
      OnnxBytes bytes = whole;
      for (int flip = 0; flip < 1 + trial % 3; ++flip) {
        const uint32_t at = rng.Below(static_cast<uint32_t>(bytes.size()));
        bytes[at] ^= static_cast<std::byte>(1u << rng.Below(8));
      }
      if (trial % 10 == 0) {
        bytes.resize(rng.Below(static_cast<uint32_t>(bytes.size())));
      }
      const auto result = ParseOnnxModel(bytes, "f", kLimits);
      if (result) {
        Touch(*result);
        ++read;
      } else {
        INFO(result.error().message);
        CHECK(result.error().message.starts_with("f: "));
        ++refused;
      }
    }
  }
  MESSAGE(read << " damaged models were read, " << refused << " refused");
  CHECK(read > 0);
  CHECK(refused > 0);
}

TEST_CASE("a model file is known as ONNX by its bytes") {
  const TempFile file(Parsed(Gpt2Onnx({})).SerializeAsString());
  const auto model = LoadModel(file.path());
  REQUIRE(model);
  CHECK(model->config.architecture == "onnx");
  const auto graph = BuildGraph(*model);
  REQUIRE(graph);
  CHECK(graph->FindEntry(Phase::kPrefill) != nullptr);
}

TEST_CASE("a graph is written as ONNX: every value once, made before use") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const auto bytes = OnnxGraphBytes(*graph);
  REQUIRE(bytes);
  ModelProto model;
  REQUIRE(model.ParseFromString(*bytes));
  const auto& g = model.graph();
  REQUIRE(g.node_size() == std::ssize(graph->nodes()));
  std::set<std::string> made;
  for (const auto& input : g.input()) CHECK(made.insert(input.name()).second);
  int64_t weights = 0;
  for (const auto& tensor : g.initializer()) {
    CHECK(made.insert(tensor.name()).second);
    CHECK(tensor.raw_data().empty());
    weights += tensor.dims(0) * tensor.dims(1);
  }
  CHECK(weights == graph->Parameters());
  std::set<std::string> described;
  for (const auto& info : g.value_info()) described.insert(info.name());
  for (const auto& info : g.output()) described.insert(info.name());
  for (int n = 0; n < g.node_size(); ++n) {
    const auto& node = g.node(n);
    const Node& ours = graph->node(static_cast<NodeId>(n));
    CHECK(node.op_type() == ours.op->name);
    CHECK(node.domain() == "ai.triptych");
    CHECK(node.attribute_size() == std::ssize(ours.attributes.entries()));
    for (const auto& input : node.input()) CHECK(made.contains(input));
    CHECK(made.insert(node.output(0)).second);
    CHECK(described.contains(node.output(0)));
  }
  // Caches come out as they are after the run.
  CHECK(std::count_if(g.output().begin(), g.output().end(),
                      [](const auto& output) {
                        return output.name().ends_with("_cache.next");
                      }) == 2 * TinyLlama().layers);
  CHECK(*OnnxGraphBytes(*graph) == *bytes);
}

}  // namespace
}  // namespace triptych
