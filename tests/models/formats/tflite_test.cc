// The reader of TFLite files: what it reads, and what it refuses.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/formats/tflite_model.h"
#include "models/onnx/op.h"
#include "tests/models/tflite/build_models.h"
#include "tests/models/touch.h"

namespace triptych {
namespace {

using tflite::file::Options;
using Type = TfliteWriter::Type;
namespace file = tflite::file;
using Code = TfliteCode;

std::string MessageOf(const FileBytes& bytes) {
  const auto model = tflite::ReadModel(bytes, "f");
  return model ? "" : model.error().message;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// x [1, 3] -> W x -> y [1, 2], W of int8 by row, under other scales if asked.
struct Small {
  TfliteWriter writer;
  int x = 0, w = 0, y = 0;
  explicit Small(const TfliteScales& scales = {{0.5F, 0.25F}, {0, 0}, 0},
                 Type type = Type::INT8) {
    x = writer.Tensor("x", {1, 3});
    w = writer.Constant<int8_t>("w", {2, 3}, {1, 2, 3, -4, 5, -6}, type,
                                scales);
    writer.Input(x);
    const auto fused = file::CreateFullyConnected(
                           writer.builder(), tflite::file::Fused::RELU, 0, true)
                           .Union();
    y = writer.Op(Code::kFullyConnected, {x, w, -1}, {1, 2},
                  {Options::FullyConnected, fused}, "y");
  }
};

TEST_CASE("TFLite: tensors, operators, quantisation, metadata") {
  Small small;
  small.writer.Output(small.y);
  small.writer.AddMetadata("labels", "yes\nno");
  const FileBytes bytes = small.writer.Bytes();
  CHECK(LooksLikeTflite(bytes));
  CHECK(!LooksLikeTflite(std::span(bytes).first(7)));
  const auto model = tflite::ReadModel(bytes, "f");
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
  CHECK(model->graph == "main");
  CHECK(model->description == "made by a test");
  CHECK(model->subgraphs == 1);
  CHECK(model->inputs == std::vector<int>{small.x});
  CHECK(model->outputs == std::vector<int>{small.y});
  REQUIRE(model->metadata.size() == 1);
  CHECK(model->metadata[0].first == "labels");
  CHECK(model->metadata[0].second == 6);

  REQUIRE(model->tensors.size() == 3);
  const tflite::Tensor& w = model->tensors[static_cast<size_t>(small.w)];
  CHECK(w.name == "w");
  CHECK(tflite::InfoOfType(w.type)->name == "INT8");
  CHECK(w.dims == onnx::Dims{2, 3});
  CHECK(w.constant);
  REQUIRE(w.data.size() == 6);
  CHECK(static_cast<int8_t>(w.data[5]) == -6);
  CHECK(w.quantization.scales == std::vector<float>{0.5F, 0.25F});
  CHECK(w.quantization.zero_points == std::vector<int64_t>{0, 0});
  CHECK(w.quantization.dimension == 0);
  const tflite::Tensor& x = model->tensors[static_cast<size_t>(small.x)];
  CHECK(!x.constant);
  CHECK(!x.quantization.any());

  REQUIRE(model->operators.size() == 1);
  const tflite::Operator& op = model->operators[0];
  CHECK(op.name() == "FULLY_CONNECTED");
  CHECK(op.inputs == std::vector<int>{small.x, small.w, -1});
  CHECK(op.outputs == std::vector<int>{small.y});
  CHECK(op.options.fused == tflite::Fused::kRelu);
  CHECK(op.options.keep_dims);
  CHECK(!op.options.shuffled);
}

TEST_CASE("TFLite: open sizes, scales of a whole tensor, codes above a byte") {
  TfliteWriter w;
  const int x = w.Tensor("x", {1, 4}, Type::INT8, {{0.1F}, {-3}, 0}, {-1, 4});
  w.Input(x);
  const auto tanh = file::CreateGelu(w.builder(), true).Union();
  w.Output(w.Op(Code::kGelu, {x}, {1, 4}, {Options::Gelu, tanh}));
  const FileBytes bytes = w.Bytes();
  const auto model = tflite::ReadModel(bytes, "f");
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
  CHECK(model->tensors[0].dims == onnx::Dims{-1, 4});
  CHECK(model->tensors[0].quantization.zero_points == std::vector<int64_t>{-3});
  CHECK(model->operators[0].name() == "GELU");
  CHECK(model->operators[0].options.approximate);
}

TEST_CASE("TFLite: names of what there is") {
  CHECK(tflite::OperatorName(0) == "ADD");
  CHECK(tflite::OperatorName(126) == "BATCH_MATMUL");
  CHECK(tflite::OperatorName(135) == "COMPLEX_ABS");
  CHECK(tflite::OperatorName(136) == "operator 136");
  CHECK(tflite::OperatorName(150) == "GELU");
  CHECK(tflite::OperatorName(-1) == "operator -1");
  CHECK(tflite::InfoOfType(18)->name == "BFLOAT16");
  CHECK(tflite::InfoOfType(19) == nullptr);
  CHECK(tflite::InfoOfType(-1) == nullptr);
}

TEST_CASE("TFLite: what contradicts itself is an error that says where") {
  const auto broken = [](const TfliteScales& scales, Type type = Type::INT8) {
    Small small(scales, type);
    small.writer.Output(small.y);
    return MessageOf(small.writer.Bytes());
  };
  CHECK(broken({{1, 2}, {0, 0}, 0}) == "");
  CHECK(
      Has(broken({{1, 2, 3}, {}, 0}), "tensor 1 'w': quantization: 3 scales"));
  CHECK(Has(broken({{1, 2, 3}, {}, 2}), "dimension 2 of [2, 3]"));
  CHECK(broken({{1, 2, 3}, {}, 1}) == "");
  CHECK(Has(broken({{1, -2}, {}, 0}), "scale 1: -2: must be finite"));
  CHECK(Has(broken({{1, NAN}, {}, 0}), "scale 1: nan"));
  CHECK(Has(broken({{1, 2}, {0, 0, 0}, 0}), "3 zero points"));
  CHECK(Has(broken({{1}, {int64_t{1} << 40}, 0}), "must be of 32 bits"));
  CHECK(Has(broken({}, Type::FLOAT32),
            "6 bytes: its shape [2, 3] of FLOAT32 "
            "needs 24"));

  // The order of operators, and who makes what.
  TfliteWriter w;
  const int x = w.Tensor("x", {2}), y = w.Tensor("y", {2});
  w.Input(x);
  w.OpInto(Code::kAbs, {y}, {w.Tensor("z", {2})});
  w.Output(y);
  CHECK(Has(MessageOf(w.Bytes()),
            "operator 0 (ABS): reads tensor 1 'y' before anything makes it"));
  TfliteWriter twice;
  const int a = twice.Tensor("a", {2});
  twice.Input(a);
  twice.OpInto(Code::kAbs, {a}, {a});
  twice.Output(a);
  CHECK(Has(MessageOf(twice.Bytes()), "makes tensor 0 'a', which is made"));
  TfliteWriter outside;
  const int b = outside.Tensor("b", {2});
  outside.Input(b);
  outside.OpInto(Code::kAbs, {7}, {b});
  CHECK(Has(MessageOf(outside.Bytes()), "input: tensor 7: the graph has 1"));
  TfliteWriter nothing;
  nothing.Output(nothing.Tensor("n", {2}));
  CHECK(Has(MessageOf(nothing.Bytes()), "is an output that nothing makes"));
  TfliteWriter negative;
  negative.Output(negative.Tensor("n", {2, -1}));
  CHECK(Has(MessageOf(negative.Bytes()), "size -1 of dimension 1"));
  TfliteWriter large;
  large.Output(large.Tensor("n", {1 << 30, 1 << 30}));
  CHECK(Has(MessageOf(large.Bytes()), "2^40 at most"));
}

TEST_CASE("TFLite: tables that are shared again and again are not copied") {
  // A thousand tensors of one name of 100 kB, 100 MB once copied.
  flatbuffers::FlatBufferBuilder fbb;
  const auto name = fbb.CreateString(std::string(100000, 'n'));
  std::vector<flatbuffers::Offset<tflite::file::Tensor>> tensors;
  for (int i = 0; i < 1000; ++i) {
    tensors.push_back(file::CreateTensor(fbb, 0, Type::FLOAT32, 0, name));
  }
  const auto graph = file::CreateSubGraph(fbb, fbb.CreateVector(tensors));
  file::FinishModelBuffer(
      fbb, file::CreateModel(fbb, 3, 0, fbb.CreateVector(&graph, 1)));
  const FileBytes bytes =
      AsFile(std::as_bytes(std::span(fbb.GetBufferPointer(), fbb.GetSize())));
  CHECK(Has(MessageOf(bytes), "f: offset 0: flatbuffer: its tables share"));
}

// The largest graph of any case here has far less.
constexpr onnx::Limits kLimits = {
    .elements = 1 << 16, .all = 1 << 20, .work = 1 << 22};

bool Survives(std::span<const std::byte> bytes) {
  const auto model = ParseTfliteModel(bytes, "f", kLimits);
  if (model) {
    Touch(*model);
    return true;
  }
  CHECK(model.error().message.starts_with("f: "));
  return false;
}

TEST_CASE("TFLite: every truncation is an error, with an offset") {
  const FileBytes whole = KeywordTflite({.layers = 1});
  REQUIRE(Survives(whole));
  for (size_t size = 0; size + 16 <= whole.size(); size += 7) {
    INFO("size ", size);
    const FileBytes cut(whole.begin(),
                        whole.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string message = MessageOf(cut);
    CHECK(message.starts_with("f: offset "));
  }
}

TEST_CASE("TFLite: damage is survived") {
  constexpr uint32_t kNasty[] = {0,          1,          0x7FFFFFFF,
                                 0x80000000, 0xFFFFFFFF, 0x00010000};
  for (const bool int8 : {false, true}) {
    const FileBytes whole = KeywordTflite({.layers = 1, .int8 = int8});
    Rng rng(2024, whole.size());
    const auto somewhere = [&] {
      return rng.Below(static_cast<uint32_t>(whole.size() - 4));
    };
    int read = 0;
    for (int trial = 0; trial < 1500; ++trial) {
      FileBytes bytes = whole;
      if (trial % 2 == 0) {
        const uint32_t word = kNasty[rng.Below(std::size(kNasty))];
        std::memcpy(bytes.data() + somewhere(), &word, sizeof(word));
      } else {
        for (uint32_t flips = 1 + rng.Below(4); flips > 0; --flips) {
          bytes[somewhere()] ^= std::byte{1} << rng.Below(8);
        }
      }
      INFO("trial ", trial);
      read += Survives(bytes);
    }
    CHECK(read > 0);  // weights may be any number
    CHECK(read < 1500);
  }
}

}  // namespace
}  // namespace triptych
