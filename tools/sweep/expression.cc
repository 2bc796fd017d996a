// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/expression.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "kernels/base/text.h"

namespace triptych::sweep {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kMaxStack = 64;  // operands at once
constexpr int kMaxNesting = 100;  // parentheses

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '.'; }

double Truth(bool value, double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kUnknown : value ? 1 : 0;
}
double And(double a, double b) {
  if (a == 0 || b == 0) return 0;
  return std::isnan(a) || std::isnan(b) ? kUnknown : 1;
}
double Not(double a) { return std::isnan(a) ? kUnknown : a == 0 ? 1 : 0; }
// Unlike std::min, unknown if either is.
double Min(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kUnknown : std::min(a, b);
}

}  // namespace

// Recursive descent; a method a level of precedence. The first error counts.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, Scope& scope)
      : text_(text), scope_(scope) {}

  Result<Expression> Run() {
    const bool is_text = Or();
    if (!status_) return std::unexpected(status_.error());
    SkipSpace();
    if (at_ < text_.size()) {
      Fail(at_, fmt::format("unexpected '{}'; allowed an operator or the end",
                            text_[at_]));
    } else if (is_text) {
      Fail(0, "a number or a condition is needed, not a text");
    } else if (deepest_ > kMaxStack) {
      Fail(0, "too many operands at once; name a part of it as a column");
    }
    if (!status_) return std::unexpected(status_.error());
    return std::move(result_);
  }

 private:
  using Code = Expression::Code;

  // ---- Levels of precedence; each says whether its value is a text ----

  bool Or() {
    bool is_text = And();
    while (TakeWord("or")) {
      is_text = Binary(is_text, Code::kOr, &ExpressionParser::And);
    }
    return is_text;
  }
  bool And() {
    bool is_text = NotLevel();
    while (TakeWord("and")) {
      is_text = Binary(is_text, Code::kAnd, &ExpressionParser::NotLevel);
    }
    return is_text;
  }
  bool NotLevel() {
    const Nesting nesting(*this);
    if (!TakeWord("not")) return Comparison();
    NeedNumber(NotLevel());
    Emit(Code::kNot);
    return false;
  }
  bool Comparison() {
    struct Operator {
      std::string_view sign;
      Code code;
    };
    static constexpr Operator kOperators[] = {
        {"<=", Code::kLessEqual},    {"<", Code::kLess},
        {">=", Code::kGreaterEqual}, {">", Code::kGreater},
        {"==", Code::kEqual},        {"!=", Code::kNotEqual}};
    const bool left = Sum();
    for (const Operator& o : kOperators) {
      if (!TakeSign(o.sign)) continue;
      const size_t where = at_ - o.sign.size();
      const bool right = Sum();
      const bool equality = o.code == Code::kEqual || o.code == Code::kNotEqual;
      if (left != right) {
        Fail(where, "a text can be compared with a text alone");
      } else if (left && !equality) {
        Fail(where, "texts can be compared with == and != alone");
      }
      Emit(o.code);
      return false;
    }
    return left;
  }
  bool Sum() {
    bool is_text = Product();
    for (;;) {
      if (TakeSign("+")) {
        is_text = Binary(is_text, Code::kAdd, &ExpressionParser::Product);
      } else if (TakeSign("-")) {
        is_text = Binary(is_text, Code::kSubtract, &ExpressionParser::Product);
      } else {
        return is_text;
      }
    }
  }
  bool Product() {
    bool is_text = Unary();
    for (;;) {
      if (TakeSign("*")) {
        is_text = Binary(is_text, Code::kMultiply, &ExpressionParser::Unary);
      } else if (TakeSign("/")) {
        is_text = Binary(is_text, Code::kDivide, &ExpressionParser::Unary);
      } else {
        return is_text;
      }
    }
  }
  bool Unary() {
    const Nesting nesting(*this);
    if (!TakeSign("-")) return Power();
    NeedNumber(Unary());
    Emit(Code::kNegate);
    return false;
  }
  bool Power() {
    const bool is_text = Primary();
    if (!TakeSign("^")) return is_text;
    return Binary(is_text, Code::kPower, &ExpressionParser::Unary);
  }

  bool Primary() {
    SkipSpace();
    if (!status_) return false;
    if (at_ == text_.size()) {
      Fail(at_, "ends where a number, a name or ( is needed");
      return false;
    }
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      const bool is_text = Or();
      Expect(")");
      return is_text;
    }
    if (IsDigit(c) || c == '.') return Number();
    if (c == '"' || c == '\'') return Text(c);
    if (IsNameStart(c)) return Name();
    Fail(at_, fmt::format("unexpected '{}'; allowed a number, a name or (", c));
    return false;
  }

  bool Number() {
    double value = 0;
    const auto parsed =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (parsed.ec != std::errc()) {
      Fail(at_, "not a number");
      return false;
    }
    at_ = static_cast<size_t>(parsed.ptr - text_.data());
    Push({Code::kNumber, 0, value});
    return false;
  }
  bool Text(char quote) {
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      Fail(at_, "a text without its closing quote");
      return true;
    }
    Push({Code::kNumber, 0,
          scope_.Intern(text_.substr(at_ + 1, end - at_ - 1))});
    at_ = end + 1;
    return true;
  }
  bool Name() {
    const size_t start = at_;
    while (at_ < text_.size() && IsNamePart(text_[at_])) ++at_;
    if (at_ + 1 < text_.size() && text_[at_] == ':' &&
        IsNameStart(text_[at_ + 1])) {
      ++at_;
      while (at_ < text_.size() && IsNamePart(text_[at_])) ++at_;
    }
    const std::string_view name = text_.substr(start, at_ - start);
    if (TakeSign("(")) return Call(name, start);
    const std::optional<Symbol> symbol = scope_.Find(name);
    if (!symbol) {
      Fail(start, fmt::format("no such name {}; the nearest is {}", name,
                              Nearest(name, scope_.Names())));
      return false;
    }
    Push({Code::kSlot, symbol->slot, 0});
    result_.slots_.push_back(symbol->slot);
    return symbol->text;
  }
  bool Call(std::string_view name, size_t start) {
    struct Function {
      std::string_view name;
      Code code;
      int arguments;  // -1: two or more
    };
    static constexpr Function kFunctions[] = {
        {"min", Code::kMin, -1},  {"max", Code::kMax, -1},
        {"sqrt", Code::kSqrt, 1}, {"log2", Code::kLog2, 1},
        {"ceil", Code::kCeil, 1}, {"floor", Code::kFloor, 1},
        {"if", Code::kIf, 3}};
    const auto* f = std::ranges::find(kFunctions, name, &Function::name);
    if (f == std::end(kFunctions)) {
      Fail(start, fmt::format("no such function {}; allowed min, max, sqrt, "
                              "log2, ceil, floor, if",
                              name));
      return false;
    }
    int given = 0;
    do {
      NeedNumber(Or());
      ++given;
      if (f->arguments < 0 && given > 1) Emit(f->code);
    } while (status_ && TakeSign(","));
    Expect(")");
    if (f->arguments < 0 ? given < 2 : given != f->arguments) {
      Fail(start, fmt::format("{} takes {} arguments, not {}", name,
                              f->arguments < 0 ? "two or more"
                                               : std::to_string(f->arguments),
                              given));
    }
    if (f->arguments > 0) Emit(f->code);
    return false;
  }

  // ---- Code ----

  bool Binary(bool left_is_text, Code code, bool (ExpressionParser::*next)()) {
    NeedNumber(left_is_text, sign_);
    NeedNumber((this->*next)());
    Emit(code);
    return false;
  }
  void Push(Expression::Instruction instruction) {
    result_.code_.push_back(instruction);
    deepest_ = std::max(deepest_, ++depth_);
  }
  void Emit(Code code) {
    result_.code_.push_back({code});
    depth_ -= std::min(depth_, Expression::Arity(code) - 1);
  }

  // ---- Signs and words ----

  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) {
      ++at_;
    }
  }
  bool TakeSign(std::string_view sign) {
    SkipSpace();
    if (!status_ || !text_.substr(at_).starts_with(sign)) return false;
    sign_ = at_;
    at_ += sign.size();
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipSpace();
    const std::string_view rest = text_.substr(at_);
    if (!status_ || !rest.starts_with(word)) return false;
    if (rest.size() > word.size() && IsNamePart(rest[word.size()])) {
      return false;
    }
    sign_ = at_;
    at_ += word.size();
    return true;
  }
  void Expect(std::string_view sign) {
    if (!TakeSign(sign)) Fail(at_, fmt::format("{} is needed here", sign));
  }
  void NeedNumber(bool is_text) { NeedNumber(is_text, at_); }
  void NeedNumber(bool is_text, size_t at) {
    if (is_text) Fail(at, "a number is needed before here, not a text");
  }
  void Fail(size_t at, std::string_view what) {
    if (!status_) return;
    status_ = MakeError(ErrorCode::kInvalid,
                        fmt::format("column {}: {}", at + 1, what));
  }

  // Keeps a text of a million parentheses from overflowing the stack.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.nesting_ > 2 * kMaxNesting) {
        parser_.Fail(parser_.at_, "nested too deeply");
      }
    }
    ~Nesting() { --parser_.nesting_; }

   private:
    ExpressionParser& parser_;
  };

  std::string_view text_;
  Scope& scope_;
  size_t at_ = 0;
  size_t sign_ = 0;  // where the last sign or word was
  size_t depth_ = 0, deepest_ = 0;
  int nesting_ = 0;
  Status status_;
  Expression result_;
};

