// Pattern::Compile: text to a tree, the tree, from its end, to steps.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <bitset>
#include <cctype>
#include <string>
#include <utility>

#include "models/tokenizers/pattern.h"
#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

constexpr uint32_t kUnbounded = UINT32_MAX;
constexpr uint32_t kMaxCount = 1000;  // of {m,n}
constexpr int kMaxDepth = 16;         // of parentheses
constexpr size_t kMaxSteps = 2000;
constexpr double kMaxWays = 64;

struct Node {
  enum class Kind : uint8_t { kSet, kAhead, kEnd, kSequence, kEither };
  Kind kind = Kind::kSequence;
  CharSet set;
  bool wanted = true;  // kAhead
  uint32_t least = 1, most = 1;
  bool final = false;          // possessive
  std::vector<Node> children;  // kSequence, kEither
};

// Reads the text of a pattern; recursive descent, a function for each rule.
class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  Result<Node> Parse() {
    TRIPTYCH_ASSIGN(Node node, Alternatives());
    if (at_ < text_.size()) return Fail("a parenthesis too many");
    return node;
  }

 private:
  std::unexpected<Error> Fail(std::string_view what) const {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("offset {}: {}", at_, what));
  }

  bool Skip(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool AtAnyOf(std::string_view bytes) const {
    return at_ < text_.size() && bytes.find(text_[at_]) != bytes.npos;
  }

  Result<char32_t> Code() {
    if (at_ == text_.size()) return Fail("ends too early");
    const Character c = FirstCharacter(text_.substr(at_));
    if (c.code == kNotUtf8) return Fail("must be UTF-8");
    at_ += c.length;
    return c.code;
  }

  Result<Node> Alternatives() {
    Node either{.kind = Node::Kind::kEither};
    do {
      TRIPTYCH_ASSIGN(Node sequence, Sequence());
      either.children.push_back(std::move(sequence));
    } while (Skip("|"));
    if (either.children.size() > 1) return either;
    return std::move(either.children.front());
  }

  Result<Node> Sequence() {
    Node sequence;
    while (at_ < text_.size() && !AtAnyOf("|)")) {
      TRIPTYCH_ASSIGN(Node node, Atom());
      TRIPTYCH_TRY(Repeat(node));
      sequence.children.push_back(std::move(node));
    }
    return sequence;
  }

  Result<Node> Atom() {
    if (AtAnyOf("?*+{")) return Fail("nothing to repeat");
    if (AtAnyOf("^")) return Fail("^ is not understood; $ is");
    if (Skip("$")) return Node{.kind = Node::Kind::kEnd};
    if (Skip("(?=")) return Ahead(true);
    if (Skip("(?!")) return Ahead(false);
    if (Skip("(?i:")) {
      const bool outer = std::exchange(fold_, true);
      Result<Node> node = Group();
      fold_ = outer;
      return node;
    }
    if (Skip("(?:")) return Group();
    if (text_.substr(at_).starts_with("(?")) {
      return Fail(
          "of the groups that begin with (? there are (?: (?i: (?= "
          "and (?!");
    }
    if (Skip("(")) return Group();
    Node node{.kind = Node::Kind::kSet};
    TRIPTYCH_TRY(OneOf(node.set));
    return node;
  }

  Result<Node> Group() {
    if (++depth_ > kMaxDepth) return Fail("too many parentheses, one in one");
    TRIPTYCH_ASSIGN(Node node, Alternatives());
    if (!Skip(")")) return Fail("a ) is missing");
    --depth_;
    // "(?:x)+" is "x+".
    if (node.kind == Node::Kind::kSequence && node.children.size() == 1) {
      Node only = std::move(node.children.front());
      if (only.least == 1 && only.most == 1) return only;
      node.children.front() = std::move(only);
    }
    return node;
  }

  Result<Node> Ahead(bool wanted) {
    Node node{.kind = Node::Kind::kAhead, .wanted = wanted};
    TRIPTYCH_TRY(OneOf(node.set));
    if (!Skip(")")) return Fail("one character or set can be looked ahead at");
    return node;
  }

  // A set, a class or a character.
  Status OneOf(CharSet& set) {
    if (Skip("[")) {
      TRIPTYCH_TRY(Brackets(set));
    } else if (Skip(".")) {
      set.Add('\n', '\n');
      set.Negate();
    } else if (Skip("\\")) {
      TRIPTYCH_ASSIGN(const std::optional<char32_t> code, Escaped(set));
      if (code) set.Add(*code, *code);
    } else {
      TRIPTYCH_ASSIGN(const char32_t code, Code());
      set.Add(code, code);
    }
    if (fold_) set.AddOtherCases();
    set.Seal();
    return {};
  }

  Status Brackets(CharSet& set) {
    if (Skip("^")) set.Negate();
    if (Skip("]")) set.Add(']', ']');  // in the first place it is itself
    while (!Skip("]")) TRIPTYCH_TRY(Member(set));
    return {};
  }

  // "a", "a-z", "\s" or "\p{L}" within brackets.
  Status Member(CharSet& set) {
    if (AtAnyOf("[")) return Fail("write \\[ for a [ within brackets");
    if (text_.substr(at_).starts_with("&&")) {
      return Fail("&& within brackets is not understood");
    }
    TRIPTYCH_ASSIGN(const std::optional<char32_t> first, Bound(set));
    if (!first) return {};
    const bool range =
        AtAnyOf("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
    if (!range) {
      set.Add(*first, *first);
      return {};
    }
    ++at_;
    TRIPTYCH_ASSIGN(const std::optional<char32_t> last, Bound(set));
    if (!last || *last < *first) return Fail("this range has no end");
    set.Add(*first, *last);
    return {};
  }

  Result<std::optional<char32_t>> Bound(CharSet& set) {
    if (Skip("\\")) return Escaped(set);
    TRIPTYCH_ASSIGN(const char32_t code, Code());
    return code;
  }

  // What follows a backslash: a character, or traits that are added to `set`.
  Result<std::optional<char32_t>> Escaped(CharSet& set) {
    TRIPTYCH_ASSIGN(const char32_t code, Code());
    switch (code) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 's':
        set.AddTraits(kWhiteSpace);
        return std::nullopt;
      case 'S':
        set.AddTraits(kNotWhiteSpace);
        return std::nullopt;
      case 'd':
        set.AddTraits(*CategoriesNamed("Nd"));
        return std::nullopt;
      case 'p':
      case 'P': {
        TRIPTYCH_ASSIGN(const TraitSet categories, Categories());
        set.AddTraits(code == 'p' ? categories : kAllCategories & ~categories);
        return std::nullopt;
      }
      default:
        if (code < 128 && std::isalnum(static_cast<int>(code))) {
          return Fail(
              "of the escapes there are \\n \\r \\t \\s \\S \\d \\p "
              "\\P and those of punctuation");
        }
        return code;
    }
  }

  Result<TraitSet> Categories() {
    const size_t end = text_.find('}', at_);
    if (!Skip("{") || end == text_.npos) {
      return Fail("a general category in braces must follow");
    }
    const auto named = CategoriesNamed(text_.substr(at_, end - at_));
    if (!named) return Fail("not a general category of Unicode");
    at_ = end + 1;
    return *named;
  }

  Status Repeat(Node& node) {
    if (!AtAnyOf("?*+{")) return {};
    if (node.kind == Node::Kind::kAhead || node.kind == Node::Kind::kEnd) {
      return Fail("what takes no character cannot be repeated");
    }
    if (Skip("?")) {
      node.least = 0;
    } else if (Skip("*")) {
      node.least = 0;
      node.most = kUnbounded;
    } else if (Skip("+")) {
      node.most = kUnbounded;
    } else {
      TRIPTYCH_TRY(Braces(node));
    }
    if (node.kind != Node::Kind::kSet && node.most == kUnbounded) {
      return Fail("a group cannot be repeated without end");
    }
    if (AtAnyOf("?")) return Fail("lazy repeats are not understood");
    if (Skip("+")) node.final = true;
    if (node.final && node.kind != Node::Kind::kSet) {
      return Fail("a group cannot be repeated possessively");
    }
    if (AtAnyOf("?*+{")) return Fail("a repeat cannot be repeated");
    return {};
  }

  Status Braces(Node& node) {
    ++at_;  // {
    TRIPTYCH_ASSIGN(node.least, Number());
    node.most = node.least;
    if (Skip(",")) {
      node.most = kUnbounded;
      if (!AtAnyOf("}")) {
        TRIPTYCH_ASSIGN(node.most, Number());
      }
    }
    if (!Skip("}")) return Fail("{m}, {m,} and {m,n} are understood");
    if (node.most == 0 || node.most < node.least) {
      return Fail("the larger number comes second and is not 0");
    }
    return {};
  }

  Result<uint32_t> Number() {
    uint32_t value = 0;
    if (!AtAnyOf("0123456789")) return Fail("a number must follow");
    while (AtAnyOf("0123456789")) {
      value = value * 10 + static_cast<uint32_t>(text_[at_++] - '0');
      if (value > kMaxCount) return Fail("a count must be at most 1000");
    }
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  bool fold_ = false;  // within (?i: ... )
};

}  // namespace

