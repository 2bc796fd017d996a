// Expressions: values against the host's own arithmetic, mistakes by column.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "tools/sweep/expression.h"

namespace triptych::sweep {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class TestScope final : public Scope {
 public:
  std::optional<Symbol> Find(std::string_view name) override {
    for (size_t i = 0; i < std::size(kNames); ++i) {
      if (kNames[i] == name) return Symbol{i, i == kText};
    }
    return std::nullopt;
  }
  std::vector<std::string> Names() const override {
    return {std::begin(kNames), std::end(kNames)};
  }
  double Intern(std::string_view text) override {
    return texts_.emplace(text, static_cast<double>(texts_.size()))
        .first->second;
  }

 private:
  static constexpr size_t kText = 4;
  static constexpr std::string_view kNames[] = {
      "a", "adc.bits", "optical:adc.bits", "missing", "target"};
  std::map<std::string, double, std::less<>> texts_;
};

// With a = 3, adc.bits = 8, optical:adc.bits = 2, target = "mesh".
double ValueOf(const std::string& text) {
  TestScope scope;
  const double mesh = scope.Intern("mesh");
  const auto parsed = Expression::Parse(text, scope);
  REQUIRE_MESSAGE(parsed.has_value(), text, ": ",
                  parsed ? "" : parsed.error().message);
  const double slots[] = {3, 8, 2, kNan, mesh};
  return parsed->Evaluate(slots);
}

std::string ErrorOf(const std::string& text) {
  TestScope scope;
  const auto parsed = Expression::Parse(text, scope);
  return parsed ? "" : parsed.error().message;
}

TEST_CASE("operators bind as in arithmetic") {
  CHECK(ValueOf("1 + 2 * 3") == 7);
  CHECK(ValueOf("(1 + 2) * 3") == 9);
  CHECK(ValueOf("10 - 4 - 3") == 3);
  CHECK(ValueOf("24 / 4 / 2") == 3);
  CHECK(ValueOf("2 ^ 3 ^ 2") == 512);
  CHECK(ValueOf("-2 ^ 2") == -4);
  CHECK(ValueOf("2 ^ -1") == 0.5);
  CHECK(ValueOf("- -a") == 3);
  CHECK(ValueOf("1.5e-3 * 2") == 1.5e-3 * 2);
  CHECK(ValueOf("adc.bits * optical:adc.bits + a") == 19);
}

TEST_CASE("functions") {
  CHECK(ValueOf("min(5, a, adc.bits)") == 3);
  CHECK(ValueOf("max(5, a, adc.bits)") == 8);
  CHECK(ValueOf("sqrt(adc.bits + 1)") == 3);
  CHECK(ValueOf("log2(adc.bits)") == 3);
  CHECK(ValueOf("ceil(a / 2) - floor(a / 2)") == 1);
  CHECK(ValueOf("if(a > 2, 10, 20)") == 10);
  CHECK(ValueOf("if(a > 3, 10, 20)") == 20);
}

TEST_CASE("conditions are 1 and 0, and weaker than comparisons") {
  CHECK(ValueOf("a == 3 and adc.bits >= 8") == 1);
  CHECK(ValueOf("a != 3 or adc.bits < 8") == 0);
  CHECK(ValueOf("not a > 3") == 1);
  CHECK(ValueOf("1 or 0 and 0") == 1);
  CHECK(ValueOf("a <= 3") == 1);
  CHECK(ValueOf("target == \"mesh\"") == 1);
  CHECK(ValueOf("target != 'mesh'") == 0);
  CHECK(ValueOf("target == 'npu'") == 0);
}

TEST_CASE("what a point does not have is unknown, not false") {
  CHECK(std::isnan(ValueOf("missing + 1")));
  CHECK(std::isnan(ValueOf("missing > 1")));
  CHECK(std::isnan(ValueOf("min(missing, 1)")));
  CHECK(std::isnan(ValueOf("max(1, missing)")));
  CHECK(std::isnan(ValueOf("not missing > 1")));
  CHECK(std::isnan(ValueOf("if(missing > 1, 2, 3)")));
  CHECK(ValueOf("missing > 1 and a > 5") == 0);
  CHECK(ValueOf("missing > 1 or a > 2") == 1);
  CHECK(std::isnan(ValueOf("missing > 1 or a > 5")));
  CHECK(std::isnan(ValueOf("missing > 1 and a > 2")));
}

TEST_CASE("mistakes have a column and say what is allowed") {
  CHECK(ErrorOf("1 +") ==
        "column 4: ends where a number, a name or ( is needed");
  CHECK(ErrorOf("a + adc.bit") ==
        "column 5: no such name adc.bit; the nearest is adc.bits");
  CHECK(ErrorOf("2 * root(a)") ==
        "column 5: no such function root; allowed min, max, sqrt, log2, ceil, "
        "floor, if");
  CHECK(ErrorOf("(a") == "column 3: ) is needed here");
  CHECK(ErrorOf("a b") ==
        "column 3: unexpected 'b'; allowed an operator or the end");
  CHECK(ErrorOf("a * $") ==
        "column 5: unexpected '$'; allowed a number, a name or (");
  CHECK(ErrorOf("sqrt(1, 2)") == "column 1: sqrt takes 1 arguments, not 2");
  CHECK(ErrorOf("min(1)") ==
        "column 1: min takes two or more arguments, not 1");
  CHECK(ErrorOf("target < 'mesh'") ==
        "column 8: texts can be compared with == and != alone");
  CHECK(ErrorOf("target == 3") ==
        "column 8: a text can be compared with a text alone");
  CHECK(ErrorOf("target + 1") ==
        "column 8: a number is needed before here, not a text");
  CHECK(ErrorOf("'mesh'") ==
        "column 1: a number or a condition is needed, not a text");
  CHECK(ErrorOf("target == 'mesh") ==
        "column 11: a text without its closing quote");
  CHECK(ErrorOf("") == "column 1: ends where a number, a name or ( is needed");
}

TEST_CASE("no text overflows the stack") {
  CHECK(ErrorOf(std::string(100'000, '(')).find("nested too deeply") !=
        std::string::npos);
  CHECK(ErrorOf(std::string(100'000, '-')).find("nested too deeply") !=
        std::string::npos);
  std::string right = "1";
  for (int i = 0; i < 80; ++i) right = "1 + (" + right + ")";
  CHECK(ErrorOf(right) ==
        "column 1: too many operands at once; name a part of it as a column");
}

}  // namespace
}  // namespace triptych::sweep
