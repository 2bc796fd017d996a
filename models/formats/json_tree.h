// JSON from a file nobody vouches for, as a tree that knows where each value
// stands, so that whoever finds one wrong can say at which offset.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_JSON_TREE_H_
#define TRIPTYCH_MODELS_FORMATS_JSON_TREE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

// How deep lists and objects may nest: more than any file of a model does.
inline constexpr int kMostJsonDepth = 64;

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInteger,
    kReal,
    kText,
    kList,
    kObject
  };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;  // kInteger: within int64
  double real = 0;      // kReal and kInteger
  size_t offset = 0;    // from the start of the text, just after the value
                        // (after the bracket that opens a list or object)
  std::string text;
  std::vector<JsonValue> list;
  std::vector<JsonMember> members;  // in the file's order; keys differ

  // Null if there is no such key, or this is no object.
  const JsonValue* Find(std::string_view key) const;
  // For messages: a scalar as JSON has it, "a list" or "an object".
  std::string Describe() const;
};

struct JsonMember {
  std::string key;
  size_t offset = 0;  // just after the key
  JsonValue value;
};

// The one value that `text` is. Errors: what is no JSON, a key that appears
// twice in an object, more than kMostJsonDepth levels; "file: offset N: what",
// N counted from the start of the file, where `text` begins at `begin`.
Result<JsonValue> ParseJson(std::string_view text, const std::string& file,
                            size_t begin = 0);

// The line (from 1) of a text in which `offset` is.
size_t LineOf(std::string_view text, size_t offset);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_JSON_TREE_H_
