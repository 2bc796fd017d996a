// SPDX-License-Identifier: Apache-2.0
#include "emulators/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

constexpr double kPico = 1e-12;

// A target need not have host parameters: `cpu` is the host.
Provenance ProvenanceOf(const ParamSet& params, std::string_view key) {
  if (const Provenance* found = params.Find(key)) return *found;
  return {Basis::kAssumed, "default"};
}

// What `triptych op` and `validate` name as m, n and k.
Result<int64_t> Dimension(const OpSpec& spec, std::string_view key) {
  const auto found = spec.find(key);
  int64_t value = 0;
  if (found != spec.end()) {
    const std::string& text = found->second;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec == std::errc() && parsed.ptr == end && value >= 1 &&
        value <= int64_t{1} << 31) {
      return value;
    }
  }
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format(
          "{}: {}; allowed a whole number 1..{}", key,
          found == spec.end() ? "missing" : found->second + " is not allowed",
          int64_t{1} << 31));
}

Result<Graph> MatmulGraph(const OpSpec& spec, Binding& binding) {
  TRIPTYCH_ASSIGN(binding.tokens, Dimension(spec, "m"));
  TRIPTYCH_ASSIGN(const int64_t n, Dimension(spec, "n"));
  TRIPTYCH_ASSIGN(const int64_t k, Dimension(spec, "k"));
  GraphBuilder builder("matmul");
  const ValueId a = builder.Input("a", {kTokenRows, k});
  const ValueId w = builder.Weight("w", n, k);
  const ValueId c = builder.Add("matmul", "matmul", {a, w});
  builder.AddEntry(Phase::kEncode, 0, c);
  return builder.Finish();
}

struct Sums {
  Picos time;
  double joules = 0;
};

// Of everything but the link.
Sums SumsOf(const Ledger& ledger, std::span<const Action> actions) {
  Sums sums{ledger.makespan()};
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    if (unit == kLink) {
      sums.time -= row.busy;
    } else {
      sums.joules += actions[static_cast<size_t>(action)].energy.value *
                     static_cast<double>(row.count);
    }
  }
  return sums;
}

const TargetEntry* FindTarget(std::string_view name) {
  const auto all = AllTargets();
  const auto found = std::ranges::find(all, name, &TargetEntry::name);
  return found == all.end() ? nullptr : &*found;
}

std::unexpected<Error> UnknownTarget(std::string_view where,
                                     std::string_view name) {
  std::vector<std::string_view> known;
  for (const TargetEntry& entry : AllTargets()) known.push_back(entry.name);
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("{}: no target \"{}\"; allowed {}", where, name,
                               fmt::join(known, ", ")));
}

Result<const Preset*> FindPreset(std::string_view target,
                                 std::string_view name) {
  std::vector<std::string_view> known;
  for (const Preset& preset : AllPresets()) {
    if (preset.target != target) continue;
    if (preset.name == name) return &preset;
    known.push_back(preset.name);
  }
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("{}: no preset \"{}\"; allowed {}", target, name,
                               fmt::join(known, ", ")));
}

Result<TargetSource> ReadFile(const std::string& path) {
  TRIPTYCH_ASSIGN(Config config, Config::Load(path));
  const TargetEntry* entry = FindTarget(config.target());
  if (entry == nullptr) {
    return UnknownTarget(path + ": target", config.target());
  }
  return TargetSource{entry, std::filesystem::path(path).stem().string(),
                      std::move(config)};
}

Result<TargetSource> ReadPreset(std::string_view spec) {
  const size_t colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  const TargetEntry* entry = FindTarget(name);
  if (entry == nullptr) return UnknownTarget("target", name);
  const std::string_view preset_name = colon == std::string_view::npos
                                           ? entry->default_preset
                                           : spec.substr(colon + 1);
  TRIPTYCH_ASSIGN(const Preset* preset, FindPreset(name, preset_name));
  TRIPTYCH_ASSIGN(Config config, Config::Parse(preset->text, preset->file));
  if (config.target() != name) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: target: \"{}\" is not allowed; allowed "
                                 "{}",
                                 preset->file, config.target(), name));
  }
  return TargetSource{entry, std::string(preset->name), std::move(config)};
}

}  // namespace

