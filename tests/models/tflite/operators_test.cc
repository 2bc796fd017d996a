// What TFLite's operators compute, each alone and on a few numbers, held to
// results worked out by hand.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/formats/tflite_operators.h"
#include "models/onnx/evaluate.h"
#include "models/onnx/tensor.h"
#include "tests/models/tflite/build_models.h"

namespace triptych {
namespace {

using tflite::file::Fused;
using tflite::file::Options;
namespace file = tflite::file;
using Code = TfliteCode;
using Numbers = std::vector<double>;
using Type = TfliteWriter::Type;

// The model that `write` makes of input x, whose elements are `values`; the
// result's elements and, if asked, its shape.
Numbers Run(const TfliteShape& shape, const Numbers& values,
            const std::function<int(TfliteWriter&, int)>& write,
            onnx::Dims* dims = nullptr) {
  TfliteWriter w;
  const int x = w.Tensor("x", shape);
  w.Input(x);
  w.Output(write(w, x));
  const FileBytes bytes = w.Bytes();
  const auto file = tflite::ReadModel(bytes, "f");
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
  const auto model = tflite::ToOperators(*file);
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
  const auto all = onnx::Evaluate(
      *model,
      {{x, onnx::FloatTensor(onnx::Dims(shape.begin(), shape.end()), values)}});
  REQUIRE_MESSAGE(all, (all ? "" : all.error().message));
  const onnx::Tensor& y = (*all)[static_cast<size_t>(model->outputs[0])];
  if (dims != nullptr) *dims = y.dims;
  return y.floats;
}

std::string MessageOf(const std::function<int(TfliteWriter&, int)>& write,
                      const TfliteShape& shape = {2}) {
  TfliteWriter w;
  const int x = w.Tensor("x", shape);
  w.Input(x);
  w.Output(write(w, x));
  const FileBytes bytes = w.Bytes();
  const auto file = tflite::ReadModel(bytes, "f");
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
  const auto model = tflite::ToOperators(*file);
  return model ? "" : model.error().message;
}

void CheckNear(const Numbers& got, const Numbers& want, double within = 1e-7) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("element ", i);
    CHECK(std::abs(got[i] - want[i]) <= within);
  }
}

