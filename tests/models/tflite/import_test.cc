// Keyword transformers from TFLite files: the graph, and the front end that
// was cut off, compute what the file's operators do.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/audio/front_end.h"
#include "models/audio/mfcc.h"
#include "models/audio/wav.h"
#include "models/build/build.h"
#include "models/formats/tflite.h"
#include "models/formats/tflite_model.h"
#include "models/formats/tflite_operators.h"
#include "models/graph_weights.h"
#include "models/onnx/evaluate.h"
#include "models/ops/op.h"
#include "models/reference.h"
#include "tests/models/tflite/build_models.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

std::vector<float> Noise(int64_t samples) {
  Rng rng(7, 0);
  std::vector<float> sound(static_cast<size_t>(samples));
  for (float& x : sound) x = static_cast<float>(rng.Normal());
  return sound;
}

// All of the file, operator by operator.
std::vector<double> Evaluated(const FileBytes& bytes,
                              const std::vector<float>& sound) {
  const auto file = tflite::ReadModel(bytes, "f");
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
  const auto model = tflite::ToOperators(*file);
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
  const auto all = onnx::Evaluate(
      *model, {{file->inputs[0],
                onnx::FloatTensor({1, static_cast<int64_t>(sound.size())},
                                  {sound.begin(), sound.end()})}});
  REQUIRE_MESSAGE(all, (all ? "" : all.error().message));
  return (*all)[static_cast<size_t>(model->outputs[0])].floats;
}

struct Imported {
  ModelFile file;
  Graph graph;
};

Imported Import(const FileBytes& bytes) {
  auto file = ParseTfliteModel(bytes, "dir/kw.tflite");
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
  auto graph = BuildGraph(*file);
  REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
  return {*std::move(file), *std::move(graph)};
}

// The front end, then the graph: logits of `batch` sequences alike.
std::vector<double> Graphed(const Imported& m, const std::vector<float>& sound,
                            int64_t batch) {
  REQUIRE(m.file.front_end);
  const FrontEnd& front = *m.file.front_end;
  const auto features = front.Run(sound);
  REQUIRE_MESSAGE(features, (features ? "" : features.error().message));
  const auto weights = Weights::Bind(m.graph, m.file);
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  Reference reference(m.graph, *weights, batch, 1);
  const Value* input = m.graph.FindValue("patches");
  REQUIRE(input != nullptr);
  const auto x =
      reference.store().Make(input->id, batch * front.rows(), front.cols());
  for (size_t i = 0; i < x.size(); ++i) {
    x.data()[i] = (*features)[i % features->size()];
  }
  const auto logits = reference.Run(Phase::kEncode, {batch, 1, 0});
  REQUIRE_MESSAGE(logits, (logits ? "" : logits.error().message));
  return {logits->data(), logits->data() + logits->size()};
}

TEST_CASE("keyword transformers give what the file's operators do") {
  const KeywordSizes kSizes[] = {
      {},
      {.heads = 2},
      {.heads = 4, .gelu_operator = true},
      {.layers = 3, .int8 = true},
      {.heads = 2, .open_batch = true},
  };
  for (const KeywordSizes& sizes : kSizes) {
    CAPTURE(sizes.heads);
    CAPTURE(sizes.open_batch);
    const FileBytes bytes = KeywordTflite(sizes);
    const std::vector<float> sound = Noise(sizes.samples());
    const std::vector<double> want = Evaluated(bytes, sound);
    REQUIRE(want.size() == static_cast<size_t>(sizes.classes));
    const Imported m = Import(bytes);
    for (const int64_t batch : {1, 2}) {
      const std::vector<double> got = Graphed(m, sound, batch);
      REQUIRE(got.size() == want.size() * static_cast<size_t>(batch));
      for (size_t i = 0; i < got.size(); ++i) {
        // The features between the two are rounded to f32.
        CHECK(std::abs(got[i] - want[i % want.size()]) < 2e-6);
      }
    }
  }
}

TEST_CASE("an imported keyword transformer is our operators, by layer") {
  const KeywordSizes sizes = {.layers = 2, .heads = 2};
  const Imported m = Import(KeywordTflite(sizes));
  const ModelConfig& c = m.file.config;
  CHECK(c.architecture == "tflite");
  CHECK(c.name == "kw");
  CHECK(c.family == Family::kKwt);
  CHECK(c.layers == sizes.layers);
  CHECK(c.dim == sizes.dim);
  CHECK(c.ffn == sizes.ffn);
  CHECK(c.heads == sizes.heads);
  CHECK(c.head_dim == sizes.dim / sizes.heads);
  CHECK(c.classes == sizes.classes);
  CHECK(c.context == sizes.frames + 1);
  CHECK(c.norm == NormKind::kLayer);
  CHECK(c.norm_place == NormPlace::kPost);
  CHECK(c.activation == Activation::kGeluTanh);
  CHECK(c.class_token);
  CHECK(c.patch.frames == sizes.frames);
  CHECK(c.patch.height == sizes.features);
  CHECK(m.file.front_end->samples() == sizes.samples());
  CHECK(m.file.front_end->rows() == sizes.frames);
  CHECK(m.file.front_end->cols() == sizes.features);

  std::vector<std::string> kinds;
  for (const Node& node : m.graph.nodes()) kinds.emplace_back(node.op->name);
  const std::vector<std::string> layer = {
      "matmul",    "matmul", "matmul",    "attention", "matmul", "add",
      "layernorm", "matmul", "gelu_tanh", "matmul",    "add",    "layernorm"};
  std::vector<std::string> want = {"matmul", "concat_rows", "pos_embed"};
  for (int i = 0; i < sizes.layers; ++i) {
    want.insert(want.end(), layer.begin(), layer.end());
  }
  want.insert(want.end(), {"select_rows", "matmul"});
  CHECK(kinds == want);
  for (size_t i = 0; i < m.graph.nodes().size(); ++i) {
    const int at = i < 3 ? -1 : static_cast<int>((i - 3) / layer.size());
    CHECK(m.graph.nodes()[i].layer == (at < sizes.layers ? at : -1));
  }
}

