// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_tokenizer_steps.h"

#include <fmt/core.h>

#include <utility>

namespace triptych {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr char kPunctuation[] = R"([\p{P}!-/:-@\[-`{-~])";

using Kind = JsonAt::Kind;
using Step = NormalizeStep::Kind;

// A literal text as a pattern.
std::string Escaped(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (std::string_view("\\.+*?()[]{}|^$").find(c) != std::string::npos) {
      pattern += '\\';
    }
    pattern += c;
  }
  return pattern;
}

class StepReader {
 public:
  Result<HfSteps> Read(const JsonAt& root) {
    TRIPTYCH_TRY(Normalizer(root["normalizer"]));
    TRIPTYCH_TRY(PreTokenizer(root["pre_tokenizer"], true));
    TRIPTYCH_TRY(PostProcessor(root["post_processor"]));
    return std::move(steps_);
  }

 private:
  // Calls `read(element, first)` for the elements of a Sequence's list.
  template <class Read>
  static Status ForEach(const JsonAt& list, const Read& read) {
    TRIPTYCH_TRY(list.Expect(Kind::kList));
    for (size_t i = 0; i < list.size(); ++i) {
      TRIPTYCH_TRY(read(list[i], i == 0));
    }
    return {};
  }

  static std::unexpected<Error> Unknown(const JsonAt& at, std::string_view type,
                                        std::string_view known) {
    return at["type"].Fail(fmt::format("{}: is not read; {} are", type, known));
  }

  // ---- Normalizers ----

  Status Normalizer(const JsonAt& at) {
    if (at.Is(Kind::kNull)) return {};
    TRIPTYCH_ASSIGN(const std::string_view type, at.Text("type"));
    if (type == "Sequence") {
      return ForEach(at["normalizers"], [&](const JsonAt& element, bool) {
        return Normalizer(element);
      });
    }
    constexpr std::pair<std::string_view, Step> kPlain[] = {
        {"NFC", Step::kNfc},
        {"NFD", Step::kNfd},
        {"NFKC", Step::kNfkc},
        {"NFKD", Step::kNfkd},
        {"Lowercase", Step::kLowercase},
        {"StripAccents", Step::kStripAccents}};
    for (const auto& [name, step] : kPlain) {
      if (name == type) {
        steps_.normalize.push_back({step});
        return {};
      }
    }
    if (type == "Replace") return Replace(at);
    if (type == "Prepend") return Prepend(at);
    if (type == "Strip") return Strip(at);
    if (type == "BertNormalizer") return Bert(at);
    return Unknown(at, type,
                   "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, "
                   "Replace, Prepend, BertNormalizer and Sequence");
  }

  Status Replace(const JsonAt& at) {
    const JsonAt pattern = at["pattern"];
    if (!pattern["Regex"].Is(Kind::kNull)) {
      return pattern["Regex"].Fail("only a String can be replaced");
    }
    TRIPTYCH_ASSIGN(const std::string_view from, pattern.Text("String"));
    TRIPTYCH_ASSIGN(const std::string_view to, at.Text("content"));
    if (from.empty()) return pattern["String"].Fail("must not be empty");
    // Inside a space stays a space.
    if (from == " " && to == kSpaceMark) {
      steps_.marks = true;
      return {};
    }
    if (from.find(kSpaceMark) != from.npos || to.find(kSpaceMark) != to.npos) {
      return at.Fail("U+2581 may only be what a space becomes");
    }
    steps_.normalize.push_back(
        {Step::kReplace, std::string(from), std::string(to)});
    return {};
  }

  Status Prepend(const JsonAt& at) {
    TRIPTYCH_ASSIGN(const std::string_view text, at.Text("prepend"));
    if (text != kSpaceMark) return at["prepend"].Fail("must be U+2581");
    steps_.marks = steps_.space_prefix = steps_.every_run = true;
    return {};
  }

  Status Strip(const JsonAt& at) {
    TRIPTYCH_ASSIGN(const bool left, at.Bool("strip_left", true));
    TRIPTYCH_ASSIGN(const bool right, at.Bool("strip_right", true));
    if (left) steps_.normalize.push_back({Step::kStripLeft});
    if (right) steps_.normalize.push_back({Step::kStripRight});
    return {};
  }

