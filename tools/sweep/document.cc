// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/text.h"

// Header-only and without exceptions, as in emulators/params.cc.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace triptych::sweep {
namespace {

// Copies what toml++ has read; toml++ sorts keys, a study means its order.
class Copier {
 public:
  explicit Copier(const Document& document) : document_(document) {}

  Result<DocumentValue::Table> Table(const toml::table& table) const {
    std::vector<std::pair<const toml::key*, const toml::node*>> sorted;
    for (const auto& [key, node] : table) sorted.emplace_back(&key, &node);
    std::ranges::stable_sort(sorted, {}, [](const auto& entry) {
      const auto begin = entry.first->source().begin;
      return std::tuple(begin.line, begin.column);
    });
    DocumentValue::Table copy;
    for (const auto& [key, node] : sorted) {
      const std::string name(key->str());
      TRIPTYCH_ASSIGN(DocumentValue value, Value(*node, name));
      value.line = key->source().begin.line;
      copy.push_back({name, std::move(value)});
    }
    return copy;
  }

 private:
  Result<DocumentValue> Value(const toml::node& node,
                              const std::string& key) const {
    DocumentValue copy{{}, node.source().begin.line};
    if (const auto* b = node.as_boolean()) {
      copy.value = b->get();
    } else if (const auto* i = node.as_integer()) {
      copy.value = i->get();
    } else if (const auto* d = node.as_floating_point()) {
      copy.value = d->get();
    } else if (const auto* s = node.as_string()) {
      copy.value = s->get();
    } else if (const auto* t = node.as_table()) {
      TRIPTYCH_ASSIGN(copy.value, Table(*t));
    } else if (const auto* a = node.as_array()) {
      DocumentValue::List list;
      for (const toml::node& item : *a) {
        TRIPTYCH_ASSIGN(DocumentValue value, Value(item, key));
        list.push_back(std::move(value));
      }
      copy.value = std::move(list);
    } else {
      return document_.Fail(copy.line, key,
                            "dates are not used here; allowed a number, true "
                            "or false, text, a list or a table");
    }
    return copy;
  }

  const Document& document_;
};

}  // namespace

double DocumentValue::number() const {
  if (const auto* i = std::get_if<int64_t>(&value)) {
    return static_cast<double>(*i);
  }
  const auto* d = std::get_if<double>(&value);
  TRIPTYCH_CHECK(d != nullptr, "not a number, line", line);
  return *d;
}

std::string DocumentValue::Describe() const {
  if (const bool* b = flag()) return *b ? "true" : "false";
  if (is_number()) return fmt::format("{}", number());
  if (const std::string* s = text()) return fmt::format("\"{}\"", *s);
  return list() != nullptr ? "a list" : "a table";
}

std::unexpected<Error> Document::Fail(size_t line, std::string_view key,
                                      std::string_view what) const {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}:{}: {}: {}", file, line, key, what));
}

Result<Document> ParseDocument(std::string_view text, std::string_view file) {
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
  Document document{std::string(file), {}};
  TRIPTYCH_ASSIGN(document.entries, Copier(document).Table(parsed.table()));
  return document;
}

const DocumentValue* Find(const DocumentValue::Table& table,
                          std::string_view key) {
  const auto found = std::ranges::find(table, key, &DocumentEntry::key);
  return found == table.end() ? nullptr : &found->value;
}

Status CheckKeys(const Document& document, const DocumentValue::Table& table,
                 std::string_view prefix,
                 std::span<const std::string_view> allowed) {
  for (const DocumentEntry& entry : table) {
    if (std::ranges::find(allowed, entry.key) != allowed.end()) continue;
    const std::vector<std::string> names(allowed.begin(), allowed.end());
    return document.Fail(
        entry.value.line, fmt::format("{}{}", prefix, entry.key),
        fmt::format("no such key; the nearest is {}, allowed {}",
                    Nearest(entry.key, names), fmt::join(names, ", ")));
  }
  return {};
}

}  // namespace triptych::sweep
