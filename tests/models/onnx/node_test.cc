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

// The value in a file, of the declared kind and type: the data has the bits
// of bfloat16 as uint16, for want of a numpy type.
Result<Tensor> ValueIn(const fs::path& path, ValueKind kind,
                       ElementType declared) {
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path.string()));
  if (kind != ValueKind::kTensor) {
    return ReadHolder(file.bytes(), kind, path.string());
  }
  TRIPTYCH_ASSIGN(Constant constant, ReadTensor(file.bytes(), path.string()));
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
  if (got.kind != expected.kind || got.items.size() != expected.items.size()) {
    return differ(fmt::format("is {} of {}, recorded was {} of {}",
                              NameOf(got.kind), got.items.size(),
                              NameOf(expected.kind), expected.items.size()));
  }
  for (size_t i = 0; i < got.items.size(); ++i) {
    TRIPTYCH_TRY(Compare(got.items[i], expected.items[i]));
  }
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
std::vector<fs::path> FilesIn(const fs::path& set, const std::string& prefix) {
  std::vector<fs::path> files;
  while (true) {
    const fs::path path = set / fmt::format("{}_{}.pb", prefix, files.size());
    if (!fs::exists(path)) return files;
    files.push_back(path);
  }
}

// What it is without its elements.
Tensor ShapeOf(const Tensor& value) {
  if (value.kind == ValueKind::kTensor) {
    return ShapeOnly(value.type, value.dims);
  }
  std::vector<Tensor> items;
  for (const Tensor& item : value.items) items.push_back(ShapeOf(item));
  return Holding(value.kind, std::move(items));
}

bool SameShape(const Tensor& a, const Tensor& b) {
  return a.kind == b.kind && a.type == b.type && a.dims == b.dims &&
         std::ranges::equal(a.items, b.items, SameShape);
}

// Shapes without values must be the shapes with them, wherever they can be
// told without (a shape that depends on data cannot).
Status CompareShapes(const Model& model, std::map<int, Tensor> inputs,
                     const Values& values) {
  for (auto& [value, tensor] : inputs) tensor = ShapeOf(tensor);
  const auto shapes = Evaluate(model, inputs);
  if (!shapes) return {};
  for (const int output : model.outputs) {
    const Tensor& shape = (*shapes)[static_cast<size_t>(output)];
    const Tensor& value = values[static_cast<size_t>(output)];
    if (SameShape(shape, value)) continue;
    return MakeError(ErrorCode::kCorrupt,
                     "by shape alone " + TextOf(shape.dims) + ", with values " +
                         TextOf(value.dims));
  }
  return {};
}

Status RunSet(const Model& model, const fs::path& set) {
  const auto given = FilesIn(set, "input");
  const auto expected = FilesIn(set, "output");
  std::map<int, Tensor> inputs;
  for (size_t i = 0; i < given.size() && i < model.inputs.size(); ++i) {
    const InputInfo& input = model.inputs[i];
    TRIPTYCH_ASSIGN(inputs[input.value],
                    ValueIn(given[i], input.kind, input.type));
  }
  TRIPTYCH_ASSIGN(const Values values, Evaluate(model, inputs));
  if (expected.size() != model.outputs.size()) {
    return MakeError(ErrorCode::kCorrupt, "other outputs than recorded");
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor& output = values[static_cast<size_t>(model.outputs[i])];
    TRIPTYCH_ASSIGN(const Tensor recorded,
                    ValueIn(expected[i], output.kind, output.type));
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
    FAIL_CHECK(name << ": " << why);
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
