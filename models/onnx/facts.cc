// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "models/formats/byte_reader.h"

namespace triptych::onnx {
namespace {

// Sizes whose ratios tell batch, tokens and their products apart, and small
// enough for the positions of any model.
struct Size {
  int64_t batch, tokens;
};
constexpr Size kProbes[] = {{2, 5}, {3, 7}};

// Floats that are folded at most: positions and rotations, not weights.
constexpr int64_t kFold = int64_t{1} << 20;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

int64_t Power(int64_t base, int exponent) {
  int64_t power = 1;
  for (; exponent > 0; --exponent) power *= base;
  return power;
}

std::optional<SymbolicDim> Fit(int64_t first, int64_t second) {
  for (int batch = 0; batch <= 1; ++batch) {
    for (int tokens = 0; tokens <= 2; ++tokens) {
      const auto unit = [&](const Size& s) {
        return Power(s.batch, batch) * Power(s.tokens, tokens);
      };
      const int64_t c = first / unit(kProbes[0]);
      if (c * unit(kProbes[0]) == first && c * unit(kProbes[1]) == second) {
        return SymbolicDim{c, batch, tokens};
      }
    }
  }
  return {};
}

// The input at one probe: masks and positions with elements, the others by
// shape alone.
Tensor AtProbe(const InputInfo& input, const Dims& dims, InputRole role) {
  Tensor t = ShapeOnly(input.type, dims);
  if (role != InputRole::kMask && role != InputRole::kPositions) return t;
  t.known = true;
  const auto count = static_cast<size_t>(t.count());
  if (IsFloat(t.type)) {
    t.floats.assign(count, 1);
  } else {
    t.ints.assign(count, 1);
  }
  if (role == InputRole::kPositions && !IsFloat(t.type)) {
    const auto row = static_cast<size_t>(dims.back());
    for (size_t k = 0; k < count; ++k) {
      t.ints[k] = static_cast<int64_t>(k % row);
    }
  }
  return t;
}

}  // namespace

InputRole Facts::RoleOf(const InputInfo& input) const {
  const std::string name =
      Lower(model_->values[static_cast<size_t>(input.value)]);
  if (Has(name, "mask")) return InputRole::kMask;
  if (IsFloat(input.type)) return InputRole::kFeatures;
  if (Has(name, "position")) return InputRole::kPositions;
  if (Has(name, "segment") || Has(name, "token_type")) {
    return InputRole::kSegments;
  }
  return InputRole::kTokens;
}

Status Facts::Probe(size_t probe) {
  const Size& size = kProbes[probe];
  std::map<int, Tensor> given;
  for (const InputInfo& input : model_->inputs) {
    const InputRole role = RoleOf(input);
    const std::string& name = model_->values[static_cast<size_t>(input.value)];
    if (Has(Lower(name), "past")) {
      return Fail(input.value,
                  "caches are ours to keep: export the model "
                  "without them");
    }
    if (input.type == ElementType::kNone ||
        input.type == ElementType::kString || input.dims.empty()) {
      return Fail(input.value, "must be a tensor of ids or numbers");
    }
    Dims dims = input.dims;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] >= 0) continue;
      if (d > 1 && role == InputRole::kFeatures) {
        return Fail(input.value,
                    fmt::format("size {}: must be fixed; batch and tokens "
                                "may be open",
                                d));
      }
      dims[d] = d == 0 && dims.size() > 1 ? size.batch : size.tokens;
    }
    int64_t left = limits_.elements;
    for (const int64_t size : dims) left /= std::max<int64_t>(size, 1);
    if (left == 0) {
      return Fail(input.value, fmt::format("{}: more than {} elements",
                                           TextOf(dims), limits_.elements));
    }
    given[input.value] = AtProbe(input, dims, role);
  }
  TRIPTYCH_ASSIGN(probes_[probe],
                  Evaluate(*model_, given, {.limits = limits_, .fold = kFold}));
  return {};
}

Result<Facts> Facts::Of(const Model& model, const Limits& limits) {
  Facts facts(model, limits);
  facts.producers_.assign(model.values.size(), -1);
  facts.constant_.assign(model.values.size(), true);
  for (const InputInfo& input : model.inputs) {
    const InputRole role = facts.RoleOf(input);
    facts.constant_[static_cast<size_t>(input.value)] =
        role == InputRole::kMask || role == InputRole::kPositions;
  }
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    const Node& node = model.nodes[n];
    const bool shape = node.op == "Shape" || node.op == "Size";
    const bool constant =
        shape ||
        std::all_of(node.inputs.begin(), node.inputs.end(), [&](int value) {
          return value == kAbsent || facts.IsConstant(value);
        });
    for (const int output : node.outputs) {
      if (output == kAbsent) continue;
      facts.producers_[static_cast<size_t>(output)] = static_cast<int>(n);
      facts.constant_[static_cast<size_t>(output)] = constant;
    }
  }
  TRIPTYCH_TRY(facts.Probe(0));
  TRIPTYCH_TRY(facts.Probe(1));
  return facts;
}

const Node* Facts::Producer(int value) const {
  const int node = producers_[static_cast<size_t>(value)];
  return node < 0 ? nullptr : &model_->nodes[static_cast<size_t>(node)];
}

bool Facts::IsConstant(int value) const {
  return constant_[static_cast<size_t>(value)];
}

const Tensor* Facts::Elements(int value, size_t probe) const {
  const Tensor& tensor = At(value, probe);
  return tensor.known ? &tensor : nullptr;
}

Result<std::vector<SymbolicDim>> Facts::Sizes(int value) const {
  const Dims &a = At(value, 0).dims, &b = At(value, 1).dims;
  std::vector<SymbolicDim> sizes;
  for (size_t d = 0; d < a.size() && a.size() == b.size(); ++d) {
    const auto size = Fit(a[d], b[d]);
    if (!size) break;
    sizes.push_back(*size);
  }
  if (sizes.size() == a.size() && a.size() == b.size()) return sizes;
  return Fail(value, fmt::format("shapes {} and {} of {} and {} tokens: must "
                                 "be multiples of batch and tokens",
                                 TextOf(a), TextOf(b), kProbes[0].tokens,
                                 kProbes[1].tokens));
}

int64_t Facts::ProbedTokens(size_t probe) const {
  return kProbes[probe].tokens;
}

std::unexpected<Error> Facts::Fail(const Node& node,
                                   const std::string& what) const {
  return MakeError(
      ErrorCode::kUnsupported,
      fmt::format("{}: {}: {}", model_->file, model_->Label(node), what));
}

std::unexpected<Error> Facts::Fail(int value, const std::string& what) const {
  if (const Node* node = Producer(value)) return Fail(*node, what);
  const std::string name =
      Printable(model_->values[static_cast<size_t>(value)]);
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("{}: input '{}': {}", model_->file, name, what));
}

}  // namespace triptych::onnx
