// A TOML document as a plain tree that knows its lines, so that whoever reads
// a study can say where it is wrong.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_DOCUMENT_H_
#define TRIPTYCH_TOOLS_SWEEP_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::sweep {

struct DocumentEntry;

struct DocumentValue {
  using List = std::vector<DocumentValue>;
  using Table = std::vector<DocumentEntry>;  // in the order of the file
  std::variant<bool, int64_t, double, std::string, List, Table> value;
  size_t line = 0;

  const std::string* text() const { return std::get_if<std::string>(&value); }
  const bool* flag() const { return std::get_if<bool>(&value); }
  const List* list() const { return std::get_if<List>(&value); }
  const Table* table() const { return std::get_if<Table>(&value); }
  bool is_number() const {
    return std::holds_alternative<int64_t>(value) ||
           std::holds_alternative<double>(value);
  }
  // Of a number; aborts for anything else.
  double number() const;
  // For messages: "true", "4", "\"text\"", "a list", "a table".
  std::string Describe() const;
};

struct DocumentEntry {
  std::string key;
  DocumentValue value;
};

struct Document {
  std::string file;  // what messages call it
  DocumentValue::Table entries;

  // "file:line: key: what".
  std::unexpected<Error> Fail(size_t line, std::string_view key,
                              std::string_view what) const;
};

// Errors: not UTF-8, not TOML, a date; located.
Result<Document> ParseDocument(std::string_view text, std::string_view file);

// nullptr if `table` has no such key.
const DocumentValue* Find(const DocumentValue::Table& table,
                          std::string_view key);

// An error naming the nearest allowed key if `table` has one that is not
// `allowed`. `prefix` stands before the key in the message: "design.".
Status CheckKeys(const Document& document, const DocumentValue::Table& table,
                 std::string_view prefix,
                 std::span<const std::string_view> allowed);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_DOCUMENT_H_
