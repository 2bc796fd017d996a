// list: what there is.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "emulators/target.h"
#include "kernels/variants.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

// A table and the same as JSON: every listing is rows of named columns.
class Listing {
 public:
  explicit Listing(std::vector<std::string> columns)
      : columns_(columns), table_(columns) {}
  void Add(const std::vector<std::string>& row) {
    nlohmann::json object;
    for (size_t c = 0; c < columns_.size(); ++c) object[columns_[c]] = row[c];
    rows_.push_back(object);
    table_.Add(row);
  }
  std::string Text() const { return table_.Text(); }
  const nlohmann::json& rows() const { return rows_; }

 private:
  std::vector<std::string> columns_;
  Table table_;
  nlohmann::json rows_ = nlohmann::json::array();
};

Result<std::vector<std::unique_ptr<Target>>> Targets(const ListOptions& o) {
  std::vector<std::unique_ptr<Target>> targets;
  for (const std::string& spec : TargetsOr(o, TargetNames())) {
    TRIPTYCH_ASSIGN(auto target, MakeTarget(spec, OverridesFor(spec, o.set)));
    targets.push_back(std::move(target));
  }
  return targets;
}

Result<Listing> ListTargets(const ListOptions&) {
  Listing list({"target", "default_preset"});
  for (const TargetEntry& entry : AllTargets()) {
    list.Add({std::string(entry.name), std::string(entry.default_preset)});
  }
  return list;
}

Result<Listing> ListPresets(const ListOptions&) {
  Listing list({"target", "preset", "about"});
  for (const Preset& preset : AllPresets()) {
    TRIPTYCH_ASSIGN(const Config config,
                    Config::Parse(preset.text, preset.file));
    list.Add(
        {std::string(preset.target), std::string(preset.name), config.about()});
  }
  return list;
}

std::vector<std::string> ModelRow(std::string name, const Graph& graph,
                                  const ModelConfig& c) {
  return {std::move(name), std::to_string(graph.Parameters()),
          std::to_string(c.layers), std::to_string(c.dim),
          std::to_string(c.context)};
}

Result<Listing> ListModels(const ListOptions&) {
  Listing list({"model", "parameters", "layers", "dim", "context"});
  const std::string shipped = DefaultModelPath();
  if (std::filesystem::exists(shipped)) {
    TRIPTYCH_ASSIGN(const auto model, OpenModel(shipped, "", {}));
    const ModelConfig& c = model->file.config;
    list.Add(ModelRow("(default) " + c.name, model->graph, c));
  }
  for (const std::string& name : PresetNames()) {
    TRIPTYCH_ASSIGN(const ModelConfig c, PresetByName(name));
    TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(c));
    list.Add(ModelRow(name, graph, c));
  }
  return list;
}

Result<Listing> ListParams(const ListOptions& o) {
  TRIPTYCH_ASSIGN(const auto targets, Targets(o));
  Listing list(
      {"key", "target", "value", "allowed", "basis", "meaning", "source"});
  for (const auto& target : targets) {
    for (const ParamInfo& p : target->params().params()) {
      list.Add({p.key, std::string(target->name()), p.value, p.allowed,
                std::string(BasisName(p.provenance.basis)), p.meaning,
                p.provenance.source});
    }
  }
  return list;
}

Result<Listing> ListActions(const ListOptions& o) {
  TRIPTYCH_ASSIGN(const auto targets, Targets(o));
  Listing list(
      {"action", "target", "energy_pj", "flops", "bytes", "basis", "source"});
  for (const auto& target : targets) {
    for (const Action& a : target->actions()) {
      list.Add({a.name, std::string(target->name()),
                fmt::format("{:.4g}", a.energy.value * 1e12),
                std::to_string(a.flops), std::to_string(a.bytes.value),
                std::string(BasisName(a.basis)), a.source});
    }
  }
  return list;
}

Result<Listing> ListKernels(const ListOptions&) {
  Listing list({"kernel", "arithmetic", "sizes"});
  for (const Variant& variant : AllVariants()) {
    list.Add({fmt::format("{}/{}", variant.op, variant.name),
              std::string(InfoOf(variant.arithmetic).name),
              std::string(variant.dims)});
  }
  return list;
}

Result<Listing> ListOps(const ListOptions&) {
  Listing list({"op", "meaning"});
  for (const OpDef& op : AllOps()) {
    list.Add({std::string(op.name), std::string(op.meaning)});
  }
  return list;
}

struct Kind {
  std::string_view name;
  Result<Listing> (*list)(const ListOptions&);
};
constexpr Kind kKinds[] = {
    {"targets", ListTargets}, {"presets", ListPresets},
    {"models", ListModels},   {"params", ListParams},
    {"actions", ListActions}, {"kernels", ListKernels},
    {"ops", ListOps},
};

}  // namespace

Result<int> ListCommand(const ListOptions& options) {
  for (const Kind& kind : kKinds) {
    if (kind.name != options.what) continue;
    TRIPTYCH_ASSIGN(const Listing listing, kind.list(options));
    Print(options.json, listing.Text());
    TRIPTYCH_TRY(WriteJson(options.json, "list", listing.rows()));
    return kOk;
  }
  return MakeError(ErrorCode::kInvalid,
                   "list: nothing is called " + options.what);
}

}  // namespace triptych::cli
