// TOML in, located errors out.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/base/text.h"

// Header-only and without exceptions: the shared library of Debian is built
// with them, under another inline namespace.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace triptych {
namespace {

// ---- Values as text ----

// The shortest text that reads back as the same number; also valid TOML.
std::string FormatNumber(double value) { return fmt::format("{}", value); }

std::string FormatRange(double low, double high) {
  return fmt::format("{:g}..{:g}", low, high);
}

std::string Describe(const Config::Scalar& value) {
  struct Visitor {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return fmt::format("{}", i); }
    std::string operator()(double d) const { return FormatNumber(d); }
    std::string operator()(const std::string& s) const {
      return fmt::format("\"{}\"", s);
    }
  };
  return std::visit(Visitor{}, value);
}

// ---- TOML ----

std::optional<Basis> BasisFromName(std::string_view name) {
  for (const Basis b : {Basis::kPublished, Basis::kDerived, Basis::kAssumed}) {
    if (name == BasisName(b)) return b;
  }
  return std::nullopt;
}

std::optional<Config::Scalar> ScalarOf(const toml::node& node) {
  if (const auto* b = node.as_boolean()) return b->get();
  if (const auto* i = node.as_integer()) return i->get();
  if (const auto* d = node.as_floating_point()) return d->get();
  if (const auto* s = node.as_string()) return s->get();
  return std::nullopt;
}

// Walks a document and collects its leaves under dotted keys.
class Flattener {
 public:
  Flattener(std::string_view file, Config::Entries& entries)
      : file_(file), entries_(entries) {}

  Status Table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(std::string_view(name));
      const toml::table* inner = node.as_table();
      if (inner == nullptr) {
        TRIPTYCH_TRY(Leaf(key, node, {}));
      } else if (inner->contains("value")) {
        TRIPTYCH_TRY(LeafWithSource(key, *inner));
      } else {
        TRIPTYCH_TRY(Table(*inner, key + "."));
      }
    }
    return {};
  }

 private:
  std::string Where(const toml::node& node) const {
    return fmt::format("{}:{}", file_, node.source().begin.line);
  }
  std::unexpected<Error> Fail(const toml::node& node, std::string_view key,
                              std::string_view what) const {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: {}: {}", Where(node), key, what));
  }

  Status LeafWithSource(const std::string& key, const toml::table& table) {
    Provenance provenance;
    for (const auto& [name, node] : table) {
      const std::string_view part(name);
      if (part == "value") continue;
      const auto* text = node.as_string();
      if (part == "source" && text != nullptr) {
        provenance.source = text->get();
      } else if (part == "basis" && text != nullptr) {
        const auto basis = BasisFromName(text->get());
        if (!basis) {
          return Fail(node, key + ".basis",
                      fmt::format("\"{}\" is not allowed; allowed published, "
                                  "derived, assumed",
                                  text->get()));
        }
        provenance.basis = *basis;
      } else {
        return Fail(node, fmt::format("{}.{}", key, part),
                    "not a part of a parameter; allowed value, and source "
                    "and basis as text");
      }
    }
    return Leaf(key, *table.get("value"), std::move(provenance));
  }

  Status Leaf(const std::string& key, const toml::node& node,
              Provenance provenance) {
    auto scalar = ScalarOf(node);
    if (!scalar) {
      return Fail(node, key,
                  "lists and dates are not parameters; allowed a "
                  "number, true or false, text, or a table");
    }
    Config::Entry entry{
        std::move(*scalar),
        std::make_shared<const Provenance>(std::move(provenance)), Where(node)};
    // Only a quoted key with a dot in it can get here.
    if (!entries_.emplace(key, std::move(entry)).second) {
      return Fail(node, key, "given twice");
    }
    return {};
  }

  std::string_view file_;
  Config::Entries& entries_;
};

// Takes a top-level text out of the entries.
Result<std::string> TakeText(Config::Entries& entries, std::string_view key) {
  const auto found = entries.find(key);
  if (found == entries.end()) return std::string();
  const auto* text = std::get_if<std::string>(&found->second.value);
  if (text == nullptr) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {}: text is needed, not {}", found->second.where, key,
                    Describe(found->second.value)));
  }
  std::string taken = *text;
  entries.erase(found);
  return taken;
}

