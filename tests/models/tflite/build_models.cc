// SPDX-License-Identifier: Apache-2.0
#include "tests/models/tflite/build_models.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace triptych {
namespace {

namespace file = tflite::file;
using Code = TfliteCode;

}  // namespace

int TfliteWriter::NewTensor(const std::string& name, const TfliteShape& shape,
                            Type type, const Scales& scales, uint32_t buffer,
                            const TfliteShape& signature) {
  flatbuffers::Offset<file::Quantization> quantization = 0;
  if (!scales.scales.empty()) {
    quantization = file::CreateQuantization(
        fbb_, 0, 0, fbb_.CreateVector(scales.scales),
        scales.zeros.empty() ? 0 : fbb_.CreateVector(scales.zeros),
        file::QuantizationDetails::NONE, 0, scales.dimension);
  }
  tensors_.push_back(file::CreateTensor(
      fbb_, fbb_.CreateVector(shape), type, buffer,
      fbb_.CreateString(scope_ + name), quantization, false, 0,
      signature.empty() ? 0 : fbb_.CreateVector(signature)));
  return static_cast<int>(tensors_.size()) - 1;
}

int TfliteWriter::Tensor(const std::string& name, const TfliteShape& shape,
                         Type type, const Scales& scales,
                         const TfliteShape& signature) {
  return NewTensor(name, shape, type, scales, 0, signature);
}

int TfliteWriter::Stored(const std::string& name, const TfliteShape& shape,
                         std::span<const std::byte> bytes, Type type,
                         const Scales& scales) {
  fbb_.ForceVectorAlignment(bytes.size(), 1, 16);
  const auto data = fbb_.CreateVector(
      reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  buffers_.push_back(file::CreateBuffer(fbb_, data));
  return NewTensor(name, shape, type, scales,
                   static_cast<uint32_t>(buffers_.size() - 1), {});
}

int TfliteWriter::Random(const std::string& name, const TfliteShape& shape,
                         double spread, double centre, bool int8) {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1},
                                        std::multiplies<>());
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) {
    v = static_cast<float>(centre + spread * rng_.Normal());
  }
  if (!int8) return Floats(name, shape, values);
  const auto rows = static_cast<size_t>(shape[0]);
  const size_t cols = values.size() / rows;
  std::vector<int8_t> codes(values.size());
  Scales scales;
  for (size_t r = 0; r < rows; ++r) {
    float top = 0;
    for (size_t c = 0; c < cols; ++c) {
      top = std::max(top, std::abs(values[r * cols + c]));
    }
    scales.scales.push_back(top / 127);
    scales.zeros.push_back(0);
    for (size_t c = 0; c < cols; ++c) {
      codes[r * cols + c] = static_cast<int8_t>(
          std::lround(values[r * cols + c] / scales.scales.back()));
    }
  }
  return Constant(name, shape, codes, Type::INT8, scales);
}

uint32_t TfliteWriter::CodeIndex(int code, const std::string& custom) {
  const std::pair key(code, custom);
  const auto found = std::find(codes_.begin(), codes_.end(), key);
  if (found != codes_.end()) {
    return static_cast<uint32_t>(found - codes_.begin());
  }
  codes_.push_back(key);
  return static_cast<uint32_t>(codes_.size() - 1);
}

void TfliteWriter::OpInto(int code, const std::vector<int>& inputs,
                          const std::vector<int>& outputs,
                          const Options& options, const std::string& custom) {
  operators_.push_back(file::CreateOperator(
      fbb_, CodeIndex(code, custom), fbb_.CreateVector(inputs),
      fbb_.CreateVector(outputs), options.type, options.at));
}

int TfliteWriter::Op(int code, const std::vector<int>& inputs,
                     const TfliteShape& shape, const Options& options,
                     const std::string& name) {
  const int output = Tensor(
      name.empty() ? "t" + std::to_string(tensors_.size()) : name, shape);
  OpInto(code, inputs, {output}, options);
  return output;
}

void TfliteWriter::AddMetadata(const std::string& name,
                               const std::string& text) {
  const auto data = fbb_.CreateVector(
      reinterpret_cast<const uint8_t*>(text.data()), text.size());
  buffers_.push_back(file::CreateBuffer(fbb_, data));
  metadata_.push_back(
      file::CreateMetadata(fbb_, fbb_.CreateString(name),
                           static_cast<uint32_t>(buffers_.size() - 1)));
}

