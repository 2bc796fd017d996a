// The evaluator against the test data of the ONNX project, as Debian ships
// it: every model of operators we list gives its recorded outputs.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "models/mapped_file.h"
#include "models/onnx/evaluate.h"
#include "models/onnx/reader.h"

namespace triptych::onnx {
namespace {

namespace fs = std::filesystem;

// Where Debian's libonnx-testdata puts it.
constexpr const char* kData = "/usr/share/libonnx-testdata/data";

Result<Constant> ConstantIn(const fs::path& path) {
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path.string()));
  return ReadTensor(file.bytes(), path.string());
}

// As a tensor of the declared type: the data has the bits of bfloat16 as
// uint16, for want of a numpy type.
Result<Tensor> As(ElementType declared, Constant constant) {
  if (declared == ElementType::kBf16) constant.type = declared;
  return Widen(constant);
}

// As ONNX's own runner compares: 1e-3 of the value, and 1e-7. Recorded
// bfloat16 was cut off where we round: one step, 2^-7 of the value at most.
bool Near(ElementType type, double got, double expected) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == expected;
  const double part = type == ElementType::kBf16 ? 0x1p-7 : 1e-3;
  return std::abs(got - expected) <= 1e-7 + part * std::abs(expected);
}

Status Compare(const Tensor& got, const Tensor& expected) {
  const auto differ = [&](const std::string& how) {
    return MakeError(ErrorCode::kCorrupt, how);
  };
  if (got.type != expected.type || got.dims != expected.dims) {
    return differ(fmt::format("is {} {}, recorded was {} {}", NameOf(got.type),
                              TextOf(got.dims), NameOf(expected.type),
                              TextOf(expected.dims)));
  }
  if (got.ints != expected.ints) return differ("integers differ");
  if (got.strings != expected.strings) return differ("strings differ");
  for (size_t k = 0; k < got.floats.size(); ++k) {
    if (Near(got.type, got.floats[k], expected.floats[k])) continue;
    return differ(fmt::format("element {}: {}, recorded was {}", k,
                              got.floats[k], expected.floats[k]));
  }
  return {};
}

// The files PREFIX_0.pb, PREFIX_1.pb, ... of a data set.
Result<std::vector<Constant>> ConstantsIn(const fs::path& set,
                                          const std::string& prefix) {
  std::vector<Constant> tensors;
  while (true) {
    const fs::path path = set / fmt::format("{}_{}.pb", prefix, tensors.size());
    if (!fs::exists(path)) return tensors;
    TRIPTYCH_ASSIGN(Constant tensor, ConstantIn(path));
    tensors.push_back(std::move(tensor));
  }
}

// Shapes without values must be the shapes with them, wherever they can be
// told without (a shape that depends on data cannot).
Status CompareShapes(const Model& model, std::map<int, Tensor> inputs,
                     const Values& values) {
  for (auto& [value, tensor] : inputs) {
    tensor = ShapeOnly(tensor.type, tensor.dims);
  }
  const auto shapes = Evaluate(model, inputs);
  if (!shapes) return {};
  for (const int output : model.outputs) {
    const Tensor& shape = (*shapes)[static_cast<size_t>(output)];
    const Tensor& value = values[static_cast<size_t>(output)];
    if (shape.dims == value.dims && shape.type == value.type) continue;
    return MakeError(ErrorCode::kCorrupt,
                     "by shape alone " + TextOf(shape.dims) + ", with values " +
                         TextOf(value.dims));
  }
  return {};
}

