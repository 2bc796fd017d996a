// A value of a JSON file and the path of keys that leads to it, so that
// whatever is refused is refused by name.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_JSON_AT_H_
#define TRIPTYCH_MODELS_FORMATS_JSON_AT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/result.h"
#include "models/formats/json_tree.h"

namespace triptych {

// A pointer into a tree and a file's name, which outlive it.
class JsonAt {
 public:
  using Kind = JsonValue::Kind;

  JsonAt(const JsonValue& value, const std::string& file)
      : value_(&value), file_(&file) {}

  const JsonValue& value() const { return *value_; }
  bool Is(Kind kind) const { return value_->kind == kind; }

  // "file: offset N: a.b[2]: what".
  std::unexpected<Error> Fail(std::string_view what,
                              ErrorCode code = ErrorCode::kUnsupported) const;

  // The member of that name, which may be null; a null if there is none.
  JsonAt operator[](std::string_view key) const;
  // An element of a list of more than `index`.
  JsonAt operator[](size_t index) const;
  // A value within this one, by this one's path: for values by the thousand.
  JsonAt Here(const JsonValue& value) const;
  // Elements of a list; 0 for anything else.
  size_t size() const { return value_->list.size(); }

  // An error unless this is of that kind.
  Status Expect(Kind kind) const;

  // The member of that name; `otherwise` if there is none or it is null, an
  // error if that is empty or it is of another kind. Text is a view into the
  // tree.
  Result<std::string_view> Text(
      std::string_view key,
      std::optional<std::string_view> otherwise = {}) const;
  Result<bool> Bool(std::string_view key, bool otherwise) const;
  Result<int64_t> Int(std::string_view key, int64_t low, int64_t high,
                      std::optional<int64_t> otherwise = {}) const;

 private:
  const JsonValue* value_;
  const std::string* file_;
  std::string path_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_JSON_AT_H_
