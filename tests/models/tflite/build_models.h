// TFLite files that tests write by themselves: single operators, and a
// keyword transformer as TensorFlow exports one, front end included.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TFLITE_BUILD_MODELS_H_
#define TRIPTYCH_TESTS_MODELS_TFLITE_BUILD_MODELS_H_

#include <tflite_generated.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/models/tiny_model.h"

namespace triptych {

// Codes of operators, by their names in the format.
struct TfliteCode {
  enum : int {
    kAdd = 0,
    kConcatenation = 2,
    kConv2d = 3,
    kDequantize = 6,
    kFullyConnected = 9,
    kLogistic = 14,
    kMul = 18,
    kRelu = 19,
    kReshape = 22,
    kSoftmax = 25,
    kTanh = 28,
    kCustom = 32,
    kGather = 36,
    kTranspose = 39,
    kMean = 40,
    kSub = 41,
    kDiv = 42,
    kSqueeze = 43,
    kStridedSlice = 45,
    kExp = 47,
    kSplit = 49,
    kCast = 53,
    kMaximum = 55,
    kMinimum = 57,
    kNeg = 59,
    kSlice = 65,
    kSin = 66,
    kExpandDims = 70,
    kLog = 73,
    kSum = 74,
    kSqrt = 75,
    kRsqrt = 76,
    kPow = 78,
    kReduceMax = 82,
    kReduceMin = 89,
    kSquare = 92,
    kSquaredDifference = 99,
    kAbs = 101,
    kCeil = 104,
    kCos = 108,
    kQuantize = 114,
    kHardSwish = 117,
    kBatchMatMul = 126,
    kGelu = 150,
    kFloor = 8,
    kEmbeddingLookup = 7,
  };
};

using TfliteShape = std::vector<int32_t>;

struct TfliteScales {
  std::vector<float> scales;
  std::vector<int64_t> zeros;
  int dimension = 0;
};
struct TfliteOptions {
  tflite::file::Options type = tflite::file::Options::NONE;
  flatbuffers::Offset<void> at = 0;
};

// Writes tensors and operators; every method returns the index of a tensor.
class TfliteWriter {
 public:
  explicit TfliteWriter(uint64_t seed = 1) : rng_(seed, 0) {
    buffers_.push_back(0);  // of what is computed
  }

  using Scales = TfliteScales;
  using Options = TfliteOptions;
  using Type = tflite::file::TensorType;

  // What an operator makes, or the caller gives.
  int Tensor(const std::string& name, const TfliteShape& shape,
             Type type = Type::FLOAT32, const Scales& scales = {},
             const TfliteShape& signature = {});
  template <class T>
  int Constant(const std::string& name, const TfliteShape& shape,
               const std::vector<T>& elements, Type type,
               const Scales& scales = {}) {
    return Stored(name, shape, std::as_bytes(std::span<const T>(elements)),
                  type, scales);
  }
  int Floats(const std::string& name, const TfliteShape& shape,
             const std::vector<float>& elements) {
    return Constant(name, shape, elements, Type::FLOAT32);
  }
  int Float(float number) { return Floats("number", {}, {number}); }
  int Ints(const std::vector<int32_t>& elements) {
    return Constant("ints", {static_cast<int32_t>(elements.size())}, elements,
                    Type::INT32);
  }
  // Normal numbers of standard deviation `spread` around `centre`; weights in
  // int8 with a scale for each row, if `int8`.
  int Random(const std::string& name, const TfliteShape& shape, double spread,
             double centre = 0, bool int8 = false);

  // An operator that makes one float tensor.
  int Op(int code, const std::vector<int>& inputs, const TfliteShape& shape,
         const Options& options = {}, const std::string& name = "");
  // Outputs are tensors that were made before.
  void OpInto(int code, const std::vector<int>& inputs,
              const std::vector<int>& outputs, const Options& options = {},
              const std::string& custom = "");
  void Input(int tensor) { inputs_.push_back(tensor); }
  void Output(int tensor) { outputs_.push_back(tensor); }
  void AddMetadata(const std::string& name, const std::string& text);
  FileBytes Bytes();

  // For options: CreateX(builder(), ...).Union(), before Op.
  flatbuffers::FlatBufferBuilder& builder() { return fbb_; }
  // Names of tensors that follow start so.
  void Enter(const std::string& scope) { scope_ = scope; }

 private:
  int Stored(const std::string& name, const TfliteShape& shape,
             std::span<const std::byte> bytes, Type type, const Scales& scales);
  int NewTensor(const std::string& name, const TfliteShape& shape, Type type,
                const Scales& scales, uint32_t buffer,
                const TfliteShape& signature);
  uint32_t CodeIndex(int code, const std::string& custom);

  flatbuffers::FlatBufferBuilder fbb_;
  Rng rng_;
  std::string scope_;
  std::vector<flatbuffers::Offset<tflite::file::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<tflite::file::Tensor>> tensors_;
  std::vector<flatbuffers::Offset<tflite::file::Operator>> operators_;
  std::vector<flatbuffers::Offset<tflite::file::Metadata>> metadata_;
  std::vector<std::pair<int, std::string>> codes_;
  std::vector<int32_t> inputs_, outputs_;
};

struct KeywordSizes {
  int32_t hop = 8, frames = 7, bins = 6, features = 5;
  int32_t dim = 8, ffn = 12, layers = 2, heads = 1, classes = 4;
  bool int8 = false;  // weights
  // The batch is open; the mean of all frames is classified, no class token.
  bool open_batch = false;
  bool relu = false;  // instead of GELU: in no graph of ours
  bool gelu_operator = false;
  int32_t samples() const { return hop * (frames + 1); }
};
FileBytes KeywordTflite(const KeywordSizes& sizes);

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TFLITE_BUILD_MODELS_H_