// The preset of the same target that a text is based on. A base is no one
// else's guest: it has none of its own.
Result<Config> BaseOf(const Config& config, std::string_view base) {
  std::string allowed;
  for (const Preset& preset : AllPresets()) {
    const bool based = preset.text.contains("\nbase = ");
    if (preset.target != config.target() || based) continue;
    if (preset.name == base) return Config::Parse(preset.text, preset.file);
    allowed += (allowed.empty() ? "" : ", ") + std::string(preset.name);
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: base: \"{}\" is not allowed; allowed {}",
                               config.file(), base, allowed));
}

// What follows `=` in --set: a boolean, a number, or else text.
Config::Scalar ScalarFromText(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer);
      r.ec == std::errc() && r.ptr == end) {
    return integer;
  }
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number);
      r.ec == std::errc() && r.ptr == end) {
    return number;
  }
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

bool IsAllowed(std::string_view text,
               std::initializer_list<std::string_view> allowed) {
  return std::ranges::any_of(allowed, [text](std::string_view choice) {
    return choice.ends_with(':') ? text.starts_with(choice) : text == choice;
  });
}

}  // namespace

// ---- Config ----

Result<Config> Config::Parse(std::string_view text, std::string_view file) {
  if (const auto line = FirstLineNotUtf8(text)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:{}: not UTF-8", file, *line));
  }
  const toml::parse_result parsed = toml::parse(text, std::string(file));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:{}: {}", file, error.source().begin.line,
                                 error.description()));
  }
  Config config;
  config.file_ = file;
  Entries entries;
  TRIPTYCH_TRY(Flattener(file, entries).Table(parsed.table(), ""));
  TRIPTYCH_ASSIGN(config.target_, TakeText(entries, "target"));
  TRIPTYCH_ASSIGN(config.about_, TakeText(entries, "about"));
  TRIPTYCH_ASSIGN(const std::string base, TakeText(entries, "base"));
  if (!base.empty()) {
    TRIPTYCH_ASSIGN(const Config under, BaseOf(config, base));
    // What this text does not say is as there.
    entries.insert(under.entries().begin(), under.entries().end());
  }
  config.entries_ = std::make_shared<const Entries>(std::move(entries));
  return config;
}

Result<Config> Config::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: cannot be opened", path));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) {
    return MakeError(ErrorCode::kIo, fmt::format("{}: cannot be read", path));
  }
  return Parse(text, path);
}

Status Config::Set(std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0 ||
      equals + 1 == assignment.size()) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("--set: {}: not an assignment; allowed key=value",
                    assignment));
  }
  if (FirstLineNotUtf8(assignment)) {
    return MakeError(ErrorCode::kInvalid, "--set: not UTF-8");
  }
  Set(assignment.substr(0, equals),
      ScalarFromText(assignment.substr(equals + 1)));
  return {};
}

void Config::Set(std::string_view key, Scalar value) {
  static const auto kFromOutside =
      std::make_shared<const Provenance>(Basis::kAssumed, "--set");
  overrides_[std::string(key)] = {std::move(value), kFromOutside, "--set"};
}

const Config::Entry* Config::Find(std::string_view key) const {
  for (const Entries* entries : {&overrides_, entries_.get()}) {
    const auto found = entries->find(key);
    if (found != entries->end()) return &found->second;
  }
  return nullptr;
}

// ---- ParamSet ----

std::string ParamSet::ValueOf(const Row& row) {
  struct Visitor {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(double d) const { return FormatNumber(d); }
    std::string operator()(const std::string& s) const { return Quoted(s); }
  };
  return std::visit(Visitor{}, row.value);
}

std::string ParamSet::AllowedOf(const Row& row) {
  if (std::holds_alternative<bool>(row.value)) return "true, false";
  if (std::holds_alternative<double>(row.value)) {
    return FormatRange(row.low, row.high);
  }
  return fmt::format("{}", fmt::join(row.choices, ", "));
}

std::vector<ParamInfo> ParamSet::params() const {
  std::vector<ParamInfo> params;
  for (const Row& row : rows_) {
    params.push_back({row.key, ValueOf(row), AllowedOf(row),
                      std::string(row.meaning), *row.provenance});
  }
  return params;
}

const Provenance* ParamSet::Find(std::string_view key) const {
  const auto found = std::ranges::find(rows_, key, &Row::key);
  return found == rows_.end() ? nullptr : found->provenance.get();
}

const Provenance& ParamSet::Of(std::string_view key) const {
  const Provenance* provenance = Find(key);
  TRIPTYCH_CHECK(provenance != nullptr, "no parameter", key);
  return *provenance;
}

std::string ParamSet::Effective() const {
  std::string out;
  for (const Row& row : rows_) {
    out +=
        fmt::format("{} = {{ value = {}, basis = {}, source = {} }}\n", row.key,
                    ValueOf(row), Quoted(BasisName(row.provenance->basis)),
                    Quoted(row.provenance->source));
  }
  return out;
}

