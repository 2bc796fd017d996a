// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/formulas.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "tools/sweep/study.h"

namespace triptych::sweep {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kOtherText = -1;  // one that no formula names

bool IsText(const ParamInfo& param) { return param.value.starts_with('"'); }

// A parameter's value as `list params` prints it.
double NumberOf(const ParamInfo& param) {
  if (param.value == "true") return 1;
  double number = 0;  // false, too
  const char* begin = param.value.data();
  std::from_chars(begin, begin + param.value.size(), number);
  return number;
}

const DocumentValue::Table& TableOf(const Document& document,
                                    std::string_view key) {
  static const DocumentValue::Table kNone;
  const DocumentValue* value = Find(document.entries, key);
  return value && value->table() ? *value->table() : kNone;
}

bool IsName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(
             name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

// Reads the tables of formulas and gives out their slots.
class FormulaScope final : public Scope {
 public:
  FormulaScope(const Document& document, const Study& study)
      : document_(document), study_(study) {}

  Result<Formulas> Run() {
    const auto& constants = TableOf(document_, "constants");
    const auto& derived = TableOf(document_, "derived");
    f_.measure_slot_ = study_.axes.size();
    f_.bound_slot_ = f_.measure_slot_ + study_.measures();
    f_.derived_slot_ = f_.bound_slot_ + 1;
    f_.constant_slot_ = f_.derived_slot_ + derived.size();
    f_.size_ = f_.constant_slot_ + constants.size();
    for (const Axis& axis : study_.axes) {
      std::vector<double>& levels = f_.level_texts_.emplace_back();
      for (const std::string& text : axis.texts) levels.push_back(Intern(text));
    }
    for (const DocumentEntry& entry : constants) TRIPTYCH_TRY(Constant(entry));
    for (const DocumentEntry& entry : derived) {
      TRIPTYCH_TRY(CheckNew("derived.", entry));
      TRIPTYCH_ASSIGN(Formula formula, Read("derived.", entry));
      f_.derived_.push_back(std::move(formula));
    }
    for (const DocumentEntry& entry : TableOf(document_, "constraints")) {
      TRIPTYCH_ASSIGN(Formula formula, Read("constraints.", entry));
      f_.constraints_.push_back(std::move(formula));
    }
    return std::move(f_);
  }

  std::optional<Symbol> Find(std::string_view name) override {
    if (const auto axis = std::ranges::find(study_.axes, name, &Axis::name);
        axis != study_.axes.end()) {
      return Symbol{static_cast<size_t>(axis - study_.axes.begin()),
                    axis->kind == AxisKind::kText};
    }
    for (size_t i = 0; i < study_.measures(); ++i) {
      if (kMeasures[i].name == name) return Symbol{f_.measure_slot_ + i};
    }
    if (name == kBoundMeasure) return Symbol{f_.bound_slot_, true};
    for (size_t i = 0; i < f_.derived_.size(); ++i) {
      if (f_.derived_[i].name == name) return Symbol{f_.derived_slot_ + i};
    }
    for (size_t i = 0; i < constants_.size(); ++i) {
      if (constants_[i] == name) return Symbol{f_.constant_slot_ + i};
    }
    return FindParameter(name);
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const Axis& axis : study_.axes) names.push_back(axis.name);
    for (size_t i = 0; i < study_.measures(); ++i) {
      names.emplace_back(kMeasures[i].name);
    }
    names.emplace_back(kBoundMeasure);
    for (const Formula& formula : f_.derived_) names.push_back(formula.name);
    names.insert(names.end(), constants_.begin(), constants_.end());
    for (const Machine& machine : study_.machines) {
      for (const ParamInfo& param : machine.params) names.push_back(param.key);
    }
    return names;
  }

  double Intern(std::string_view text) override {
    const auto number = static_cast<double>(f_.texts_.size());
    return f_.texts_.emplace(text, number).first->second;
  }

 private:
  Status CheckNew(std::string_view table, const DocumentEntry& entry) {
    const std::string key = std::string(table) + entry.key;
    if (!IsName(entry.key)) {
      return document_.Fail(entry.value.line, key,
                            "not a name; allowed letters, digits and _");
    }
    if (Find(entry.key)) {
      return document_.Fail(entry.value.line, key,
                            "there is a column, constant or parameter of this "
                            "name already; allowed another name");
    }
    return {};
  }

  Status Constant(const DocumentEntry& entry) {
    TRIPTYCH_TRY(CheckNew("constants.", entry));
    const std::string key = "constants." + entry.key;
    const DocumentValue* value = &entry.value;
    if (const auto* table = value->table()) {
      static constexpr std::string_view kAllowed[] = {"value", "unit", "source",
                                                      "basis"};
      TRIPTYCH_TRY(CheckKeys(document_, *table, key + ".", kAllowed));
      value = sweep::Find(*table, "value");
    }
    if (value == nullptr || !value->is_number()) {
      return document_.Fail(
          entry.value.line, key,
          fmt::format("a number is needed, not {}; allowed a number or {{ "
                      "value, unit, source, basis }}",
                      value ? value->Describe() : "a table without value"));
    }
    f_.constants_.push_back(value->number());
    constants_.push_back(entry.key);
    return {};
  }

  Result<Formula> Read(std::string_view prefix, const DocumentEntry& entry) {
    const std::string key = std::string(prefix) + entry.key;
    Formula formula{entry.key, "", "", entry.value.line, {}, true};
    const DocumentValue* value = &entry.value;
    if (const auto* table = value->table()) {
      static constexpr std::string_view kAllowed[] = {"value", "unit"};
      TRIPTYCH_TRY(CheckKeys(document_, *table, key + ".", kAllowed));
      value = sweep::Find(*table, "value");
      const DocumentValue* unit = sweep::Find(*table, "unit");
      if (unit && unit->text()) formula.unit = *unit->text();
    }
    if (value == nullptr || value->text() == nullptr) {
      return document_.Fail(formula.line, key,
                            "an expression is needed, as text");
    }
    formula.text = *value->text();
    auto parsed = Expression::Parse(formula.text, *this);
    if (!parsed) {
      return document_.Fail(formula.line, key, parsed.error().message);
    }
    formula.expression = std::move(*parsed);
    formula.early = std::ranges::all_of(
        formula.expression.slots(), [&](size_t slot) { return IsEarly(slot); });
    return formula;
  }

  bool IsEarly(size_t slot) const {
    if (slot >= f_.derived_slot_ && slot < f_.constant_slot_) {
      return f_.derived_[slot - f_.derived_slot_].early;
    }
    return slot < f_.measure_slot_ || slot >= f_.constant_slot_;
  }

  // "adc.bits" of any machine, "optical:adc.bits" of one.
  std::optional<Symbol> FindParameter(std::string_view name) {
    for (const auto& known : f_.parameters_) {
      if (known.name == name) return Symbol{known.slot, known.text};
    }
    const size_t colon = name.find(':');
    const std::string_view key =
        colon == std::string_view::npos ? name : name.substr(colon + 1);
    Formulas::Parameter parameter{std::string(name), {}, {}, false, 0};
    bool found = false;
    for (size_t m = 0; m < study_.machines.size(); ++m) {
      const Machine& machine = study_.machines[m];
      const auto param =
          std::ranges::find(machine.params, key, &ParamInfo::key);
      const bool has =
          param != machine.params.end() &&
          (key == name || name.substr(0, colon) == machine.family.target());
      parameter.base.push_back(!has             ? kUnknown
                               : IsText(*param) ? TextOf(*param)
                                                : NumberOf(*param));
      parameter.axis.push_back(has ? AxisOf(m, key) : Formulas::kNoAxis);
      parameter.text |= has && IsText(*param);
      found |= has;
    }
    if (!found) return std::nullopt;
    parameter.slot = f_.size_++;
    f_.parameters_.push_back(std::move(parameter));
    return Symbol{f_.parameters_.back().slot, f_.parameters_.back().text};
  }
  double TextOf(const ParamInfo& param) {
    return Intern(
        std::string_view(param.value).substr(1, param.value.size() - 2));
  }
  size_t AxisOf(size_t machine, std::string_view key) const {
    for (size_t a = 0; a < study_.axes.size(); ++a) {
      if (study_.axes[a].key == key && study_.axes[a].applies[machine]) {
        return a;
      }
    }
    return Formulas::kNoAxis;
  }

  const Document& document_;
  const Study& study_;
  std::vector<std::string> constants_;
  Formulas f_;
};

Result<Formulas> Formulas::Read(const Document& document, const Study& study) {
  return FormulaScope(document, study).Run();
}

bool Formulas::has_early_constraints() const {
  return std::ranges::any_of(constraints_, &Formula::early);
}

Formulas::Row Formulas::NewRow() const {
  Row row(size_, kUnknown);
  std::ranges::copy(constants_,
                    row.begin() + static_cast<std::ptrdiff_t>(constant_slot_));
  return row;
}

const Formula* Formulas::Before(const Study& study, const Point& point,
                                Row& row) const {
  for (size_t a = 0; a < point.values.size(); ++a) {
    const double value = point.values[a];
    row[a] = study.axes[a].kind == AxisKind::kText && !std::isnan(value)
                 ? level_texts_[a][static_cast<size_t>(value)]
                 : value;
  }
  const auto machine = static_cast<size_t>(point.values[Study::machine_axis()]);
  for (const Parameter& p : parameters_) {
    const size_t axis = p.axis[machine];
    row[p.slot] = axis == kNoAxis ? p.base[machine] : row[axis];
  }
  Derive(/*early=*/true, row);
  return Violated(/*early=*/true, row);
}

const Formula* Formulas::After(std::span<const double> measures,
                               std::string_view bound, Row& row) const {
  for (size_t i = 0; measure_slot_ + i < bound_slot_; ++i) {
    row[measure_slot_ + i] = i < measures.size() ? measures[i] : kUnknown;
  }
  const auto known = texts_.find(bound);
  row[bound_slot_] = known == texts_.end() ? kOtherText : known->second;
  Derive(/*early=*/false, row);
  return Violated(/*early=*/false, row);
}

void Formulas::Derive(bool early, Row& row) const {
  for (size_t i = 0; i < derived_.size(); ++i) {
    if (derived_[i].early != early) continue;
    row[derived_slot_ + i] = derived_[i].expression.Evaluate(row);
  }
}

const Formula* Formulas::Violated(bool early, const Row& row) const {
  for (const Formula& constraint : constraints_) {
    if (constraint.early != early) continue;
    if (constraint.expression.Evaluate(row) == 0) return &constraint;
  }
  return nullptr;
}

}  // namespace triptych::sweep
