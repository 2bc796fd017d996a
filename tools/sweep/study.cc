// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "kernels/base/text.h"
#include "tools/cli/model_source.h"
#include "tools/sweep/axes.h"
#include "tools/sweep/document.h"
#include "tools/sweep/units.h"

namespace triptych::sweep {
namespace {

constexpr double kMaxBatch = 1 << 20, kMaxContext = 1 << 24;  // as `profile`
constexpr int64_t kMaxPoints = (int64_t{1} << 32) - 1;
constexpr Phase kPhases[] = {Phase::kPrefill, Phase::kDecode, Phase::kEncode};

const DocumentValue::Table kNoTable;

// Of a leaf; a list or a table is no value of a parameter and stays text,
// which the parameter refuses.
Config::Scalar ScalarOf(const DocumentValue& value) {
  if (const bool* flag = value.flag()) return *flag;
  if (value.is_number()) return value.number();
  return value.text() ? *value.text() : value.Describe();
}

// Reads the parts of one document into one study, in the order in which they
// need each other.
class StudyReader {
 public:
  explicit StudyReader(const Document& document) : document_(document) {}

  Result<Study> Run(std::string_view text) {
    study_.file = document_.file;
    study_.text = text;
    TRIPTYCH_TRY(CheckTables());
    TRIPTYCH_TRY(ReadScalars());
    axis_leaves_ = Flatten(Table("axes"));
    TRIPTYCH_TRY(ReadMachines());
    TRIPTYCH_TRY(ReadParameterAxes());
    TRIPTYCH_TRY(ReadWork());
    TRIPTYCH_TRY(ReadDesign());
    TRIPTYCH_TRY(ReadRefine());  // may add a measure that formulas name
    TRIPTYCH_ASSIGN(study_.formulas, Formulas::Read(document_, study_));
    TRIPTYCH_TRY(ReadObjectives());
    TRIPTYCH_ASSIGN(study_.model_version, ModelVersion(study_));
    return std::move(study_);
  }

 private:
  // ---- Values ----

  const DocumentValue::Table& Table(std::string_view key) const {
    const DocumentValue* value = Find(document_.entries, key);
    return value ? *value->table() : kNoTable;
  }
  std::unexpected<Error> Fail(const DocumentValue& value, std::string_view key,
                              std::string_view what) const {
    return document_.Fail(value.line, key, what);
  }
  Result<std::string> Text(const DocumentValue& value,
                           std::string_view key) const {
    if (const std::string* text = value.text()) return *text;
    return Fail(value, key,
                fmt::format("text is needed, not {}", value.Describe()));
  }
  // A text, or a list of some.
  Result<std::vector<std::string>> Texts(const DocumentValue& value,
                                         std::string_view key) const {
    const DocumentValue::List alone{value};
    std::vector<std::string> texts;
    for (const DocumentValue& item : value.list() ? *value.list() : alone) {
      TRIPTYCH_ASSIGN(std::string text, Text(item, key));
      texts.push_back(std::move(text));
    }
    if (texts.empty()) {
      return Fail(value, key, "an empty list; allowed one or more");
    }
    return texts;
  }
  Result<double> Positive(const DocumentValue& value,
                          std::string_view key) const {
    double number = -1;
    if (const std::string* text = value.text()) {
      const auto parsed = ParseQuantity(*text, key);
      if (!parsed) return Fail(value, key, parsed.error().message);
      number = *parsed;
    } else if (value.is_number()) {
      number = value.number();
    }
    if (number > 0) return number;
    return Fail(value, key,
                fmt::format("{} is not allowed; allowed a number above 0",
                            value.Describe()));
  }
  Result<int64_t> Count(const DocumentValue& value, std::string_view key,
                        int64_t least, int64_t most) const {
    const auto* count = std::get_if<int64_t>(&value.value);
    if (count && *count >= least && *count <= most) return *count;
    return Fail(value, key,
                fmt::format("{} is not allowed; allowed a whole number {}..{}",
                            value.Describe(), least, most));
  }