// Emits from the end: each node is told where what follows it begins.
class PatternCompiler {
 public:
  Result<Pattern> Compile(std::string_view regex) {
    PatternParser parser(regex);
    TRIPTYCH_ASSIGN(const Node tree, parser.Parse());
    TRIPTYCH_ASSIGN(const uint16_t match,
                    Push({}, {.always = true, .first = AllAscii()}));
    const bool several =
        tree.kind == Node::Kind::kEither && tree.least == 1 && tree.most == 1;
    const size_t count = several ? tree.children.size() : 1;
    if (count > Pattern::kMaxAlternatives) {
      return Refuse(fmt::format("{} alternatives: {} are allowed", count,
                                Pattern::kMaxAlternatives));
    }
    for (size_t i = 0; i < count; ++i) {
      TRIPTYCH_TRY(AddAlternative(several ? tree.children[i] : tree, match));
    }
    return std::move(made_);
  }

 private:
  // What is known about matching from a step on.
  struct Facts {
    bool always = false;     // whatever the text
    double ways = 1;         // to try, an unbounded repeat counting once
    int unbounded = 0;       // repeats that may have to give back, on a path
    std::bitset<128> first;  // ASCII that a match can begin with
  };

  static std::bitset<128> AllAscii() { return std::bitset<128>().set(); }