  Status Bert(const JsonAt& at) {
    TRIPTYCH_ASSIGN(const bool clean, at.Bool("clean_text", true));
    TRIPTYCH_ASSIGN(const bool chinese, at.Bool("handle_chinese_chars", true));
    TRIPTYCH_ASSIGN(const bool lower, at.Bool("lowercase", true));
    TRIPTYCH_ASSIGN(const bool strip, at.Bool("strip_accents", lower));
    if (clean) steps_.normalize.push_back({Step::kCleanText});
    if (chinese) steps_.normalize.push_back({Step::kSpaceIdeographs});
    if (strip) {
      steps_.normalize.push_back({Step::kNfd});
      steps_.normalize.push_back({Step::kStripAccents});
    }
    if (lower) steps_.normalize.push_back({Step::kLowercase});
    return {};
  }

  // ---- Pre-tokenizers ----

  Status PreTokenizer(const JsonAt& at, bool first) {
    if (at.Is(Kind::kNull)) return {};
    TRIPTYCH_ASSIGN(const std::string_view type, at.Text("type"));
    if (type == "Sequence") {
      return ForEach(at["pretokenizers"],
                     [&](const JsonAt& element, bool leads) {
                       return PreTokenizer(element, first && leads);
                     });
    }
    if (steps_.marks && type != "Metaspace") return AfterMarks(at, type);
    if (type == "ByteLevel") return ByteLevel(at, first);
    if (type == "Metaspace") return Metaspace(at, first);
    if (type == "Split") return Split(at);
    if (type == "Digits") {
      TRIPTYCH_ASSIGN(const bool each, at.Bool("individual_digits", false));
      steps_.split.push_back({each ? R"(\p{N})" : R"(\p{N}+)"});
    } else if (type == "Punctuation") {
      TRIPTYCH_ASSIGN(const SplitBehavior behavior, Behavior(at, "Isolated"));
      steps_.split.push_back({kPunctuation, behavior});
    } else if (type == "WhitespaceSplit") {
      steps_.split.push_back({R"(\s+)", SplitBehavior::kRemoved});
    } else if (type == "BertPreTokenizer") {
      const std::vector<SplitRule>& rules = FindRules("bert-bge")->rules;
      steps_.split.insert(steps_.split.end(), rules.begin(), rules.end());
    } else {
      return Unknown(at, type,
                     "ByteLevel, Split, Digits, Punctuation, WhitespaceSplit, "
                     "BertPreTokenizer, Metaspace and Sequence");
    }
    return {};
  }

  // Here a space is still a space where the file means U+2581 by now: a rule
  // would find what it is not to find.
  static Status AfterMarks(const JsonAt& at, std::string_view type) {
    const JsonAt literal = at["pattern"]["String"];
    if (type == "Split" && literal.Is(Kind::kText) &&
        literal.value().text == " ") {
      return {};  // finds none: Gemma's
    }
    return at["type"].Fail(
        fmt::format("{}: after spaces became U+2581: is not read", type));
  }

  Status ByteLevel(const JsonAt& at, bool first) {
    TRIPTYCH_ASSIGN(const bool prefix, at.Bool("add_prefix_space", true));
    TRIPTYCH_ASSIGN(const bool regex, at.Bool("use_regex", true));
    steps_.byte_level = true;
    if (prefix) {
      if (!first) {
        return at["add_prefix_space"].Fail("after another step: is not read");
      }
      steps_.space_prefix = steps_.every_run = steps_.unless_there = true;
    }
    if (regex) steps_.split.push_back(FindRules("gpt-2")->rules.front());
    return {};
  }