TEST_CASE("int8 weights are the numbers they stand for") {
  const FileBytes bytes = KeywordTflite({.layers = 1, .int8 = true});
  const auto tables = tflite::ReadModel(bytes, "f");
  REQUIRE(tables);
  const Imported m = Import(bytes);
  size_t compared = 0;
  for (const tflite::Tensor& t : tables->tensors) {
    const WeightTensor* weight = m.file.Find(t.name);
    if (!t.quantization.any() || weight == nullptr) continue;
    std::vector<float> row(static_cast<size_t>(t.dims[1]));
    for (int64_t r = 0; r < t.dims[0]; ++r) {
      ReadRow(*weight, r, row.data());
      for (size_t c = 0; c < row.size(); ++c) {
        const auto code = static_cast<int8_t>(
            t.data[static_cast<size_t>(r) * row.size() + c]);
        CHECK(row[c] == static_cast<float>(code) *
                            t.quantization.scales[static_cast<size_t>(r)]);
        ++compared;
      }
    }
  }
  CHECK(compared == 5 * 8 + 4 * 8 * 8 + 2 * 8 * 12 + 4 * 8);
}

TEST_CASE("what is in no pattern of ours is refused, and named") {
  // After the attention it is no front end.
  const auto relu =
      ParseTfliteModel(KeywordTflite({.layers = 2, .relu = true}), "f");
  REQUIRE(!relu);
  CAPTURE(relu.error().message);
  CHECK(relu.error().message.starts_with(
      "f: node 'model/block_1/relu' (RELU): is in no pattern of ours"));
  CHECK(relu.error().message.find("node 'model/block/relu' (RELU)") !=
        std::string::npos);
  // Without any attention it is another network.
  TfliteWriter w;
  const int x = w.Tensor("x", {1, 6});
  w.Input(x);
  const int logs = w.Op(TfliteCode::kLog, {x}, {1, 6});
  w.Output(w.Op(TfliteCode::kFullyConnected,
                {logs, w.Random("w", {2, 6}, 1), -1}, {1, 2}));
  const auto plain = ParseTfliteModel(w.Bytes(), "f");
  REQUIRE(!plain);
  CHECK(plain.error().message.find("(LOG)") != std::string::npos);
}

TEST_CASE("a front end takes as many samples as it was made for") {
  const Imported m = Import(KeywordTflite({.layers = 1}));
  const auto few = m.file.front_end->Run(std::vector<float>(3));
  REQUIRE(!few);
  CHECK(few.error().message == "dir/kw.tflite: 3 samples: must be 64");
}

TEST_CASE("our MFCC are those of KWT-1's own front end") {
  const std::string path = SharedData("kwt1_non_stream.tflite");
  if (path.empty()) return;
  const auto model = LoadModel(path);
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
  REQUIRE(model->front_end);
  const auto mfcc = Mfcc::Create({});
  REQUIRE(mfcc);
  CHECK(mfcc->samples() == model->front_end->samples());
  CHECK(mfcc->rows() == model->front_end->rows());
  CHECK(mfcc->cols() == model->front_end->cols());
  for (const char* clip : {"yes_1000ms.wav", "noise_1000ms.wav"}) {
    const std::string file = SharedData(clip);
    if (file.empty()) continue;
    const auto sound = ReadWav(file);
    REQUIRE(sound);
    const auto ours = mfcc->Run(sound->samples);
    const auto theirs = model->front_end->Run(sound->samples);
    REQUIRE(ours);
    REQUIRE(theirs);
    double largest = 0, error = 0;
    for (size_t i = 0; i < ours->size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>((*theirs)[i])));
      error = std::max(error, std::abs(static_cast<double>((*ours)[i]) -
                                       static_cast<double>((*theirs)[i])));
    }
    MESSAGE(std::string(clip)
            << ": largest coefficient " << largest << ", error " << error);
    // Its tables are rounded to f32, and logarithms of near nothing feel it.
    CHECK(error < 1e-4);
    CHECK(largest > 10);
  }
}

}  // namespace
}  // namespace triptych