Status RunSet(const Model& model, const fs::path& set) {
  for (const InputInfo& input : model.inputs) {
    if (input.type != ElementType::kNone) continue;
    return MakeError(ErrorCode::kUnsupported, "an input is no tensor");
  }
  TRIPTYCH_ASSIGN(const auto given, ConstantsIn(set, "input"));
  TRIPTYCH_ASSIGN(const auto expected, ConstantsIn(set, "output"));
  std::map<int, Tensor> inputs;
  for (size_t i = 0; i < given.size() && i < model.inputs.size(); ++i) {
    const InputInfo& input = model.inputs[i];
    TRIPTYCH_ASSIGN(inputs[input.value], As(input.type, given[i]));
  }
  TRIPTYCH_ASSIGN(const Values values, Evaluate(model, inputs));
  if (expected.size() != model.outputs.size()) {
    return MakeError(ErrorCode::kCorrupt, "other outputs than recorded");
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor& output = values[static_cast<size_t>(model.outputs[i])];
    TRIPTYCH_ASSIGN(const Tensor recorded, As(output.type, expected[i]));
    TRIPTYCH_TRY(Compare(output, recorded));
  }
  return CompareShapes(model, inputs, values);
}

struct Tally {
  int models = 0, passed = 0, other_opset = 0;
  std::map<std::string, int> unlisted;        // by the first op of a model
  std::map<std::string, std::string> failed;  // why
};

// The first operator of a model that is in no table; "" if all are.
std::string UnlistedOp(const Model& model) {
  for (const Node& node : model.nodes) {
    if (FindOp(node, model.opset) == nullptr) return node.op;
  }
  return "";
}

void RunModel(const fs::path& folder, Tally* tally) {
  const std::string name = folder.filename().string();
  ++tally->models;
  const auto file = MappedFile::Open((folder / "model.onnx").string());
  REQUIRE(file);
  const auto model = ReadModel(file->bytes(), name);
  if (!model) {
    const std::string& why = model.error().message;
    if (why.find(": opset ") != why.npos) {
      ++tally->other_opset;
    } else {
      tally->failed[name] = why;
    }
    return;
  }
  if (const std::string op = UnlistedOp(*model); !op.empty()) {
    ++tally->unlisted[op];
    return;
  }
  Status status;
  for (const auto& set : fs::directory_iterator(folder)) {
    if (set.is_directory() && status) status = RunSet(*model, set.path());
  }
  if (status) {
    ++tally->passed;
  } else {
    tally->failed[name] = status.error().message;
  }
}

Tally RunFolder(const std::string& kind) {
  Tally tally;
  std::set<fs::path> folders;
  for (const auto& folder : fs::directory_iterator(fs::path(kData) / kind)) {
    if (folder.is_directory()) folders.insert(folder.path());
  }
  for (const fs::path& folder : folders) RunModel(folder, &tally);
  return tally;
}

// Models that we refuse although their operators are listed, and why; they
// must be refused with these words, or the list is out of date.
const std::map<std::string, std::string> kRefused = {
    {"test_identity_opt", "is no tensor"},
    {"test_identity_sequence", "is no tensor"},
};

void Report(const std::string& kind, const Tally& tally) {
  int unlisted = 0;
  std::string names;
  for (const auto& [op, count] : tally.unlisted) {
    unlisted += count;
    names += fmt::format(" {}:{}", op, count);
  }
  const int listed = tally.passed + static_cast<int>(tally.failed.size());
  MESSAGE(kind << ": " << tally.passed << " passed of " << listed
               << " with listed operators; " << unlisted << " with others, "
               << tally.other_opset << " of opsets before " << kOldestOpset
               << ", of " << tally.models << " models\n  not listed:" << names);
  for (const auto& [name, why] : tally.failed) {
    const auto refused = kRefused.find(name);
    INFO(name << ": " << why);
    CHECK(refused != kRefused.end());
    if (refused == kRefused.end()) continue;
    CHECK(why.find(refused->second) != why.npos);
  }
}

TEST_CASE("every ONNX model of listed operators gives its recorded outputs") {
  if (!fs::exists(kData)) {
    MESSAGE("no " << kData << " (libonnx-testdata): not checked");
    return;
  }
  for (const char* kind :
       {"node", "simple", "pytorch-operator", "pytorch-converted"}) {
    Report(kind, RunFolder(kind));
  }
}

}  // namespace
}  // namespace triptych::onnx