TEST_CASE("TFLite operators of one number") {
  struct Row {
    int code;
    double (*f)(double);
  };
  const Row kRows[] = {
      {Code::kAbs, [](double x) { return std::abs(x); }},
      {Code::kCeil, [](double x) { return std::ceil(x); }},
      {Code::kCos, [](double x) { return std::cos(x); }},
      {Code::kExp, [](double x) { return std::exp(x); }},
      {Code::kFloor, [](double x) { return std::floor(x); }},
      {Code::kHardSwish,
       [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }},
      {Code::kLogistic, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {Code::kNeg, [](double x) { return -x; }},
      {Code::kRelu, [](double x) { return std::max(x, 0.0); }},
      {Code::kSin, [](double x) { return std::sin(x); }},
      {Code::kSquare, [](double x) { return x * x; }},
      {Code::kTanh, [](double x) { return std::tanh(x); }},
  };
  const Numbers x = {-2.5, -0.25, 0, 0.75, 3};
  for (const Row& row : kRows) {
    CAPTURE(tflite::OperatorName(row.code));
    Numbers want;
    for (const double v : x) want.push_back(row.f(v));
    CheckNear(
        Run({5}, x,
            [&](TfliteWriter& w, int in) { return w.Op(row.code, {in}, {5}); }),
        want);
  }
  const auto one = [](int code) {
    return [code](TfliteWriter& w, int in) { return w.Op(code, {in}, {2}); };
  };
  CheckNear(Run({2}, {4, 0.25}, one(Code::kSqrt)), {2, 0.5});
  CheckNear(Run({2}, {4, 0.25}, one(Code::kRsqrt)), {0.5, 2});
  CheckNear(Run({2}, {1, std::exp(2)}, one(Code::kLog)), {0, 2});
}

TEST_CASE("TFLite operators of two numbers, with what is fused to them") {
  struct Row {
    int code;
    Numbers want;
  };
  const Numbers x = {-8, 1, 3};
  const Row kRows[] = {
      {Code::kAdd, {-6, 3, 5}},    {Code::kSub, {-10, -1, 1}},
      {Code::kMul, {-16, 2, 6}},   {Code::kDiv, {-4, 0.5, 1.5}},
      {Code::kMaximum, {2, 2, 3}}, {Code::kMinimum, {-8, 1, 2}},
      {Code::kPow, {64, 1, 9}},    {Code::kSquaredDifference, {100, 1, 1}},
  };
  for (const Row& row : kRows) {
    CAPTURE(tflite::OperatorName(row.code));
    CheckNear(Run({3}, x,
                  [&](TfliteWriter& w, int in) {
                    return w.Op(row.code, {in, w.Float(2)}, {3});
                  }),
              row.want);
  }
  const auto fused = [&](Fused f) {
    return Run({3}, x, [&](TfliteWriter& w, int in) {
      const auto add = file::CreateAdd(w.builder(), f).Union();
      return w.Op(Code::kAdd, {in, w.Float(4)}, {3}, {Options::Add, add});
    });
  };
  CheckNear(fused(Fused::NONE), {-4, 5, 7});
  CheckNear(fused(Fused::RELU), {0, 5, 7});
  CheckNear(fused(Fused::RELU_N1_TO_1), {-1, 1, 1});
  CheckNear(fused(Fused::RELU6), {0, 5, 6});
  CheckNear(fused(Fused::TANH),
            {std::tanh(-4.0), std::tanh(5.0), std::tanh(7.0)});
}

TEST_CASE("TFLite GELU, in both forms, and softmax with a slope") {
  const auto gelu = [](bool approximate) {
    return Run({2}, {-0.5, 2}, [&](TfliteWriter& w, int in) {
      const auto o = file::CreateGelu(w.builder(), approximate).Union();
      return w.Op(Code::kGelu, {in}, {2}, {Options::Gelu, o});
    });
  };
  const auto exact = [](double x) {
    return x / 2 * (1 + std::erf(x / std::sqrt(2)));
  };
  const auto near = [](double x) {
    return x / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  };
  CheckNear(gelu(false), {exact(-0.5), exact(2)});
  CheckNear(gelu(true), {near(-0.5), near(2)});
  const double e = std::exp(0.5);
  CheckNear(
      Run({1, 2}, {1, 2},
          [](TfliteWriter& w, int in) {
            const auto o = file::CreateSoftmax(w.builder(), 0.5F).Union();
            return w.Op(Code::kSoftmax, {in}, {1, 2}, {Options::Softmax, o});
          }),
      {1 / (1 + e), e / (1 + e)});
}

TEST_CASE("TFLite products: rows of any rank, kept or not, and batches") {
  onnx::Dims dims;
  const auto linear = [&](bool keep) {
    return Run(
        {2, 1, 2}, {1, 2, 3, 4},
        [&](TfliteWriter& w, int in) {
          const auto o =
              file::CreateFullyConnected(w.builder(), Fused::NONE, 0, keep)
                  .Union();
          const int weights = w.Floats("w", {3, 2}, {1, 0, 0, 1, 1, 1});
          const int bias = w.Floats("b", {3}, {10, 20, 30});
          return w.Op(Code::kFullyConnected, {in, weights, bias},
                      keep ? TfliteShape{2, 1, 3} : TfliteShape{2, 3},
                      {Options::FullyConnected, o});
        },
        &dims);
  };
  CheckNear(linear(false), {11, 22, 33, 13, 24, 37});
  CHECK(dims == onnx::Dims{2, 3});
  CheckNear(linear(true), {11, 22, 33, 13, 24, 37});
  CHECK(dims == onnx::Dims{2, 1, 3});
  // Weights that are computed: x x^T.
  CheckNear(Run({2, 2}, {1, 2, 3, 4},
                [](TfliteWriter& w, int in) {
                  const int bias = w.Floats("b", {2}, {100, 200});
                  return w.Op(Code::kFullyConnected, {in, in, bias}, {2, 2});
                }),
            {105, 211, 111, 225});
  for (const bool x : {false, true}) {
    for (const bool y : {false, true}) {
      const Numbers got =
          Run({1, 2, 2}, {1, 2, 3, 4}, [&](TfliteWriter& w, int in) {
            const auto o = file::CreateBatchMatMul(w.builder(), x, y).Union();
            const int other = w.Floats("y", {1, 2, 2}, {5, 6, 7, 8});
            return w.Op(Code::kBatchMatMul, {in, other}, {1, 2, 2},
                        {Options::BatchMatMul, o});
          });
      const Numbers kWant[2][2] = {{{19, 22, 43, 50}, {17, 23, 39, 53}},
                                   {{26, 30, 38, 44}, {23, 31, 34, 46}}};
      CheckNear(got, kWant[x][y]);
    }
  }
}

TEST_CASE("TFLite changes of shape and of type") {
  const Numbers six = {1, 2, 3, 4, 5, 6};
  onnx::Dims dims;
  const auto with = [&](const std::function<int(TfliteWriter&, int)>& write) {
    return Run({2, 3}, six, write, &dims);
  };
  // By a constant, by its options, by what the file says comes out.
  with([](TfliteWriter& w, int in) {
    return w.Op(Code::kReshape, {in, w.Ints({3, -1})}, {3, 2});
  });
  CHECK(dims == onnx::Dims{3, 2});
  with([](TfliteWriter& w, int in) {
    const std::vector<int32_t> shape = {6, 1};
    const auto o =
        file::CreateReshape(w.builder(), w.builder().CreateVector(shape))
            .Union();
    return w.Op(Code::kReshape, {in}, {6, 1}, {Options::Reshape, o});
  });
  CHECK(dims == onnx::Dims{6, 1});
  with([](TfliteWriter& w, int in) {
    return w.Op(Code::kExpandDims, {in, w.Ints({0})}, {1, 2, 3});
  });
  CHECK(dims == onnx::Dims{1, 2, 3});
  Run(
      {1, 2, 1}, {1, 2},
      [](TfliteWriter& w, int in) { return w.Op(Code::kSqueeze, {in}, {2}); },
      &dims);
  CHECK(dims == onnx::Dims{2});
  // To integers, towards zero, and back.
  CheckNear(Run({2}, {1.75, -1.75},
                [](TfliteWriter& w, int in) {
                  const int whole = w.Tensor("i", {2}, Type::INT32);
                  w.OpInto(Code::kCast, {in}, {whole});
                  return w.Op(Code::kCast, {whole}, {2});
                }),
            {1, -1});
  CheckNear(with([](TfliteWriter& w, int in) {
              return w.Op(Code::kTranspose, {in, w.Ints({1, 0})}, {3, 2});
            }),
            {1, 4, 2, 5, 3, 6});
  CheckNear(with([](TfliteWriter& w, int in) {
              return w.Op(Code::kSlice, {in, w.Ints({0, 1}), w.Ints({-1, 2})},
                          {2, 2});
            }),
            {2, 3, 5, 6});
}

TEST_CASE("TFLite slices, gathers, splits and reductions") {
  onnx::Dims dims;
  const auto with = [&](const std::function<int(TfliteWriter&, int)>& write) {
    return Run({2, 3}, {1, 2, 3, 4, 5, 6}, write, &dims);
  };
  const auto strided = [&](std::vector<int32_t> begin, std::vector<int32_t> end,
                           std::vector<int32_t> step, int begin_mask,
                           int end_mask, int shrink, TfliteShape shape) {
    return with([&](TfliteWriter& w, int in) {
      const auto o = file::CreateStridedSlice(w.builder(), begin_mask, end_mask,
                                              0, 0, shrink)
                         .Union();
      return w.Op(Code::kStridedSlice,
                  {in, w.Ints(begin), w.Ints(end), w.Ints(step)}, shape,
                  {Options::StridedSlice, o});
    });
  };
  CheckNear(strided({0, 1}, {2, 3}, {1, 1}, 0, 0, 0, {2, 2}), {2, 3, 5, 6});
  CheckNear(strided({1, 0}, {2, 3}, {1, 2}, 0, 0, 0, {1, 2}), {4, 6});
  CheckNear(strided({0, -1}, {0, 0}, {1, 1}, 1, 1, 2, {2}), {3, 6});
  CHECK(dims == onnx::Dims{2});
  CheckNear(strided({1}, {2}, {1}, 0, 0, 1, {3}), {4, 5, 6});
  CheckNear(
      with([](TfliteWriter& w, int in) {
        const auto o = file::CreateGather(w.builder(), 1).Union();
        const int ids = w.Constant<int32_t>("i", {1, 2}, {2, 0}, Type::INT32);
        return w.Op(Code::kGather, {in, ids}, {2, 1, 2}, {Options::Gather, o});
      }),
      {3, 1, 6, 4});
  CHECK(dims == onnx::Dims{2, 1, 2});
  CheckNear(with([](TfliteWriter& w, int in) {
              const int axis =
                  w.Constant<int32_t>("axis", {}, {1}, Type::INT32);
              const auto o = file::CreateSplit(w.builder(), 3).Union();
              const std::vector<int> parts = {w.Tensor("a", {2, 1}),
                                              w.Tensor("b", {2, 1}),
                                              w.Tensor("c", {2, 1})};
              w.OpInto(Code::kSplit, {axis, in}, parts, {Options::Split, o});
              return w.Op(Code::kSub, {parts[2], parts[0]}, {2, 1});
            }),
            {2, 2});
  CheckNear(with([](TfliteWriter& w, int in) {
              const auto o = file::CreateConcatenation(w.builder(), 0).Union();
              const int more = w.Floats("m", {1, 3}, {7, 8, 9});
              return w.Op(Code::kConcatenation, {in, more}, {3, 3},
                          {Options::Concatenation, o});
            }),
            {1, 2, 3, 4, 5, 6, 7, 8, 9});
  struct Row {
    int code;
    Numbers want;
  };
  for (const Row& row :
       {Row{Code::kMean, {2, 5}}, Row{Code::kSum, {6, 15}},
        Row{Code::kReduceMax, {3, 6}}, Row{Code::kReduceMin, {1, 4}}}) {
    for (const bool keep : {false, true}) {
      CheckNear(with([&](TfliteWriter& w, int in) {
                  const auto o = file::CreateReducer(w.builder(), keep).Union();
                  return w.Op(row.code, {in, w.Ints({1})}, {2},
                              {Options::Reducer, o});
                }),
                row.want);
      CHECK(dims == (keep ? onnx::Dims{2, 1} : onnx::Dims{2}));
    }
  }
  CheckNear(with([](TfliteWriter& w, int in) {
              const int ids = w.Constant<int32_t>("i", {1}, {1}, Type::INT32);
              return w.Op(Code::kEmbeddingLookup, {ids, in}, {1, 3});
            }),
            {4, 5, 6});
}

TEST_CASE("TFLite quantised tensors are the numbers they stand for") {
  // int8 by row, uint8 with a zero point, a bias of int32, halves, and
  // activations that are quantised and back.
  CheckNear(
      Run({1, 2}, {1, 2},
          [](TfliteWriter& w, int in) {
            const int weights =
                w.Constant<int8_t>("w", {2, 2}, {1, -2, 3, 127}, Type::INT8,
                                   {{0.5F, 0.25F}, {0, 0}, 0});
            const int bias = w.Constant<int32_t>(
                "b", {2}, {100, -100}, Type::INT32, {{0.125F}, {0}, 0});
            const int q = w.Tensor("q", {1, 2}, Type::INT8, {{0.01F}, {3}, 0});
            w.OpInto(Code::kQuantize, {in}, {q});
            const int y = w.Tensor("y", {1, 2}, Type::INT8, {{0.1F}, {-7}, 0});
            w.OpInto(Code::kFullyConnected, {q, weights, bias}, {y});
            return w.Op(Code::kDequantize, {y}, {1, 2});
          }),
      {0.5 - 2 + 12.5, 0.75 + 2 * 31.75 - 12.5});
  CheckNear(Run({2}, {0, 0},
                [](TfliteWriter& w, int in) {
                  const int c = w.Constant<uint8_t>(
                      "c", {2}, {128, 200}, Type::UINT8, {{0.5F}, {128}, 0});
                  return w.Op(Code::kAdd, {in, c}, {2});
                }),
            {0, 36});
  CheckNear(Run({2}, {0, 0},
                [](TfliteWriter& w, int in) {
                  // 1 and -2 in halves.
                  const int c = w.Constant<uint16_t>("c", {2}, {0x3C00, 0xC000},
                                                     Type::FLOAT16);
                  const int f = w.Op(Code::kDequantize, {c}, {2});
                  return w.Op(Code::kAdd, {in, f}, {2});
                }),
            {1, -2});
  // Columns with a scale each.
  CheckNear(Run({2, 2}, {0, 0, 0, 0},
                [](TfliteWriter& w, int in) {
                  const int c =
                      w.Constant<int8_t>("c", {2, 2}, {1, 2, 3, 4}, Type::INT8,
                                         {{1, 10}, {0, 1}, 1});
                  return w.Op(Code::kAdd, {in, c}, {2, 2});
                }),
            {1, 10, 3, 30});
}

TEST_CASE("TFLite: all operators that are not understood are in one list") {
  const std::string message = MessageOf([](TfliteWriter& w, int in) {
    const int a = w.Op(Code::kConv2d, {in}, {2});
    const int b = w.Op(Code::kConv2d, {a}, {2});
    const int c = w.Tensor("c", {2});
    w.OpInto(Code::kCustom, {b}, {c}, {}, "Mystery");
    w.Op(16, {in}, {2});  // LSTM, which nothing needs
    return w.Op(Code::kTanh, {c}, {2});
  });
  CHECK(message.starts_with("f: offset "));
  CHECK(message.find("operators: CONV_2D (2), CUSTOM 'Mystery': not "
                     "understood; allowed are ABS, ADD, ") !=
        std::string::npos);
  CHECK(message.find("LSTM") == std::string::npos);
}

TEST_CASE("TFLite: operands that are not understood") {
  const auto has = [](const std::string& message, const std::string& part) {
    CAPTURE(message);
    return message.starts_with("f: offset ") &&
           message.find(part) != std::string::npos;
  };
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              return w.Op(Code::kAdd, {in}, {2});
            }),
            "(ADD): 1 inputs: must be 2 to 2"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              return w.Op(Code::kAdd, {in, -1}, {2});
            }),
            "(ADD): input 1: is missing"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              return w.Op(Code::kTranspose, {in, in}, {2});
            }),
            "(TRANSPOSE): input 1: must be a constant"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              return w.Op(Code::kTranspose, {in, w.Float(0)}, {2});
            }),
            "must be INT32 or INT64"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              const auto o = file::CreateGather(w.builder(), 0, 1).Union();
              return w.Op(Code::kGather, {in, w.Ints({0})}, {1},
                          {Options::Gather, o});
            }),
            "batch_dims: must be 0"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              const int axis =
                  w.Constant<int32_t>("axis", {}, {0}, Type::INT32);
              const auto o = file::CreateSplit(w.builder(), 2).Union();
              return w.Op(Code::kSplit, {axis, in}, {2}, {Options::Split, o});
            }),
            "(SPLIT): 1 outputs: must be 2"));
  CHECK(has(
      MessageOf([](TfliteWriter& w, int in) {
        const auto o =
            file::CreateFullyConnected(w.builder(), Fused::NONE, 1).Union();
        return w.Op(Code::kFullyConnected, {in, w.Floats("w", {1, 2}, {1, 2})},
                    {1}, {Options::FullyConnected, o});
      }),
      "a processor's own order"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              const auto o =
                  file::CreateAdd(w.builder(), Fused::SIGN_BIT).Union();
              return w.Op(Code::kAdd, {in, in}, {2}, {Options::Add, o});
            }),
            "fused activation SIGN_BIT"));
  CHECK(has(MessageOf([](TfliteWriter& w, int in) {
              const int c = w.Constant<uint8_t>("c", {4}, {1, 2}, Type::INT4);
              return w.Op(Code::kAdd, {in, c}, {2});
            }),
            "constants of type INT4"));
}

}  // namespace
}  // namespace triptych