  static std::unexpected<Error> Refuse(std::string what) {
    return MakeError(ErrorCode::kUnsupported, std::move(what));
  }

  Status AddAlternative(const Node& node, uint16_t match) {
    TRIPTYCH_ASSIGN(const uint16_t start, Emit(node, match));
    const Facts& facts = facts_[start];
    if (facts.unbounded > 1 || facts.ways > kMaxWays) {
      return Refuse(
          fmt::format("alternative {}: too many ways to match the same text",
                      made_.alternatives_.size() + 1));
    }
    const uint32_t bit = uint32_t{1} << made_.alternatives_.size();
    made_.alternatives_.push_back(start);
    for (size_t byte = 0; byte < 256; ++byte) {
      if (byte >= 128 || facts.first[byte]) {
        made_.candidates_[byte] |= bit;
      }
    }
    return {};
  }

  Result<uint16_t> Push(Pattern::Step step, Facts facts) {
    if (made_.steps_.size() >= kMaxSteps) return Refuse("too long a pattern");
    made_.steps_.push_back(step);
    facts_.push_back(facts);
    return static_cast<uint16_t>(made_.steps_.size() - 1);
  }

  Result<uint16_t> Emit(const Node& node, uint16_t next) {
    switch (node.kind) {
      case Node::Kind::kSet:
        return EmitRepeat(node, next);
      case Node::Kind::kAhead:
      case Node::Kind::kEnd: {
        const bool ahead = node.kind == Node::Kind::kAhead;
        Pattern::Step step{.kind = ahead ? Pattern::Step::Kind::kAhead
                                         : Pattern::Step::Kind::kEnd,
                           .wanted = node.wanted,
                           .set = ahead ? AddSet(node) : uint16_t{0},
                           .next = next};
        Facts facts = facts_[next];
        facts.always = false;
        facts.first = AllAscii();
        return Push(step, facts);
      }
      default:
        return EmitGroup(node, next);
    }
  }

