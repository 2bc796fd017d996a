// SPDX-License-Identifier: Apache-2.0
#include "models/formats/json_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/base/text.h"
#include "models/formats/byte_reader.h"

namespace triptych {
namespace {

// The parser's place in the text: it copies its iterators, so the count is
// kept outside them.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, size_t* count) : at_(at), count_(count) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator& other) const {
    return at_ == other.at_;
  }
  bool operator!=(const CountingIterator& other) const {
    return at_ != other.at_;
  }

 private:
  const char* at_;
  size_t* count_;
};

// Builds the tree from what the parser reports. A handler returns false to
// stop; then `what` says why.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(const size_t* count) : count_(count) {}

  JsonValue root;
  std::string what;

  bool null() override { return Place({}, false); }
  bool boolean(bool value) override {
    JsonValue v{.kind = JsonValue::Kind::kBool};
    v.boolean = value;
    return Place(std::move(v), false);
  }
  bool number_integer(number_integer_t value) override {
    JsonValue v{.kind = JsonValue::Kind::kInteger};
    v.integer = value;
    v.real = static_cast<double>(value);
    return Place(std::move(v), true);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > uint64_t{std::numeric_limits<int64_t>::max()}) {
      return number_float(static_cast<double>(value), "");
    }
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    JsonValue v{.kind = JsonValue::Kind::kReal};
    v.real = value;
    return Place(std::move(v), true);
  }
  bool string(string_t& value) override {
    JsonValue v{.kind = JsonValue::Kind::kText};
    v.text = std::move(value);
    return Place(std::move(v), false);
  }
  bool binary(binary_t&) override { return Stop("is no JSON"); }
  bool start_object(size_t) override {
    return Open({.kind = JsonValue::Kind::kObject});
  }
  bool start_array(size_t) override {
    return Open({.kind = JsonValue::Kind::kList});
  }
  bool key(string_t& name) override {
    open_.back()->members.push_back({std::move(name), *count_, {}});
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool end_object() override {
    const JsonMember* twice = FindTwice(*open_.back());
    open_.pop_back();
    if (twice == nullptr) return true;
    at_ = twice->offset;
    what = fmt::format("{}: appears twice in one object",
                       Quoted(Printable(twice->key)));
    return false;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    at_ = position;
    what = "is no JSON from here on";
    return false;
  }

  size_t error_offset() const { return at_; }

 private:
  // The later of two members with the same key.
  static const JsonMember* FindTwice(const JsonValue& object) {
    std::vector<const JsonMember*> sorted;
    for (const JsonMember& member : object.members) sorted.push_back(&member);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) {
      return std::tie(a->key, a->offset) < std::tie(b->key, b->offset);
    });
    const auto same =
        std::adjacent_find(sorted.begin(), sorted.end(),
                           [](auto* a, auto* b) { return a->key == b->key; });
    return same == sorted.end() ? nullptr : *std::next(same);
  }

  bool Stop(std::string why) {
    at_ = *count_;
    what = std::move(why);
    return false;
  }

  // Where the next value goes.
  JsonValue& Slot() {
    if (open_.empty()) return root;
    JsonValue& parent = *open_.back();
    if (parent.kind == JsonValue::Kind::kList) {
      return parent.list.emplace_back();
    }
    return parent.members.back().value;
  }

  // Only a number needs the character that follows it to be known as whole.
  bool Place(JsonValue value, bool one_beyond) {
    value.offset = *count_ - (one_beyond && *count_ > 0 ? 1 : 0);
    Slot() = std::move(value);
    return true;
  }

  bool Open(JsonValue value) {
    if (open_.size() == kMostJsonDepth) {
      return Stop(fmt::format("more than {} levels of lists and objects",
                              kMostJsonDepth));
    }
    value.offset = *count_;
    JsonValue& slot = Slot();
    slot = std::move(value);
    // Only the innermost list grows, so that pointers to those around it hold.
    open_.push_back(&slot);
    return true;
  }

  const size_t* count_;
  size_t at_ = 0;
  std::vector<JsonValue*> open_;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string JsonValue::Describe() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return boolean ? "true" : "false";
    case Kind::kInteger:
      return std::to_string(integer);
    case Kind::kReal:
      return fmt::format("{}", real);
    case Kind::kText:
      return Quoted(Printable(text));
    case Kind::kList:
      return list.empty() ? "[]" : "a list";
    case Kind::kObject:
      return members.empty() ? "{}" : "an object";
  }
  return "";
}

Result<JsonValue> ParseJson(std::string_view text, const std::string& file,
                            size_t begin) {
  size_t count = 0;
  TreeBuilder builder(&count);
  const bool whole = nlohmann::json::sax_parse(
      CountingIterator(text.data(), &count),
      CountingIterator(text.data() + text.size(), &count), &builder);
  if (whole) return std::move(builder.root);
  const size_t at = std::min(builder.error_offset(), text.size());
  return MakeError(
      ErrorCode::kCorrupt,
      fmt::format("{}: offset {}: JSON: {}", file, begin + at, builder.what));
}

size_t LineOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 +
         static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

}  // namespace triptych