  Status CheckTables() const {
    static constexpr std::string_view kKeys[] = {
        "name",   "about",     "model",   "targets",     "phase",
        "batch",  "context",   "set",     "timeout_s",   "memory_gb",
        "axes",   "design",    "derived", "constraints", "constants",
        "refine", "objectives"};
    TRIPTYCH_TRY(CheckKeys(document_, document_.entries, "", kKeys));
    for (const std::string_view key :
         {"set", "axes", "design", "constants", "derived", "constraints",
          "objectives", "refine"}) {
      const DocumentValue* value = Find(document_.entries, key);
      if (value == nullptr || value->table() != nullptr) continue;
      return Fail(*value, key,
                  fmt::format("a table is needed, not {}", value->Describe()));
    }
    return {};
  }

  Status ReadScalars() {
    const auto& all = document_.entries;
    const DocumentValue* name = Find(all, "name");
    if (name == nullptr) {
      return document_.Fail(1, "name", "missing; a study has a name");
    }
    TRIPTYCH_ASSIGN(study_.name, Text(*name, "name"));
    if (const DocumentValue* about = Find(all, "about")) {
      TRIPTYCH_ASSIGN(study_.about, Text(*about, "about"));
    }
    if (const DocumentValue* timeout = Find(all, "timeout_s")) {
      TRIPTYCH_ASSIGN(study_.timeout_s, Positive(*timeout, "timeout_s"));
    }
    if (const DocumentValue* memory = Find(all, "memory_gb")) {
      TRIPTYCH_ASSIGN(study_.memory_gb, Positive(*memory, "memory_gb"));
    }
    return {};
  }

  // ---- Machines ----

  // A key that may stand at the top or among the axes; `found` stays null if
  // it is in neither.
  Status FindWork(std::string_view key, const DocumentValue*& found) const {
    found = Find(document_.entries, key);
    const DocumentValue* axis = Find(axis_leaves_, key);
    if (found != nullptr && axis != nullptr) {
      return Fail(
          *axis, fmt::format("axes.{}", key),
          fmt::format("given in line {} already; allowed once", found->line));
    }
    if (axis != nullptr) found = axis;
    return {};
  }

  Status ReadMachines() {
    const DocumentValue* targets = Find(document_.entries, "targets");
    if (targets == nullptr) {
      return document_.Fail(1, "targets", "missing; a study has one or more");
    }
    TRIPTYCH_ASSIGN(std::vector<std::string> specs, Texts(*targets, "targets"));
    Axis axis{.name = "target", .kind = AxisKind::kText};
    const DocumentValue* where = targets;
    if (const DocumentValue* preset = Find(axis_leaves_, "preset")) {
      TRIPTYCH_ASSIGN(const std::vector<std::string> names,
                      Texts(*preset, "axes.preset"));
      if (specs.size() != 1 ||
          specs[0].find_first_of(":/.") != std::string::npos) {
        return Fail(*preset, "axes.preset",
                    "presets are of one target; allowed with a single target "
                    "that names none");
      }
      where = preset;
      axis.name = "preset";
      axis.texts = names;
      for (const std::string& name : names) {
        specs.push_back(specs[0] + ":" + name);
      }
      specs.erase(specs.begin());
    } else {
      axis.texts = specs;
    }
    for (size_t i = 0; i < specs.size(); ++i) {
      if (std::count(specs.begin(), specs.end(), specs[i]) > 1) {
        return Fail(*where, axis.name,
                    fmt::format("{} is there twice; allowed once", specs[i]));
      }
      TRIPTYCH_TRY(AddMachine(*where, specs[i]));
      axis.levels.push_back(static_cast<double>(i));
    }
    axis.applies.assign(specs.size(), true);
    study_.axes.push_back(std::move(axis));
    for (const DocumentEntry& entry : Flatten(Table("set"))) {
      TRIPTYCH_TRY(CheckTaken("set", entry));
    }
    return {};
  }

  Status AddMachine(const DocumentValue& where, const std::string& spec) {
    TRIPTYCH_ASSIGN(Machine machine, OpenMachine(where, spec, {}));
    std::vector<std::string> overrides;
    for (const DocumentEntry& entry : Flatten(Table("set"))) {
      const ScopedKey scoped = SplitKey(entry.key);
      if (!scoped.For(machine)) continue;
      overrides.push_back(
          fmt::format("{}={}", scoped.key, entry.value.Describe()));
      // One by one, so that an error is that line's.
      TRIPTYCH_ASSIGN(machine, OpenMachine(entry.value, spec, overrides));
    }
    study_.machines.push_back(std::move(machine));
    return {};
  }