  Status Metaspace(const JsonAt& at, bool first) {
    TRIPTYCH_ASSIGN(const std::string_view mark,
                    at.Text("replacement", kSpaceMark));
    if (mark != kSpaceMark) return at["replacement"].Fail("must be U+2581");
    TRIPTYCH_ASSIGN(const bool old, at.Bool("add_prefix_space", true));
    TRIPTYCH_ASSIGN(const std::string_view scheme,
                    at.Text("prepend_scheme", old ? "always" : "never"));
    TRIPTYCH_ASSIGN(const bool split, at.Bool("split", true));
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      return at["prepend_scheme"].Fail("must be always, first or never");
    }
    if (!first) return at["type"].Fail("Metaspace: must be the first step");
    steps_.marks = true;
    steps_.space_prefix = scheme != "never";
    steps_.every_run = scheme == "always";
    steps_.unless_there = true;
    if (split) steps_.split.push_back({" ", SplitBehavior::kMergedWithNext});
    return {};
  }

  Status Split(const JsonAt& at) {
    SplitRule rule;
    const JsonAt pattern = at["pattern"];
    const bool regex = !pattern["Regex"].Is(Kind::kNull);
    TRIPTYCH_ASSIGN(rule.pattern, pattern.Text(regex ? "Regex" : "String"));
    const JsonAt where = pattern[regex ? "Regex" : "String"];
    if (rule.pattern.empty()) return where.Fail("must not be empty");
    if (!regex) rule.pattern = Escaped(rule.pattern);
    if (auto compiled = Pattern::Compile(rule.pattern); !compiled) {
      return where.Fail(compiled.error().message);
    }
    TRIPTYCH_ASSIGN(rule.behavior, Behavior(at, {}));
    TRIPTYCH_ASSIGN(rule.invert, at.Bool("invert", false));
    steps_.split.push_back(std::move(rule));
    return {};
  }

  static Result<SplitBehavior> Behavior(
      const JsonAt& at, std::optional<std::string_view> otherwise) {
    constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
        {"Isolated", SplitBehavior::kIsolated},
        {"Removed", SplitBehavior::kRemoved},
        {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
        {"MergedWithNext", SplitBehavior::kMergedWithNext},
        {"Contiguous", SplitBehavior::kContiguous}};
    TRIPTYCH_ASSIGN(const std::string_view name,
                    at.Text("behavior", otherwise));
    for (const auto& [known, behavior] : kNames) {
      if (known == name) return behavior;
    }
    return at["behavior"].Fail(
        "must be Isolated, Removed, MergedWithPrevious, MergedWithNext or "
        "Contiguous");
  }

  // ---- Post-processors ----

  Status PostProcessor(const JsonAt& at) {
    if (at.Is(Kind::kNull)) return {};
    TRIPTYCH_ASSIGN(const std::string_view type, at.Text("type"));
    if (type == "ByteLevel") return {};  // about offsets only
    if (type == "Sequence") {
      return ForEach(at["processors"], [&](const JsonAt& element, bool) {
        return PostProcessor(element);
      });
    }
    if (type == "TemplateProcessing") return Template(at["single"]);
    if (type == "BertProcessing" || type == "RobertaProcessing") {
      TRIPTYCH_TRY(Named(at["cls"], steps_.begin));
      return Named(at["sep"], steps_.end);
    }
    return Unknown(at, type,
                   "TemplateProcessing, BertProcessing, RobertaProcessing, "
                   "ByteLevel and Sequence");
  }

  // ["[CLS]", 101].
  static Status Named(const JsonAt& at, std::optional<std::string>& token) {
    if (at.size() != 2) return at.Fail("must be a token and its id");
    TRIPTYCH_TRY(at[size_t{0}].Expect(Kind::kText));
    token = at[size_t{0}].value().text;
    return {};
  }

  // [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}].
  Status Template(const JsonAt& list) {
    bool text_seen = false;
    return ForEach(list, [&](const JsonAt& item, bool) -> Status {
      const JsonAt special = item["SpecialToken"];
      if (special.Is(Kind::kNull)) {
        if (item["Sequence"].Is(Kind::kNull) || text_seen) {
          return item.Fail("must be a SpecialToken or, once, the Sequence");
        }
        text_seen = true;
        return {};
      }
      std::optional<std::string>& token = text_seen ? steps_.end : steps_.begin;
      if (token) return item.Fail("one token before and one after are read");
      TRIPTYCH_ASSIGN(token, special.Text("id"));
      return {};
    });
  }

  HfSteps steps_;
};

}  // namespace

Result<HfSteps> ReadHfSteps(const JsonAt& root) {
  return StepReader().Read(root);
}

}  // namespace triptych
