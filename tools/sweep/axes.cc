// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/text.h"
#include "tools/sweep/units.h"

namespace triptych::sweep {
namespace {

constexpr std::string_view kRangeKeys[] = {"low", "high", "steps", "log"};
constexpr int64_t kMaxSteps = 1'000'000;

bool IsRange(const DocumentValue::Table& table) {
  return std::ranges::any_of(
      kRangeKeys, [&](std::string_view key) { return Find(table, key); });
}

void FlattenInto(const DocumentValue::Table& table, const std::string& prefix,
                 DocumentValue::Table& leaves) {
  for (const DocumentEntry& entry : table) {
    const auto* inner = entry.value.table();
    if (inner != nullptr && !inner->empty() && !IsRange(*inner)) {
      FlattenInto(*inner, prefix + entry.key + ".", leaves);
    } else {
      leaves.push_back({prefix + entry.key, entry.value});
    }
  }
}

// A parameter of whole numbers refuses a half, above and below.
bool IsWhole(const Machine& machine, const ParamInfo& param) {
  double value = 0;
  const char* begin = param.value.data();
  std::from_chars(begin, begin + param.value.size(), value);
  if (std::trunc(value) != value) return false;
  return std::ranges::all_of(std::array{0.5, -0.5}, [&](double half) {
    const TargetFamily::Change change[] = {{param.key, value + half}};
    const auto made = machine.family.Make(change);
    return !made && !AboutKey(made.error().message, param.key).empty();
  });
}

AxisKind KindOf(const Machine& machine, std::string_view key) {
  const auto param = std::ranges::find(machine.params, key, &ParamInfo::key);
  TRIPTYCH_CHECK(param != machine.params.end(), "no parameter", key);
  if (param->value.starts_with('"')) return AxisKind::kText;
  if (param->value == "true" || param->value == "false") {
    return AxisKind::kFlag;
  }
  return IsWhole(machine, *param) ? AxisKind::kWhole : AxisKind::kNumber;
}

double Interpolate(double low, double high, bool log, double u) {
  return log ? low * std::pow(high / low, u) : low + (high - low) * u;
}

}  // namespace

bool Machine::Has(std::string_view key) const {
  return std::ranges::find(params, key, &ParamInfo::key) != params.end();
}

double Axis::At(double u) const {
  if (!continuous()) {
    const auto level =
        static_cast<size_t>(u * static_cast<double>(levels.size()));
    return levels[std::min(level, levels.size() - 1)];
  }
  if (kind != AxisKind::kWhole) return Interpolate(low, high, log, u);
  // Every whole number has its share, the ends too (a logarithmic axis starts
  // at 1 or more).
  const double place = Interpolate(low - 0.5, high + 0.5, log, u);
  return std::clamp(std::round(place), low, high);
}

DocumentValue::Table Flatten(const DocumentValue::Table& table) {
  DocumentValue::Table leaves;
  FlattenInto(table, "", leaves);
  return leaves;
}

ScopedKey SplitKey(std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos) return {"", name};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

std::string NearestParameter(std::span<const Machine> machines,
                             std::string_view name) {
  const ScopedKey scoped = SplitKey(name);
  std::vector<std::string> keys, targets;
  for (const Machine& machine : machines) {
    targets.emplace_back(machine.family.target());
    if (!scoped.target.empty() && scoped.target != machine.family.target()) {
      continue;
    }
    for (const ParamInfo& param : machine.params) keys.push_back(param.key);
  }
  if (keys.empty()) {
    return fmt::format("{} is not a target of this study; the nearest is {}",
                       scoped.target, Nearest(scoped.target, targets));
  }
  return fmt::format("no such parameter; the nearest is {}",
                     Nearest(scoped.key, keys));
}

Config::Scalar ScalarOf(const Axis& axis, double value) {
  switch (axis.kind) {
    case AxisKind::kText:
      return axis.texts[static_cast<size_t>(value)];
    case AxisKind::kFlag:
      return value != 0;
    case AxisKind::kWhole:
      return static_cast<int64_t>(value);
    case AxisKind::kNumber:
      break;
  }
  return value;
}

std::string AboutKey(std::string_view message, std::string_view key) {
  const std::string mark = fmt::format(": {}: ", key);
  const size_t at = message.find(mark);
  if (at == std::string_view::npos) return "";
  return std::string(message.substr(at + mark.size()));
}

std::unexpected<Error> AxisReader::Fail(size_t line, std::string_view name,
                                        std::string_view what) const {
  return document_.Fail(line, name, what);
}

Result<Axis> AxisReader::Parameter(std::string_view name,
                                   const DocumentValue& value) const {
  const ScopedKey scoped = SplitKey(name);
  Axis axis{.name = std::string(name), .key = std::string(scoped.key)};
  axis.unit = UnitOfKey(axis.key);
  const Machine* first = nullptr;
  for (const Machine& machine : machines_) {
    axis.applies.push_back(scoped.For(machine));
    if (axis.applies.back() && first == nullptr) first = &machine;
  }
  if (first == nullptr) {
    return Fail(value.line, axis.name, NearestParameter(machines_, name));
  }
  axis.kind = KindOf(*first, axis.key);
  TRIPTYCH_TRY(ReadLevels(value, axis));
  TRIPTYCH_TRY(CheckAllowed(value, axis));
  return axis;
}

Result<Axis> AxisReader::Count(std::string_view name,
                               const DocumentValue& value, double least,
                               double most) const {
  Axis axis{.name = std::string(name), .kind = AxisKind::kWhole};
  axis.applies.assign(machines_.size(), true);
  TRIPTYCH_TRY(ReadLevels(value, axis));
  for (const double level :
       axis.continuous() ? std::vector{axis.low, axis.high} : axis.levels) {
    if (level >= least && level <= most) continue;
    return Fail(
        value.line, axis.name,
        fmt::format("{} is out of range; allowed {}..{}", level, least, most));
  }
  return axis;
}

Result<Axis> AxisReader::Texts(std::string_view name,
                               const DocumentValue& value) const {
  Axis axis{.name = std::string(name), .kind = AxisKind::kText};
  axis.applies.assign(machines_.size(), true);
  TRIPTYCH_TRY(ReadLevels(value, axis));
  return axis;
}

Status AxisReader::ReadLevels(const DocumentValue& value, Axis& axis) const {
  if (value.table() != nullptr) return ReadRange(value, axis);
  const DocumentValue::List alone{value};
  const DocumentValue::List& list = value.list() ? *value.list() : alone;
  if (list.empty()) {
    return Fail(value.line, axis.name, "an empty list; allowed one or more");
  }
  for (const DocumentValue& item : list) {
    if (axis.kind == AxisKind::kText) {
      if (item.text() == nullptr) {
        return Fail(item.line, axis.name,
                    fmt::format("text is needed, not {}", item.Describe()));
      }
      axis.levels.push_back(static_cast<double>(axis.texts.size()));
      axis.texts.push_back(*item.text());
    } else if (axis.kind == AxisKind::kFlag) {
      if (item.flag() == nullptr) {
        return Fail(item.line, axis.name,
                    fmt::format("{} is not allowed; allowed true, false",
                                item.Describe()));
      }
      axis.levels.push_back(*item.flag() ? 1 : 0);
    } else {
      TRIPTYCH_ASSIGN(const double level, Number(item, axis, axis.name));
      axis.levels.push_back(level);
    }
  }
  return CheckDistinct(value, axis);
}

Status AxisReader::ReadRange(const DocumentValue& value, Axis& axis) const {
  const DocumentValue::Table& table = *value.table();
  TRIPTYCH_TRY(CheckKeys(document_, table, axis.name + ".", kRangeKeys));
  if (axis.kind == AxisKind::kText || axis.kind == AxisKind::kFlag) {
    return Fail(value.line, axis.name, "has no order; allowed a list");
  }
  for (const std::string_view key : {"low", "high"}) {
    const DocumentValue* end = Find(table, key);
    const std::string part = fmt::format("{}.{}", axis.name, key);
    if (end == nullptr) {
      return Fail(value.line, part, "missing; a range has low and high");
    }
    TRIPTYCH_ASSIGN((key == "low" ? axis.low : axis.high),
                    Number(*end, axis, part));
  }
  const DocumentValue* log = Find(table, "log");
  if (log && !log->flag()) {
    return Fail(log->line, axis.name + ".log", "allowed true, false");
  }
  axis.log = log && *log->flag();
  if (!(axis.low < axis.high)) {
    return Fail(value.line, axis.name, "low is not below high");
  }
  if (axis.log && axis.low <= 0) {
    return Fail(value.line, axis.name, "low is not above 0, as log needs");
  }
  const DocumentValue* steps = Find(table, "steps");
  if (steps == nullptr) return {};
  const auto* count = std::get_if<int64_t>(&steps->value);
  if (count == nullptr || *count < 2 || *count > kMaxSteps) {
    return Fail(steps->line, axis.name + ".steps",
                fmt::format("{} is not allowed; allowed 2..{}",
                            steps->Describe(), kMaxSteps));
  }
  const auto last = static_cast<double>(*count - 1);
  for (int64_t i = 0; i < *count; ++i) {
    const double at = Interpolate(axis.low, axis.high, axis.log,
                                  static_cast<double>(i) / last);
    axis.levels.push_back(axis.kind == AxisKind::kWhole ? std::round(at) : at);
  }
  axis.levels.back() = axis.high;
  return CheckDistinct(value, axis);
}

Status AxisReader::CheckDistinct(const DocumentValue& value,
                                 const Axis& axis) const {
  const bool is_text = axis.kind == AxisKind::kText;
  std::vector<std::string> names = axis.texts;
  if (!is_text) {
    for (const double level : axis.levels) {
      names.push_back(fmt::format("{}", level));
    }
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return Fail(value.line, axis.name,
              fmt::format("{} is there twice; allowed once", *twice));
}

Result<double> AxisReader::Number(const DocumentValue& value, const Axis& axis,
                                  std::string_view part) const {
  double number = 0;
  if (const std::string* text = value.text()) {
    const auto parsed = ParseQuantity(*text, axis.key);
    if (!parsed) return Fail(value.line, part, parsed.error().message);
    number = *parsed;
  } else if (value.is_number()) {
    number = value.number();
  } else {
    return Fail(value.line, part,
                fmt::format("a number is needed, not {}", value.Describe()));
  }
  if (!std::isfinite(number)) {
    return Fail(value.line, part, "a finite number is needed");
  }
  if (axis.kind == AxisKind::kWhole && std::trunc(number) != number) {
    return Fail(value.line, part,
                fmt::format("a whole number is needed, not {}", number));
  }
  return number;
}

// Each level on the machines it is for, everything else as it was. What
// several parameters together do not allow is found point by point.
Status AxisReader::CheckAllowed(const DocumentValue& value,
                                const Axis& axis) const {
  const std::vector<double> ends{axis.low, axis.high};
  for (size_t m = 0; m < machines_.size(); ++m) {
    if (!axis.applies[m]) continue;
    for (const double level : axis.continuous() ? ends : axis.levels) {
      const TargetFamily::Change change[] = {{axis.key, ScalarOf(axis, level)}};
      const auto made = machines_[m].family.Make(change);
      if (made) continue;
      const std::string about = AboutKey(made.error().message, axis.key);
      if (!about.empty()) return Fail(value.line, axis.name, about);
    }
  }
  return {};
}

}  // namespace triptych::sweep