  Result<Machine> OpenMachine(const DocumentValue& where,
                              const std::string& spec,
                              std::span<const std::string> overrides) const {
    auto family = TargetFamily::Open(spec, overrides);
    if (!family) {
      return Fail(where, overrides.empty() ? "targets" : "set",
                  family.error().message);
    }
    const auto made = family->Make({});
    if (!made) {
      return Fail(where, overrides.empty() ? "targets" : "set",
                  made.error().message);
    }
    const Target* target = made->get();
    if (target->measured()) {
      return Fail(where, "targets",
                  fmt::format("{} is measured on this computer, and the points "
                              "of a study must repeat; allowed the others of "
                              "`list targets`",
                              spec));
    }
    std::vector<ParamInfo> params = target->params().params();
    return Machine{spec, fmt::format("{}:{}", target->name(), target->preset()),
                   std::move(*family), std::move(params),
                   target->params().Effective()};
  }

  // Some machine has the parameter that `entry` sets.
  Status CheckTaken(std::string_view table, const DocumentEntry& entry) const {
    const ScopedKey scoped = SplitKey(entry.key);
    for (const Machine& machine : study_.machines) {
      if (scoped.For(machine)) return {};
    }
    return Fail(entry.value, fmt::format("{}.{}", table, entry.key),
                NearestParameter(study_.machines, entry.key));
  }

  // ---- Axes ----

  Status ReadParameterAxes() {
    static constexpr std::string_view kWork[] = {"preset", "model", "phase",
                                                 "batch", "context"};
    const AxisReader reader(document_, study_.machines);
    for (const DocumentEntry& entry : axis_leaves_) {
      if (std::ranges::find(kWork, entry.key) != std::end(kWork)) continue;
      TRIPTYCH_ASSIGN(Axis axis, reader.Parameter(entry.key, entry.value));
      for (const Axis& other : study_.axes) {
        for (size_t m = 0; m < study_.machines.size(); ++m) {
          if (other.key != axis.key || !other.applies[m] || !axis.applies[m]) {
            continue;
          }
          return Fail(entry.value, axis.name,
                      fmt::format("{} sets it for {} already; allowed once",
                                  other.name, study_.machines[m].name));
        }
      }
      study_.axes.push_back(std::move(axis));
    }
    return {};
  }

  Status ReadWork() {
    const AxisReader reader(document_, study_.machines);
    const DocumentValue defaults[] = {{cli::DefaultModelPath()},
                                      {std::string("decode")},
                                      {int64_t{1}},
                                      {int64_t{512}}};  // as `profile`
    const std::string_view keys[] = {"model", "phase", "batch", "context"};
    for (size_t i = 0; i < std::size(keys); ++i) {
      const DocumentValue* value = nullptr;
      TRIPTYCH_TRY(FindWork(keys[i], value));
      if (value == nullptr) value = &defaults[i];
      TRIPTYCH_ASSIGN(Axis axis,
                      i < 2    ? reader.Texts(keys[i], *value)
                      : i == 2 ? reader.Count(keys[i], *value, 1, kMaxBatch)
                               : reader.Count(keys[i], *value, 0, kMaxContext));
      study_.axes.push_back(std::move(axis));
      if (i == 0) TRIPTYCH_TRY(OpenModels(*value));
      if (i == 1) TRIPTYCH_TRY(ReadPhases(*value));
    }
    return {};
  }

  Status OpenModels(const DocumentValue& where) {
    study_.model_names = study_.axes.back().texts;
    for (const std::string& name : study_.model_names) {
      auto model = cli::OpenModel(name, "", {});
      if (!model) return Fail(where, "model", model.error().message);
      study_.model_ids.push_back(ModelId((*model)->graph));
      study_.models.push_back(std::move(*model));
    }
    return {};
  }