FileBytes TfliteWriter::Bytes() {
  buffers_[0] = file::CreateBuffer(fbb_);
  std::vector<flatbuffers::Offset<file::OperatorCode>> codes;
  for (const auto& [code, custom] : codes_) {
    codes.push_back(file::CreateOperatorCode(
        fbb_, static_cast<int8_t>(std::min(code, 127)),
        custom.empty() ? 0 : fbb_.CreateString(custom), 1, code));
  }
  const auto graph = file::CreateSubGraph(
      fbb_, fbb_.CreateVector(tensors_), fbb_.CreateVector(inputs_),
      fbb_.CreateVector(outputs_), fbb_.CreateVector(operators_),
      fbb_.CreateString("main"));
  const auto model = file::CreateModel(
      fbb_, 3, fbb_.CreateVector(codes), fbb_.CreateVector(&graph, 1),
      fbb_.CreateString("made by a test"), fbb_.CreateVector(buffers_), 0,
      fbb_.CreateVector(metadata_));
  file::FinishModelBuffer(fbb_, model);
  return AsFile(
      std::as_bytes(std::span(fbb_.GetBufferPointer(), fbb_.GetSize())));
}

namespace {

// A keyword transformer, as the converter of TensorFlow leaves one.
class KeywordWriter {
 public:
  explicit KeywordWriter(const KeywordSizes& sizes) : s_(sizes) {}
  FileBytes Write();

 private:
  int Frames();
  int Features(int frames);
  int Attention(int x);
  int Attend(int q, int k, int v);
  int AttendHeads(int q, int k, int v);
  int Norm(int x, const std::string& name);
  int Gelu(int x);
  int Layer(int x);

  // W x, plus a bias if there is one; [rows, out].
  int Linear(int x, int32_t rows, int32_t in, int32_t out,
             const std::string& name, bool bias) {
    const int weights =
        w_.Random(name + "/MatMul", {out, in}, 1 / std::sqrt(in), 0, s_.int8);
    std::vector<int> inputs = {x, weights, -1};
    if (bias) inputs[2] = w_.Random(name + "/bias", {out}, 0.1);
    return w_.Op(Code::kFullyConnected, inputs, {rows, out}, {},
                 name + "/BiasAdd");
  }
  int Reshape(int x, const TfliteShape& shape) {
    TfliteShape sizes = shape;
    if (s_.open_batch && shape.size() > 2) sizes[0] = -1;
    return w_.Op(Code::kReshape, {x, w_.Ints(sizes)}, shape);
  }
  int Transpose(int x, const std::vector<int32_t>& order,
                const TfliteShape& shape) {
    return w_.Op(Code::kTranspose, {x, w_.Ints(order)}, shape);
  }
  int Tokens() const { return s_.frames + (s_.open_batch ? 0 : 1); }
  int Pooled(int x);