// ---- ParamLoader ----

const Config::Entry* ParamLoader::Find(std::string_view key) {
  static const auto kDefault =
      std::make_shared<const Provenance>(Basis::kAssumed, "default");
  const Config::Entry* entry = config_.Find(key);
  ParamSet::Row& row = set_.rows_.emplace_back();
  row.key = key;
  row.provenance = entry ? entry->provenance : kDefault;
  if (entry) ++found_;
  return entry;
}

void ParamLoader::Fail(std::string_view key, const Config::Entry& entry,
                       std::string_view what) {
  if (!status_) return;
  status_ = MakeError(ErrorCode::kInvalid,
                      fmt::format("{}: {}: {}", entry.where, key, what));
}

void ParamLoader::Number(std::string_view key, double& value, double low,
                         double high, std::string_view meaning, bool integral) {
  if (const Config::Entry* entry = Find(key)) {
    double given = NAN;
    if (const auto* i = std::get_if<int64_t>(&entry->value)) {
      given = static_cast<double>(*i);
    } else if (const auto* d = std::get_if<double>(&entry->value)) {
      given = *d;
    } else {
      Fail(key, *entry,
           fmt::format("a number is needed, not {}; allowed {}",
                       Describe(entry->value), FormatRange(low, high)));
      return;
    }
    if (!(given >= low && given <= high)) {  // also if not a number
      Fail(key, *entry,
           fmt::format("{} is out of range; allowed {}", Describe(entry->value),
                       FormatRange(low, high)));
      return;
    }
    if (integral && std::trunc(given) != given) {
      Fail(key, *entry,
           fmt::format("a whole number is needed, not {}; allowed {}",
                       Describe(entry->value), FormatRange(low, high)));
      return;
    }
    value = given;
  }
  ParamSet::Row& row = set_.rows_.back();
  row.meaning = meaning;
  row.value = value;
  row.low = low;
  row.high = high;
}

void ParamLoader::operator()(std::string_view key, std::string& member,
                             std::initializer_list<std::string_view> allowed,
                             std::string_view meaning) {
  if (const Config::Entry* entry = Find(key)) {
    const auto* text = std::get_if<std::string>(&entry->value);
    if (text == nullptr || !IsAllowed(*text, allowed)) {
      Fail(key, *entry,
           fmt::format("{} is not allowed; allowed {}", Describe(entry->value),
                       fmt::join(allowed, ", ")));
      return;
    }
    member = *text;
  }
  ParamSet::Row& row = set_.rows_.back();
  row.meaning = meaning;
  row.value = member;
  row.choices = allowed;
}

void ParamLoader::operator()(std::string_view key, bool& member,
                             std::string_view meaning) {
  if (const Config::Entry* entry = Find(key)) {
    const bool* given = std::get_if<bool>(&entry->value);
    if (given == nullptr) {
      Fail(key, *entry,
           fmt::format("{} is not allowed; allowed true, false",
                       Describe(entry->value)));
      return;
    }
    member = *given;
  }
  ParamSet::Row& row = set_.rows_.back();
  row.meaning = meaning;
  row.value = member;
}

std::unexpected<Error> ParamLoader::Unknown(std::string_view key,
                                            const Config::Entry& entry) const {
  std::string hint;
  if (!set_.rows_.empty()) {
    const auto nearest = std::ranges::min_element(
        set_.rows_, {},
        [&](const ParamSet::Row& row) { return EditDistance(key, row.key); });
    hint = fmt::format("; the nearest is {}, allowed {}", nearest->key,
                       ParamSet::AllowedOf(*nearest));
  }
  return MakeError(
      ErrorCode::kNotFound,
      fmt::format("{}: {}: no such parameter{}", entry.where, key, hint));
}

Result<ParamSet> ParamLoader::Finish() && {
  if (!status_) return std::unexpected(std::move(status_).error());
  size_t given = config_.entries().size();
  for (const auto& [key, entry] : config_.overrides()) {
    if (!config_.entries().contains(key)) ++given;
  }
  if (found_ == given) return std::move(set_);
  for (const Config::Entries* entries :
       {&config_.overrides(), &config_.entries()}) {
    for (const auto& [key, entry] : *entries) {
      if (set_.Find(key) == nullptr) return Unknown(key, entry);
    }
  }
  TRIPTYCH_CHECK(false, "a key was visited twice in", config_.file());
}

}  // namespace triptych