  Status ReadPhases(const DocumentValue& where) {
    for (const std::string& name : study_.axes.back().texts) {
      const auto phase = std::ranges::find(kPhases, name, PhaseName);
      if (phase == std::end(kPhases)) {
        return Fail(where, "phase",
                    fmt::format("\"{}\" is not allowed; allowed prefill, "
                                "decode, encode",
                                name));
      }
      for (const auto& model : study_.models) {
        if (model->graph.FindEntry(*phase)) continue;
        std::vector<std::string_view> has;
        for (const Entry& entry : model->graph.entries()) {
          has.push_back(PhaseName(entry.phase));
        }
        return Fail(where, "phase",
                    fmt::format("{} has no {}; allowed {}", model->graph.name(),
                                name, fmt::join(has, ", ")));
      }
      study_.phases.push_back(*phase);
    }
    return {};
  }

  // ---- Design ----

  Status ReadDesign() {
    const auto& table = Table("design");
    static constexpr std::string_view kKeys[] = {"kind", "points", "seed"};
    TRIPTYCH_TRY(CheckKeys(document_, table, "design.", kKeys));
    if (const DocumentValue* kind = Find(table, "kind")) {
      TRIPTYCH_ASSIGN(const std::string name, Text(*kind, "design.kind"));
      const auto found = std::ranges::find(kDesignNames, name);
      if (found == std::end(kDesignNames)) {
        return Fail(*kind, "design.kind",
                    fmt::format("\"{}\" is not allowed; allowed {}", name,
                                fmt::join(kDesignNames, ", ")));
      }
      study_.design = static_cast<DesignKind>(found - kDesignNames);
    }
    if (const DocumentValue* seed = Find(table, "seed")) {
      TRIPTYCH_ASSIGN(const int64_t number,
                      Count(*seed, "design.seed", 0, INT64_MAX));
      study_.seed = static_cast<uint64_t>(number);
    }
    const DocumentValue* points = Find(table, "points");
    if (study_.design == DesignKind::kGrid) {
      if (points) {
        return Fail(*points, "design.points",
                    "a grid has the points that its axes make; allowed with "
                    "random, lhs, sobol, saltelli");
      }
      return CheckGrid();
    }
    if (points == nullptr) {
      const DocumentValue* design = Find(document_.entries, "design");
      return Fail(*design, "design.points",
                  "missing; a design that is no grid says how many");
    }
    TRIPTYCH_ASSIGN(const int64_t number,
                    Count(*points, "design.points", 1, kMaxPoints));
    study_.points = static_cast<uint64_t>(number);
    const auto dimensions =
        static_cast<size_t>(std::ranges::count_if(study_.axes, &Axis::varies));
    const bool sobol = study_.design == DesignKind::kSobol;
    const bool saltelli = study_.design == DesignKind::kSaltelli;
    const size_t most = kSobolDimensions / (saltelli ? 2 : 1);
    if ((sobol || saltelli) && dimensions > most) {
      return Fail(*points, "design.kind",
                  fmt::format("{} axes; {} of a Sobol' sequence goes up to {}",
                              dimensions, saltelli ? "half" : "all", most));
    }
    if (saltelli && study_.points * (dimensions + 2) > kMaxPoints) {
      return Fail(*points, "design.points",
                  fmt::format("{} is not allowed; each is {} points, and there "
                              "may be {}",
                              study_.points, dimensions + 2, kMaxPoints));
    }
    return {};
  }

  Status CheckGrid() const {
    for (const Axis& axis : study_.axes) {
      if (!axis.continuous()) continue;
      const DocumentValue* value = Find(axis_leaves_, axis.name);
      if (value == nullptr) value = Find(document_.entries, axis.name);
      return Fail(*value, axis.name,
                  "a range without steps in a grid; allowed with steps, or a "
                  "list, or [design] kind = \"random\", \"lhs\", \"sobol\", "
                  "\"saltelli\"");
    }
    return {};
  }

  // ---- What is sought ----