Result<Expression> Expression::Parse(std::string_view text, Scope& scope) {
  return ExpressionParser(text, scope).Run();
}

size_t Expression::Arity(Code code) {
  switch (code) {
    case Code::kNumber:
    case Code::kSlot:
      return 0;
    case Code::kNegate:
    case Code::kNot:
    case Code::kSqrt:
    case Code::kLog2:
    case Code::kCeil:
    case Code::kFloor:
      return 1;
    case Code::kIf:
      return 3;
    default:
      return 2;
  }
}

double Expression::Apply(Code code, const double* o) {
  switch (code) {
    case Code::kAdd:
      return o[0] + o[1];
    case Code::kSubtract:
      return o[0] - o[1];
    case Code::kMultiply:
      return o[0] * o[1];
    case Code::kDivide:
      return o[0] / o[1];
    case Code::kPower:
      return std::pow(o[0], o[1]);
    case Code::kNegate:
      return -o[0];
    case Code::kLess:
      return Truth(o[0] < o[1], o[0], o[1]);
    case Code::kLessEqual:
      return Truth(o[0] <= o[1], o[0], o[1]);
    case Code::kGreater:
      return Truth(o[0] > o[1], o[0], o[1]);
    case Code::kGreaterEqual:
      return Truth(o[0] >= o[1], o[0], o[1]);
    case Code::kEqual:
      return Truth(o[0] == o[1], o[0], o[1]);
    case Code::kNotEqual:
      return Truth(o[0] != o[1], o[0], o[1]);
    case Code::kAnd:
      return And(o[0], o[1]);
    case Code::kOr:
      return Not(And(Not(o[0]), Not(o[1])));
    case Code::kNot:
      return Not(o[0]);
    case Code::kMin:
      return Min(o[0], o[1]);
    case Code::kMax:
      return -Min(-o[0], -o[1]);
    case Code::kSqrt:
      return std::sqrt(o[0]);
    case Code::kLog2:
      return std::log2(o[0]);
    case Code::kCeil:
      return std::ceil(o[0]);
    case Code::kFloor:
      return std::floor(o[0]);
    case Code::kIf:
      return std::isnan(o[0]) ? kUnknown : o[0] != 0 ? o[1] : o[2];
    case Code::kNumber:
    case Code::kSlot:
      break;
  }
  return kUnknown;
}

double Expression::Evaluate(std::span<const double> slots) const {
  std::array<double, kMaxStack> stack;
  size_t size = 0;
  for (const Instruction& i : code_) {
    if (i.code == Code::kNumber) {
      stack[size++] = i.number;
    } else if (i.code == Code::kSlot) {
      stack[size++] = slots[i.slot];
    } else {
      size -= Arity(i.code);
      stack[size] = Apply(i.code, &stack[size]);
      ++size;
    }
  }
  return stack[0];
}

}  // namespace triptych::sweep