  uint16_t AddSet(const Node& node) {
    made_.sets_.push_back(node.set);
    return static_cast<uint16_t>(made_.sets_.size() - 1);
  }

  Result<uint16_t> EmitRepeat(const Node& node, uint16_t next) {
    Facts facts = facts_[next];
    const bool risky = !facts.always && node.most == kUnbounded;
    if (risky && risky_ == Pattern::kMaxRisky) {
      return Refuse("too many repeats");
    }
    if (risky && !node.final) {
      ++facts.unbounded;
    } else if (!facts.always && !node.final) {
      facts.ways *= node.most - node.least + 1;
    }
    facts.always = facts.always && node.least == 0;
    if (node.least > 0) facts.first.reset();
    for (char32_t code = 0; code < 128; ++code) {
      if (node.set.Has(code)) facts.first.set(code);
    }
    return Push({.kind = Pattern::Step::Kind::kRepeat,
                 .final = node.final,
                 .risky = risky ? risky_++ : Pattern::kNotRisky,
                 .set = AddSet(node),
                 .least = node.least,
                 .most = node.most,
                 .next = next},
                facts);
  }

  // A group, as often as it is wanted; the last ones may be left out.
  Result<uint16_t> EmitGroup(const Node& node, uint16_t next) {
    uint16_t at = next;
    for (uint32_t i = node.most; i > 0; --i) {
      TRIPTYCH_ASSIGN(const uint16_t once, EmitOnce(node, at));
      at = once;
      if (i > node.least) {
        TRIPTYCH_ASSIGN(at, Either(once, next));
      }
    }
    return at;
  }

  Result<uint16_t> EmitOnce(const Node& node, uint16_t next) {
    if (node.kind == Node::Kind::kSequence) {
      for (size_t i = node.children.size(); i > 0; --i) {
        TRIPTYCH_ASSIGN(next, Emit(node.children[i - 1], next));
      }
      return next;
    }
    TRIPTYCH_ASSIGN(uint16_t at, Emit(node.children.back(), next));
    for (size_t i = node.children.size() - 1; i > 0; --i) {
      TRIPTYCH_ASSIGN(const uint16_t first, Emit(node.children[i - 1], next));
      TRIPTYCH_ASSIGN(at, Either(first, at));
    }
    return at;
  }

  Result<uint16_t> Either(uint16_t first, uint16_t second) {
    const Facts &a = facts_[first], &b = facts_[second];
    const Facts facts{.always = a.always || b.always,
                      .ways = a.always ? a.ways : a.ways + b.ways,
                      .unbounded = std::max(a.unbounded, b.unbounded),
                      .first = a.first | b.first};
    return Push(
        {.kind = Pattern::Step::Kind::kEither, .next = first, .other = second},
        facts);
  }

  Pattern made_;
  std::vector<Facts> facts_;  // one a step
  uint8_t risky_ = 0;         // such repeats so far
};

Result<Pattern> Pattern::Compile(std::string_view regex) {
  return PatternCompiler().Compile(regex);
}

}  // namespace triptych
