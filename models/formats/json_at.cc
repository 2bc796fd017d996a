// SPDX-License-Identifier: Apache-2.0
#include "models/formats/json_at.h"

#include <fmt/core.h>

namespace triptych {
namespace {

std::string_view NameOf(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kBool:
      return "true or false";
    case JsonValue::Kind::kInteger:
      return "an integer";
    case JsonValue::Kind::kReal:
      return "a number";
    case JsonValue::Kind::kText:
      return "a string";
    case JsonValue::Kind::kList:
      return "a list";
    case JsonValue::Kind::kObject:
      return "an object";
  }
  return "";
}

}  // namespace

std::unexpected<Error> JsonAt::Fail(std::string_view what,
                                    ErrorCode code) const {
  const std::string place = path_.empty() ? "" : path_ + ": ";
  return MakeError(code, fmt::format("{}: offset {}: {}{}", *file_,
                                     value_->offset, place, what));
}

JsonAt JsonAt::operator[](std::string_view key) const {
  static const JsonValue kNull;
  JsonAt member = *this;
  const JsonValue* found = value_->Find(key);
  member.value_ = found != nullptr ? found : &kNull;
  member.path_ += path_.empty() ? "" : ".";
  member.path_ += key;
  return member;
}

JsonAt JsonAt::operator[](size_t index) const {
  JsonAt element = *this;
  element.value_ = &value_->list[index];
  element.path_ += fmt::format("[{}]", index);
  return element;
}

JsonAt JsonAt::Here(const JsonValue& value) const {
  JsonAt within = *this;
  within.value_ = &value;
  return within;
}

Status JsonAt::Expect(Kind kind) const {
  if (Is(kind)) return {};
  return Fail(fmt::format("{}: must be {}", value_->Describe(), NameOf(kind)),
              ErrorCode::kCorrupt);
}

Result<std::string_view> JsonAt::Text(
    std::string_view key, std::optional<std::string_view> otherwise) const {
  const JsonAt member = (*this)[key];
  if (member.Is(Kind::kNull) && otherwise) return *otherwise;
  TRIPTYCH_TRY(member.Expect(Kind::kText));
  return std::string_view(member.value().text);
}

Result<bool> JsonAt::Bool(std::string_view key, bool otherwise) const {
  const JsonAt member = (*this)[key];
  if (member.Is(Kind::kNull)) return otherwise;
  TRIPTYCH_TRY(member.Expect(Kind::kBool));
  return member.value().boolean;
}

Result<int64_t> JsonAt::Int(std::string_view key, int64_t low, int64_t high,
                            std::optional<int64_t> otherwise) const {
  const JsonAt member = (*this)[key];
  if (member.Is(Kind::kNull) && otherwise) return *otherwise;
  TRIPTYCH_TRY(member.Expect(Kind::kInteger));
  const int64_t value = member.value().integer;
  if (value >= low && value <= high) return value;
  return member.Fail(fmt::format("{}: must be in {}..{}", value, low, high),
                     ErrorCode::kCorrupt);
}

}  // namespace triptych
