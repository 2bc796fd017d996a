// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/point.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "models/ops/op.h"
#include "tools/cli/model_source.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {
namespace {

void AppendNumber(double value, std::string& out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, end);
}

// Everything of a graph that costs follow from.
void AppendGraph(const Graph& graph, std::string& out) {
  for (const Value& value : graph.values()) {
    const Dim& rows = value.shape.rows;
    out += fmt::format("value {} {} {} {}{}{} {}\n", value.name,
                       static_cast<int>(value.kind), rows.coefficient,
                       rows.batch ? 'b' : '-', rows.tokens ? 't' : '-',
                       rows.total ? 'c' : '-', value.shape.cols);
  }
  for (const Node& node : graph.nodes()) {
    out += fmt::format("node {} {} {}", node.name, node.op->name, node.output);
    for (const ValueId input : node.inputs) out += fmt::format(" {}", input);
    for (const auto& [name, value] : node.attributes.entries()) {
      out += fmt::format(" {}={}", name, value);
    }
    out += '\n';
  }
  for (const Entry& entry : graph.entries()) {
    out += fmt::format("entry {} {} {} {}\n", PhaseName(entry.phase),
                       entry.first, entry.last, entry.output);
  }
}

// What the machine is and does, not how the study came to name it.
std::string_view CanonicalName(const Study& study, size_t axis) {
  if (axis == Study::machine_axis()) return "target";
  const Axis& a = study.axes[axis];
  return a.key.empty() ? a.name : a.key;
}

std::vector<size_t> OrderByName(const Study& study) {
  std::vector<size_t> order(study.axes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {},
                    [&](size_t a) { return CanonicalName(study, a); });
  return order;
}

void AppendPoint(const Study& study, const Point& point,
                 const std::vector<size_t>& order, std::string& out) {
  for (const size_t a : order) {
    const double value = point.values[a];
    if (std::isnan(value)) continue;
    const Axis& axis = study.axes[a];
    out += CanonicalName(study, a);
    out += '=';
    const auto level = static_cast<size_t>(value);
    if (a == Study::machine_axis()) {
      out += study.machines[level].label;
    } else if (axis.kind == AxisKind::kText) {
      out += axis.texts[level];
    } else {
      AppendNumber(value, out);
    }
    out += '\n';
  }
}

}  // namespace

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string ModelVersion(const Study& study) {
  std::string all =
      fmt::format("triptych {} models {}\n", TRIPTYCH_VERSION, kModelRevision);
  for (const Machine& machine : study.machines) {
    all += fmt::format("machine {}\n{}", machine.label, machine.effective);
  }
  for (size_t m = 0; m < study.models.size(); ++m) {
    all += fmt::format("model {}\n", study.model_names[m]);
    AppendGraph(study.models[m]->graph, all);
  }
  for (const Setting& setting : study.refine.set) {
    all += fmt::format("refine {}={}\n", setting.name, setting.text);
  }
  if (study.refine.kl) {
    all += fmt::format("kl {} {}\n", study.refine.model, study.refine.tokens);
  }
  return Sha256Hex(all);
}

std::string CanonicalText(const Study& study, const Point& point) {
  std::string text;
  AppendPoint(study, point, OrderByName(study), text);
  return text;
}

KeyMaker::KeyMaker(const Study& study)
    : study_(&study),
      order_(OrderByName(study)),
      version_(ModelVersion(study)) {}

Key KeyMaker::operator()(const Point& point, Tier tier) {
  text_ = version_;
  text_ += kTierNames[static_cast<size_t>(tier)];
  text_ += '\n';
  AppendPoint(*study_, point, order_, text_);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text_.data()), text_.size(),
         digest);
  Key key;
  std::copy_n(digest, key.size(), key.begin());
  return key;
}

}  // namespace triptych::sweep