  const KeywordSizes& s_;
  TfliteWriter w_;
};

int KeywordWriter::Frames() {
  TfliteShape signature = {1, s_.samples()};
  if (s_.open_batch) signature[0] = -1;
  const int sound = w_.Tensor("sound", {1, s_.samples()},
                              TfliteWriter::Type::FLOAT32, {}, signature);
  w_.Input(sound);
  const int hops = Reshape(sound, {1, s_.frames + 1, s_.hop});
  std::vector<int32_t> pairs;
  for (int32_t f = 0; f < s_.frames; ++f) pairs.insert(pairs.end(), {f, f + 1});
  const int index =
      w_.Constant("frames", {s_.frames, 2}, pairs, TfliteWriter::Type::INT32);
  const auto axis = file::CreateGather(w_.builder(), 1).Union();
  const int gathered =
      w_.Op(Code::kGather, {hops, index}, {1, s_.frames, 2, s_.hop},
            {file::Options::Gather, axis});
  return Reshape(gathered, {1, s_.frames, 2 * s_.hop});
}

int KeywordWriter::Features(int frames) {
  const TfliteShape bins = {s_.frames, s_.bins};
  const int window = w_.Random("window", {2 * s_.hop}, 0.1, 1);
  const int windowed =
      w_.Op(Code::kMul, {frames, window}, {1, s_.frames, 2 * s_.hop});
  const int part =
      Linear(windowed, s_.frames, 2 * s_.hop, s_.bins, "dft", false);
  const int square = w_.Op(Code::kMul, {part, part}, bins);
  const int root = w_.Op(Code::kSqrt, {square}, bins);
  const int above = w_.Op(Code::kMaximum, {root, w_.Float(1e-6F)}, bins);
  const int logs = w_.Op(Code::kLog, {above}, bins);
  int dct = Linear(logs, s_.frames, s_.bins, s_.features, "dct", false);
  TfliteShape shape = {s_.frames, s_.features};
  if (s_.open_batch) {
    shape.insert(shape.begin(), 1);
    dct = Reshape(dct, shape);
  }
  return w_.Op(Code::kMul,
               {dct, w_.Random("normalizer", {s_.features}, 0.1, 0.5)}, shape);
}

// One head, as products of two matrices.
int KeywordWriter::Attend(int q, int k, int v) {
  const int32_t t = Tokens(), d = s_.dim;
  const int turned =
      Transpose(Reshape(k, {1, 1, t, d}), {0, 1, 3, 2}, {1, 1, d, t});
  const int keys = Transpose(Reshape(turned, {d, t}), {1, 0}, {t, d});
  const int scores = w_.Op(Code::kFullyConnected, {q, keys, -1}, {t, t});
  const int scaled =
      w_.Op(Code::kMul,
            {scores, w_.Float(1 / std::sqrt(static_cast<float>(d)))}, {t, t});
  const auto beta = file::CreateSoftmax(w_.builder(), 1).Union();
  const int weights = w_.Op(Code::kSoftmax, {Reshape(scaled, {1, 1, t, t})},
                            {1, 1, t, t}, {file::Options::Softmax, beta});
  const int values = Transpose(v, {1, 0}, {d, t});
  return w_.Op(Code::kFullyConnected, {weights, values, -1}, {t, d});
}

// Several, as batches of matrices.
int KeywordWriter::AttendHeads(int q, int k, int v) {
  const int32_t t = Tokens(), h = s_.heads, d = s_.dim / h;
  const auto split = [&](int x) {
    return Transpose(Reshape(x, {1, t, h, d}), {0, 2, 1, 3}, {1, h, t, d});
  };
  const int heads_q = split(q), heads_k = split(k), heads_v = split(v);
  const auto adjoint = file::CreateBatchMatMul(w_.builder(), false, true);
  const int scores = w_.Op(Code::kBatchMatMul, {heads_q, heads_k}, {1, h, t, t},
                           {file::Options::BatchMatMul, adjoint.Union()});
  // The scale, as the slope of the softmax.
  const auto beta =
      file::CreateSoftmax(w_.builder(), 1 / std::sqrt(static_cast<float>(d)))
          .Union();
  const int weights = w_.Op(Code::kSoftmax, {scores}, {1, h, t, t},
                            {file::Options::Softmax, beta});
  const auto plain = file::CreateBatchMatMul(w_.builder()).Union();
  const int mixed = w_.Op(Code::kBatchMatMul, {weights, heads_v}, {1, h, t, d},
                          {file::Options::BatchMatMul, plain});
  return Reshape(Transpose(mixed, {0, 2, 1, 3}, {1, t, h, d}), {1, t, s_.dim});
}

int KeywordWriter::Attention(int x) {
  const int32_t t = Tokens(), d = s_.dim;
  const int q = Linear(x, t, d, d, "attention/q", false);
  const int k = Linear(x, t, d, d, "attention/k", false);
  const int v = Linear(x, t, d, d, "attention/v", false);
  const int mixed = s_.heads == 1 ? Attend(q, k, v) : AttendHeads(q, k, v);
  return Reshape(Linear(mixed, t, d, d, "attention/o", true), {1, t, d});
}

int KeywordWriter::Norm(int x, const std::string& name) {
  const TfliteShape all = {1, Tokens(), s_.dim}, one = {1, Tokens(), 1};
  const int gamma = w_.Random(name + "/gamma", {s_.dim}, 0.1, 1);
  const int beta = w_.Random(name + "/beta", {s_.dim}, 0.1);
  const auto mean = [&](int v) {
    const auto keep = file::CreateReducer(w_.builder(), true).Union();
    return w_.Op(Code::kMean, {v, w_.Ints({2})}, one,
                 {file::Options::Reducer, keep});
  };
  const int centre = mean(x);
  const int variance = mean(w_.Op(Code::kSquaredDifference, {x, centre}, all));
  const int inside = w_.Op(Code::kAdd, {variance, w_.Float(1e-6F)}, one);
  const int inverse = w_.Op(Code::kRsqrt, {inside}, one);
  const int scale = w_.Op(Code::kMul, {inverse, gamma}, all);
  const int scaled = w_.Op(Code::kMul, {x, scale}, all);
  const int shift = w_.Op(Code::kMul, {centre, scale}, all);
  const int rest = w_.Op(Code::kSub, {beta, shift}, all);
  return w_.Op(Code::kAdd, {scaled, rest}, all, {}, name + "/add_1");
}

int KeywordWriter::Gelu(int x) {
  const TfliteShape shape = {1, Tokens(), s_.ffn};
  if (s_.relu) return w_.Op(Code::kRelu, {x}, shape, {}, "relu");
  if (s_.gelu_operator) {
    const auto exact = file::CreateGelu(w_.builder(), false).Union();
    return w_.Op(Code::kGelu, {x}, shape, {file::Options::Gelu, exact});
  }
  const int cube = w_.Op(Code::kPow, {x, w_.Float(3)}, shape);
  const int small = w_.Op(Code::kMul, {cube, w_.Float(0.044715F)}, shape);
  const int sum = w_.Op(Code::kAdd, {x, small}, shape);
  const int inner = w_.Op(Code::kMul, {sum, w_.Float(0.7978846F)}, shape);
  const int tanh = w_.Op(Code::kTanh, {inner}, shape);
  const int one = w_.Op(Code::kAdd, {tanh, w_.Float(1)}, shape);
  const int half = w_.Op(Code::kMul, {x, w_.Float(0.5F)}, shape);
  return w_.Op(Code::kMul, {half, one}, shape);
}

int KeywordWriter::Layer(int x) {
  const int32_t t = Tokens();
  const TfliteShape all = {1, t, s_.dim};
  const int mixed = w_.Op(Code::kAdd, {x, Attention(x)}, all);
  const int normed = Norm(mixed, "norm_1");
  const int up =
      Reshape(Linear(normed, t, s_.dim, s_.ffn, "up", true), {1, t, s_.ffn});
  const int down =
      Reshape(Linear(Gelu(up), t, s_.ffn, s_.dim, "down", true), all);
  return Norm(w_.Op(Code::kAdd, {normed, down}, all), "norm_2");
}

// Of each sequence one row: the first, or the mean of all.
int KeywordWriter::Pooled(int x) {
  const TfliteShape shape = {1, s_.dim};
  if (s_.open_batch) {
    const auto drop = file::CreateReducer(w_.builder(), false).Union();
    return w_.Op(Code::kMean, {x, w_.Ints({1})}, shape,
                 {file::Options::Reducer, drop});
  }
  const auto masks =
      file::CreateStridedSlice(w_.builder(), 5, 5, 0, 0, 2).Union();
  return w_.Op(Code::kStridedSlice,
               {x, w_.Ints({0, 0, 0}), w_.Ints({0, 1, 0}), w_.Ints({1, 1, 1})},
               shape, {file::Options::StridedSlice, masks});
}

FileBytes KeywordWriter::Write() {
  const int features = Features(Frames());
  const int32_t t = Tokens(), d = s_.dim;
  const int patches =
      Reshape(Linear(features, s_.frames, s_.features, d, "patch", true),
              {1, s_.frames, d});
  int tokens = patches;
  if (!s_.open_batch) {
    const auto axis = file::CreateConcatenation(w_.builder(), 1).Union();
    tokens = w_.Op(Code::kConcatenation,
                   {w_.Random("class_emb", {1, 1, d}, 1), patches}, {1, t, d},
                   {file::Options::Concatenation, axis});
  }
  int x = w_.Op(Code::kAdd, {tokens, w_.Random("pos_emb", {1, t, d}, 1)},
                {1, t, d});
  for (int32_t layer = 0; layer < s_.layers; ++layer) {
    w_.Enter("model/block" + (layer == 0 ? "" : "_" + std::to_string(layer)) +
             "/");
    x = Layer(x);
  }
  w_.Enter("");
  const int first = Pooled(x);
  w_.Output(Linear(first, 1, d, s_.classes, "head", true));
  return w_.Bytes();
}

}  // namespace

FileBytes KeywordTflite(const KeywordSizes& sizes) {
  return KeywordWriter(sizes).Write();
}

}  // namespace triptych