Target::Target(std::string_view name, std::string_view preset, ParamSet params,
               const HostParams& host)
    : name_(name), preset_(preset), params_(std::move(params)), host_(host) {
  for (const char* unit :
       {"schedule", "host.cores", "host.dram", "host.link"}) {
    AddUnit(unit);
  }
  AddAction({"schedule.step", ActionClass::kOther, Joules(0), 0, Bytes(0),
             Basis::kDerived, "marks a node's time; costs nothing"});
  AddAction("host.matrix_flop", ActionClass::kMatrix, "host.energy_flop_pj",
            host.energy_flop_pj, 1, 0);
  AddAction("host.vector_flop", ActionClass::kVector, "host.energy_flop_pj",
            host.energy_flop_pj, 1, 0);
  AddAction("host.dram_byte", ActionClass::kOffChip, "host.energy_dram_byte_pj",
            host.energy_dram_byte_pj, 0, 1);
  AddAction("host.link_byte", ActionClass::kOffChip, "host.energy_link_byte_pj",
            host.energy_link_byte_pj, 0, 1);
  TRIPTYCH_CHECK(units_.size() == kHostUnits &&
                 actions_.size() == kHostActions);
}

UnitId Target::AddUnit(std::string name) {
  units_.push_back({std::move(name)});
  return static_cast<UnitId>(units_.size() - 1);
}

ActionId Target::AddAction(Action action) {
  actions_.push_back(std::move(action));
  return static_cast<ActionId>(actions_.size() - 1);
}

ActionId Target::AddAction(std::string name, ActionClass kind,
                           std::string_view energy_key, double energy_pj,
                           uint64_t flops, uint64_t bytes) {
  Provenance provenance = ProvenanceOf(params_, energy_key);
  return AddAction({std::move(name), kind, Joules(energy_pj * kPico), flops,
                    Bytes(bytes), provenance.basis,
                    std::move(provenance.source)});
}

Result<Prediction> Target::Predict(std::string_view kind,
                                   const OpSpec& spec) const {
  if (kind != "matmul") {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: no prediction for \"{}\"; allowed "
                                 "matmul",
                                 name_, kind));
  }
  Binding binding;
  TRIPTYCH_ASSIGN(const Graph graph, MatmulGraph(spec, binding));
  TRIPTYCH_ASSIGN(const auto program, Compile(graph, nullptr));
  Ledger ledger(Ledger::Mode::kFold);
  TRIPTYCH_TRY(program->Run({.phase = Phase::kEncode, .binding = binding},
                            nullptr, ledger));
  const Sums sums = SumsOf(ledger, actions_);
  const double seconds = Seconds(sums.time);
  const double flops =
      static_cast<double>(WorkOf(graph, graph.node(0), binding).matrix_flops);
  return Prediction{
      {"seconds", seconds},
      {"cycles", seconds * clock().value},
      {"energy_j", sums.joules},
      {"utilisation", flops / (seconds * roofline().matrix.value)}};
}

Result<TargetSource> ReadTarget(std::string_view spec,
                                std::span<const std::string> overrides) {
  const bool is_path = spec.ends_with(".toml") || spec.contains('/');
  TRIPTYCH_ASSIGN(TargetSource source,
                  is_path ? ReadFile(std::string(spec)) : ReadPreset(spec));
  for (const std::string& assignment : overrides) {
    TRIPTYCH_TRY(source.config.Set(assignment));
  }
  return source;
}

Result<std::unique_ptr<Target>> MakeTarget(
    std::string_view spec, std::span<const std::string> overrides) {
  TRIPTYCH_ASSIGN(const TargetSource source, ReadTarget(spec, overrides));
  return source.entry->make(source.preset, source.config);
}

}  // namespace triptych