  Status ReadRefine() {
    const auto& table = Table("refine");
    static constexpr std::string_view kKeys[] = {"band", "set", "measures",
                                                 "model", "tokens"};
    TRIPTYCH_TRY(CheckKeys(document_, table, "refine.", kKeys));
    if (const DocumentValue* band = Find(table, "band")) {
      if (!band->is_number() || !(band->number() >= 0)) {
        return Fail(*band, "refine.band",
                    fmt::format("{} is not allowed; allowed a number from 0",
                                band->Describe()));
      }
      study_.refine.band = band->number();
    }
    if (const DocumentValue* tokens = Find(table, "tokens")) {
      TRIPTYCH_ASSIGN(study_.refine.tokens,
                      Count(*tokens, "refine.tokens", 1, 1 << 20));
    }
    if (const DocumentValue* model = Find(table, "model")) {
      TRIPTYCH_ASSIGN(study_.refine.model, Text(*model, "refine.model"));
    }
    if (const DocumentValue* measures = Find(table, "measures")) {
      TRIPTYCH_ASSIGN(const auto names, Texts(*measures, "refine.measures"));
      for (const std::string& name : names) {
        if (name != "kl") {
          return Fail(*measures, "refine.measures",
                      fmt::format("\"{}\" is not allowed; allowed kl", name));
        }
      }
      study_.refine.kl = true;
      TRIPTYCH_TRY(CheckAccuracyModel(*measures));
    }
    return ReadRefineSet(table);
  }

  Status CheckAccuracyModel(const DocumentValue& where) const {
    const auto model = cli::OpenModel(study_.refine.model, "", {});
    if (!model) return Fail(where, "refine.model", model.error().message);
    if (const Status status = cli::CheckWeights(**model); !status) {
      return Fail(where, "refine.model", status.error().message);
    }
    return {};
  }

  Status ReadRefineSet(const DocumentValue::Table& refine) {
    const DocumentValue* set = Find(refine, "set");
    if (set == nullptr) return {};
    if (set->table() == nullptr) {
      return Fail(*set, "refine.set",
                  fmt::format("a table is needed, not {}", set->Describe()));
    }
    for (const DocumentEntry& entry : Flatten(*set->table())) {
      TRIPTYCH_TRY(CheckTaken("refine.set", entry));
      study_.refine.set.push_back(
          {entry.key, ScalarOf(entry.value), entry.value.Describe()});
      for (Machine& machine : study_.machines) {
        TRIPTYCH_TRY(SetDetailed(machine, entry));
      }
    }
    return {};
  }

  // With the settings so far: an error is that of the last one, `entry`.
  Status SetDetailed(Machine& machine, const DocumentEntry& entry) const {
    std::vector<TargetFamily::Change> changes;
    for (const Setting& setting : study_.refine.set) {
      const ScopedKey scoped = SplitKey(setting.name);
      if (scoped.For(machine)) changes.push_back({scoped.key, setting.value});
    }
    const auto target = machine.family.Make(changes);
    if (!target) {
      return Fail(entry.value, "refine.set", target.error().message);
    }
    machine.detailed = (*target)->params().Effective();
    return {};
  }

  Status ReadObjectives() {
    const auto& table = Table("objectives");
    static constexpr std::string_view kKeys[] = {"maximise", "minimise"};
    TRIPTYCH_TRY(CheckKeys(document_, table, "objectives.", kKeys));
    std::vector<std::string> numbers;
    for (const Axis& axis : study_.axes) {
      if (axis.varies() && axis.kind != AxisKind::kText) {
        numbers.push_back(axis.name);
      }
    }
    for (size_t i = 0; i < study_.measures(); ++i) {
      numbers.emplace_back(kMeasures[i].name);
    }
    for (const Formula& formula : study_.formulas.derived()) {
      numbers.push_back(formula.name);
    }
    for (const DocumentEntry& entry : table) {
      const std::string key = "objectives." + entry.key;
      TRIPTYCH_ASSIGN(const auto names, Texts(entry.value, key));
      for (const std::string& name : names) {
        if (std::ranges::find(numbers, name) == numbers.end()) {
          return Fail(entry.value, key,
                      fmt::format("{}: no such column of numbers; the nearest "
                                  "is {}",
                                  name, Nearest(name, numbers)));
        }
        study_.objectives.push_back({name, entry.key == "maximise"});
      }
    }
    return {};
  }

  const Document& document_;
  DocumentValue::Table axis_leaves_;
  Study study_;
};

}  // namespace

Result<Study> ParseStudy(std::string_view text, std::string_view file) {
  TRIPTYCH_ASSIGN(const Document document, ParseDocument(text, file));
  return StudyReader(document).Run(text);
}

Result<Study> LoadStudy(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound, path + ": cannot be opened");
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return ParseStudy(text, path);
}

}  // namespace triptych::sweep
