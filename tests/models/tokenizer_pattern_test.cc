// Unicode, the patterns, and the rules of published models against twins of
// them that are slow and plain.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/tokenizers/normalizer.h"
#include "models/tokenizers/pattern.h"
#include "models/tokenizers/pre_tokenizer.h"
#include "models/tokenizers/unicode.h"
#include "tests/models/random_text.h"

namespace triptych {
namespace {

using Words = std::vector<std::string>;

Words Matches(std::string_view regex, const std::string& text) {
  const Result<Pattern> pattern = Pattern::Compile(regex);
  REQUIRE_MESSAGE(pattern.has_value(), regex);
  PatternScanner scanner(*pattern, text);
  Words found;
  while (const auto match = scanner.Next()) {
    found.push_back(text.substr(match->begin, match->end - match->begin));
  }
  return found;
}

Words Split(const std::vector<SplitRule>& rules, const std::string& text) {
  Words words;
  PreTokenizer::Create(rules)->Split(
      text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

Words SplitBy(std::string_view name, const std::string& text) {
  return Split(FindRules(name)->rules, text);
}

std::string Refusal(std::string_view regex) {
  const Result<Pattern> pattern = Pattern::Compile(regex);
  return pattern ? "" : pattern.error().message;
}

TEST_CASE("Characters: what is no UTF-8 is one byte and a symbol") {
  CHECK(FirstCharacter("a").code == U'a');
  CHECK(FirstCharacter("\u20AC").code == U'\u20AC');
  CHECK(FirstCharacter("\u20AC").length == 3);
  for (const char* bad : {"\x80", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xFF", "\xE0\x80\x80"}) {
    CHECK(FirstCharacter(bad).code == kNotUtf8);
    CHECK(FirstCharacter(bad).length == 1);
  }
  CHECK(LastCharacter("a\u20AC").length == 3);
  CHECK(LastCharacter("a\x82\xAC").length == 1);
  CHECK(LastCharacter("\xAC").length == 1);
  CHECK((TraitsOf(kNotUtf8) & *CategoriesNamed("So")) != 0);
  CHECK((TraitsOf(U'\u00A0') & kWhiteSpace) != 0);
  CHECK((TraitsOf(U'\u0085') & kWhiteSpace) != 0);
  CHECK((TraitsOf(U'\u200B') & kWhiteSpace) == 0);  // zero width: Cf
  CHECK((TraitsOf(U'\u00B2') & *CategoriesNamed("N")) != 0);
  CHECK_FALSE(CategoriesNamed("X"));
  CHECK_FALSE(CategoriesNamed("Lux"));
  CHECK_FALSE(CategoriesNamed(""));
}

TEST_CASE("Walking a text backwards meets the same characters") {
  Rng rng(7);
  for (int trial = 0; trial < 500; ++trial) {
    const std::string text = RandomText(rng, 30);
    std::vector<size_t> forward, backward;
    for (size_t at = 0; at < text.size();) {
      forward.push_back(at);
      at += FirstCharacter(std::string_view(text).substr(at)).length;
    }
    for (size_t at = text.size(); at > 0;) {
      at -= LastCharacter(std::string_view(text).substr(0, at)).length;
      backward.push_back(at);
    }
    std::reverse(backward.begin(), backward.end());
    CHECK(forward == backward);
  }
}

TEST_CASE("Normal forms: composition, order of marks, and bytes that stay") {
  CHECK(Normalized("e\u0301", NormalForm::kNfc) == "\u00E9");
  CHECK(Normalized("\u00E9", NormalForm::kNfd) == "e\u0301");
  CHECK(Normalized("\uFB01", NormalForm::kNfkc) == "fi");
  CHECK(Normalized("\uFB01", NormalForm::kNfc) == "\uFB01");
  CHECK(Normalized("\u1112\u1161\u11AB", NormalForm::kNfc) == "\uD55C");
  // Cedilla (202) goes before acute (230), whichever was written first.
  CHECK(Normalized("a\u0301\u0327", NormalForm::kNfd) == "a\u0327\u0301");
  CHECK(Normalized("\xFF\u00E9\x80", NormalForm::kNfd) ==
        "\xFF"
        "e\u0301\x80");
  // Two classes in turn, without end: quadratic if sorted by exchanges.
  std::string marks = "a";
  for (int i = 0; i < 100000; ++i) marks += "\u0301\u0327";
  CHECK(Normalized(marks, NormalForm::kNfc).size() >= marks.size() - 4);
}

TEST_CASE("Patterns: sets, repeats, groups and what lies ahead") {
  CHECK(Matches("[a-c]+", "xabcxx-cab") == Words{"abc", "cab"});
  CHECK(Matches("[^a-c]", "axb") == Words{"x"});
  CHECK(Matches("[]a]+", "x]a]") == Words{"]a]"});
  CHECK(Matches(R"([a\-z]+)", "b-az") == Words{"-az"});
  CHECK(Matches("[a-]+", "b-a") == Words{"-a"});
  CHECK(Matches("a{2}", "aaaaa") == Words{"aa", "aa"});
  CHECK(Matches("a{2,3}", "aaaaaa") == Words{"aaa", "aaa"});
  CHECK(Matches("ba{1,}", "baaxba") == Words{"baa", "ba"});
  CHECK(Matches("(?:ab){1,2}c?", "ababcab") == Words{"ababc", "ab"});
  CHECK(Matches("x(ab|a)?b", "xabb xab xb") == Words{"xabb", "xab", "xb"});
  CHECK(Matches("a|ab", "ab") == Words{"a"});  // the first, not the longest
  CHECK(Matches("(?i:'s|'LL)", "'S 'll 'lL") == Words{"'S", "'ll", "'lL"});
  CHECK(Matches(R"(\s+(?!\S)|\s+)", "a   b ") == Words{"  ", " ", " "});
  CHECK(Matches(R"(a(?=b))", "ab ac") == Words{"a"});
  CHECK(Matches(R"(\s+$)", "  a  ") == Words{"  "});
  CHECK(Matches(R"(\p{Lu}\P{L})", "A1 Ab") == Words{"A1"});
  CHECK(Matches(R"([\P{L}]+)", "ab12c") == Words{"12"});
  CHECK(Matches(".", "a\nb") == Words{"a", "b"});
  // Possessive: what was taken is not given back.
  CHECK(Matches("a+ab", "aaab") == Words{"aaab"});
  CHECK(Matches("a++ab", "aaab") == Words{});
  CHECK(Matches("a*", "baa") == Words{"aa"});  // none empty
  // Back over characters of several bytes, and bytes that are none.
  CHECK(Matches("[\u00E9\u20AC]+\u00E9", "\u00E9\u20AC\u00E9\u20AC") ==
        Words{"\u00E9\u20AC\u00E9"});
  CHECK(Matches(R"(\p{So}+\p{So})", "\xE2\x82x") == Words{"\xE2\x82"});
}

TEST_CASE("Patterns that are not understood are refused by name") {
  for (const auto& [regex, why] :
       std::vector<std::pair<const char*, const char*>>{
           {"a)", "offset 1: a parenthesis"},
           {"(a", "a ) is missing"},
           {"(?<=a)b", "offset 0: of the groups"},
           {"a+?", "offset 2: lazy"},
           {"(ab)+", "without end"},
           {"(?:ab){1,3}+", "possessively"},
           {"*", "nothing to repeat"},
           {"a**", "cannot be repeated"},
           {"(?!a)*", "takes no character"},
           {"(?!ab)", "one character"},
           {"^a", "^"},
           {"[a", "ends too early"},
           {"[a&&b]", "&&"},
           {"[[:alpha:]]", "\\["},
           {"[z-a]", "range"},
           {"[a-\\s]", "range"},
           {"\\w", "of the escapes"},
           {"\\", "ends too early"},
           {"\\p{Greek}", "general category"},
           {"\\pL", "braces"},
           {"a{0}", "not 0"},
           {"a{3,2}", "larger"},
           {"a{1001}", "1000"},
           {"a{x}", "number"},
           {"a{1", "understood"},
           {"\xFF", "UTF-8"},
           {"a*a*b", "too many ways"},
           {"a?a?a?a?a?a?a?aaaaaaa", "too many ways"},
       }) {
    CHECK_MESSAGE(Refusal(regex).find(why) != std::string::npos,
                  regex << ": " << Refusal(regex));
  }
  std::string deep(20, '('), many = "a", large;
  CHECK(Refusal(deep).find("parentheses") != std::string::npos);
  for (int i = 0; i < 40; ++i) many += "|a";
  CHECK(Refusal(many).find("41 alternatives") != std::string::npos);
  for (int i = 0; i < 3000; ++i) large += 'a';
  CHECK(Refusal(large).find("too long") != std::string::npos);
}

TEST_CASE("Splits: what becomes of the matches") {
  const auto split = [](SplitBehavior behavior, bool invert = false) {
    return Split({{"-", behavior, invert}}, "a--b-");
  };
  CHECK(split(SplitBehavior::kIsolated) == Words{"a", "-", "-", "b", "-"});
  CHECK(split(SplitBehavior::kRemoved) == Words{"a", "b"});
  CHECK(split(SplitBehavior::kContiguous) == Words{"a", "--", "b", "-"});
  CHECK(split(SplitBehavior::kMergedWithPrevious) == Words{"a-", "-", "b-"});
  CHECK(split(SplitBehavior::kMergedWithNext) == Words{"a", "-", "-b", "-"});
  CHECK(split(SplitBehavior::kRemoved, true) == Words{"-", "-", "-"});
  CHECK(Split({{"b"}, {"[ac]"}}, "aabcc") == Words{"a", "a", "b", "c", "c"});
  CHECK(PreTokenizer::Create({{"a"}, {"("}})
            .error()
            .message.starts_with("rule 2: offset 1: "));
  CHECK_FALSE(PreTokenizer::Create(std::vector<SplitRule>(17, {"a"})));
}

TEST_CASE("The published rules cut as their expressions say") {
  CHECK(SplitBy("gpt-2", "I'll  see 42 dogs!?\n\n x") ==
        Words{"I", "'ll", " ", " see", " 42", " dogs", "!?", "\n\n", " x"});
  CHECK(SplitBy("gpt-2", "we'RE") == Words{"we", "'", "RE"});
  CHECK(SplitBy("llama-bpe", "we'RE 12345 (ok)\n\n  x") ==
        Words{"we", "'RE", " ", "123", "45", " (", "ok", ")\n\n", " ", " x"});
  CHECK(SplitBy("qwen2", "a 123.\n") == Words{"a", " ", "1", "2", "3", ".\n"});
  CHECK(SplitBy("starcoder", "x12 y") == Words{"x", "1", "2", " y"});
  CHECK(SplitBy("falcon", "a+b 12345") ==
        Words{"a", "+", "b", " ", "123", "45"});
  CHECK(SplitBy("default", "a 12345") == Words{"a", " ", "123", "45"});
  CHECK(SplitBy("deepseek-llm", "Hi, \u4F60\u597D 123\n") ==
        Words{"Hi", ",", " ", "\u4F60\u597D", " ", "123", "\n"});
  CHECK(SplitBy("deepseek-coder", "a 12") == Words{"a", " ", "1", "2"});
  CHECK(SplitBy("deepseek-v3", "x=abc 1234") ==
        Words{"x", "=abc", " ", "123", "4"});
  CHECK(SplitBy("tekken", "camelCaseHTTP 12") ==
        Words{"camel", "Case", "HTTP", " ", "1", "2"});
  CHECK(SplitBy("gpt-4o", "don't HTTPServer's") ==
        Words{"don't", " HTTPServer's"});
  CHECK(SplitBy("bloom", "a b, c") == Words{"a", " b", ",", " c"});
  CHECK(SplitBy("viking", "a b12") == Words{"a", " b", "1", "2"});
  CHECK(SplitBy("bert-bge", "Hi,  you!") == Words{"Hi", ",", "you", "!"});
  CHECK(FindRules("mpt")->rules == FindRules("gpt-2")->rules);
  CHECK(FindRules("llama-bpe")->whole_words);
  CHECK(FindRules("nothing") == nullptr);
}

// GPT-2's, Llama 3's and Qwen 2's expressions once more, an alternative a
// line, over characters.
struct Twin {
  bool any_case, any_prefix, lines;
  size_t digits;
};

Words SlowWords(const std::string& text, const Twin& twin) {
  std::vector<std::string> c;
  std::vector<TraitSet> t;
  for (size_t at = 0; at < text.size();) {
    const Character next = FirstCharacter(std::string_view(text).substr(at));
    c.push_back(text.substr(at, next.length));
    t.push_back(TraitsOf(next.code));
    at += next.length;
  }
  const TraitSet kL = *CategoriesNamed("L"), kN = *CategoriesNamed("N");
  using Is = std::function<bool(size_t)>;
  const Is letter = [&](size_t i) { return (t[i] & kL) != 0; };
  const Is number = [&](size_t i) { return (t[i] & kN) != 0; };
  const Is space = [&](size_t i) { return (t[i] & kWhiteSpace) != 0; };
  const Is line = [&](size_t i) { return c[i] == "\n" || c[i] == "\r"; };
  const Is other = [&](size_t i) {
    return !letter(i) && !number(i) && !space(i);
  };
  const auto run = [&](size_t i, const Is& is, size_t most = 1000000) {
    size_t n = 0;
    while (i + n < c.size() && n < most && is(i + n)) ++n;
    return n;
  };
  const auto contraction = [&](size_t i) -> size_t {
    for (const std::string tail : {"s", "t", "re", "ve", "m", "ll", "d"}) {
      std::string got;
      for (size_t k = 1; k <= tail.size() && i + k < c.size(); ++k) {
        got += c[i + k];
      }
      if (twin.any_case) {
        for (char& x : got) x = static_cast<char>(std::tolower(x));
      }
      if (c[i] == "'" && got == tail) return 1 + tail.size();
    }
    return 0;
  };
  const auto prefixed = [&](size_t i, const Is& is, const Is& prefix) {
    const size_t skip = i + 1 < c.size() && prefix(i) && is(i + 1) ? 1 : 0;
    const size_t n = run(i + skip, is);
    return n == 0 ? 0 : skip + n;
  };
  const Is one_space = [&](size_t i) { return c[i] == " "; };
  const Is any = [&](size_t i) { return !line(i) && !letter(i) && !number(i); };
  Words words;
  for (size_t i = 0; i < c.size();) {
    size_t n = contraction(i);
    if (n == 0) n = prefixed(i, letter, twin.any_prefix ? any : one_space);
    if (n == 0 && twin.digits > 0) n = run(i, number, twin.digits);
    if (n == 0 && twin.digits == 0) n = prefixed(i, number, one_space);
    if (n == 0 && (n = prefixed(i, other, one_space)) > 0 && twin.lines) {
      n += run(i + n, line);
    }
    if (n == 0) {
      const size_t spaces = run(i, space);
      size_t to_line = spaces;
      while (to_line > 0 && !line(i + to_line - 1)) --to_line;
      const bool ends = i + spaces == c.size();
      n = twin.lines && to_line > 0 ? to_line
          : ends || spaces == 1     ? spaces
                                    : spaces - 1;
    }
    std::string word;
    for (size_t k = 0; k < n; ++k) word += c[i + k];
    words.push_back(word);
    i += n;
  }
  return words;
}

TEST_CASE("Random texts are cut as the slow twins cut them") {
  const std::vector<std::pair<const char*, Twin>> twins = {
      {"gpt-2", {false, false, false, 0}},
      {"llama-bpe", {true, true, true, 3}},
      {"qwen2", {true, true, true, 1}}};
  Rng rng(11);
  for (const auto& [name, twin] : twins) {
    const PreTokenizer fast = *PreTokenizer::Create(FindRules(name)->rules);
    for (int trial = 0; trial < 2000; ++trial) {
      const std::string text = RandomText(rng, 24);
      Words got;
      fast.Split(text, [&](std::string_view word) { got.emplace_back(word); });
      CHECK_MESSAGE(got == SlowWords(text, twin), name << ": " << text);
    }
  }
}

TEST_CASE("Every published rule keeps every byte and takes no text too long") {
  Rng rng(13);
  std::vector<std::string> texts(200);
  for (std::string& text : texts) text = RandomText(rng, 60);
  // What would be quadratic if an expression were tried anew everywhere.
  constexpr size_t kLong = 100000;
  for (const char* unit : {" ", "\n", "a", "A", "'", "1", "\u4F60", "!", "\xFF",
                           " \n", "a'", "\u0301", "\t ", "Aa"}) {
    std::string text;
    while (text.size() < kLong) text += unit;
    texts.push_back(text);
    texts.push_back(text + "1");
    texts.push_back(text + "a");
  }
  for (const NamedRules& named : AllNamedRules()) {
    if (named.name == "bert-bge") continue;  // drops white space
    if (&named != FindRules(named.name)) continue;
    const PreTokenizer made = *PreTokenizer::Create(named.rules);
    bool same_rules_before = false;
    for (const NamedRules& other : AllNamedRules()) {
      if (&other == &named) break;
      same_rules_before |= other.rules == named.rules;
    }
    if (same_rules_before) continue;
    for (const std::string& text : texts) {
      std::string all;
      made.Split(text, [&](std::string_view word) { all += word; });
      CHECK_MESSAGE(all == text, named.name);
    }
  }
}

TEST_CASE("BERT's normalizer: controls, ideographs, case and accents") {
  const auto cased = BertNormalizer(false), uncased = BertNormalizer(true);
  CHECK(Normalize(uncased, "H\u00C9llo\tW\u00F6rld") == "hello world");
  CHECK(Normalize(cased, "H\u00C9llo") == "H\u00C9llo");
  CHECK(Normalize(uncased,
                  "a\u200Bb\x01"
                  "c\uFFFD\xFF") == "abc");
  CHECK(Normalize(uncased, std::string_view("a\0b", 3)) == "ab");
  CHECK(Normalize(uncased, "a\u4F60b") == "a \u4F60 b");
  CHECK(Normalize(uncased, "\u0130") == "i");
  using Kind = NormalizeStep::Kind;
  CHECK(Normalize(std::vector<NormalizeStep>{{Kind::kReplace, "ab", "c"}},
                  "ababa") == "cca");
  CHECK(Normalize(std::vector<NormalizeStep>{{Kind::kStripLeft}},
                  "\u00A0 a ") == "a ");
  CHECK(Normalize(std::vector<NormalizeStep>{{Kind::kStripRight}},
                  " a\u3000\n") == " a");
}

}  // namespace
}  // namespace triptych
