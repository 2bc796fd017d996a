// Arithmetic over the columns of a study: its derived columns and constraints.
//
//   or  and  not  < <= > >= == !=  + -  * /  unary -  ^   (weakest first)
//   min(a, b, ...)  max(a, b, ...)  sqrt(a)  log2(a)  ceil(a)  floor(a)
//   if(condition, then, otherwise)
//
// Names may have dots and one colon: "adc.bits", "optical:adc.bits". Texts
// stand in single or double quotes and can be compared with == and != alone.
// What a point does not have is NaN, and so is what is computed from it; a
// comparison with it is neither true (1) nor false (0) but NaN, which `and`,
// `or` and `not` treat as unknown (Kleene).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_EXPRESSION_H_
#define TRIPTYCH_TOOLS_SWEEP_EXPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::sweep {

struct Symbol {
  size_t slot = 0;  // where Evaluate finds its value
  bool text = false;
};

// What names mean.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual std::optional<Symbol> Find(std::string_view name) = 0;
  // All names, for a message about one that is not there.
  virtual std::vector<std::string> Names() const = 0;
  // The number that stands for `text` in slots of texts.
  virtual double Intern(std::string_view text) = 0;
};

// Immutable once parsed; any number of threads may evaluate it.
class Expression {
 public:
  // Errors start with "column N: ", from 1.
  static Result<Expression> Parse(std::string_view text, Scope& scope);

  // `slots` holds the value of every symbol the scope gave out.
  double Evaluate(std::span<const double> slots) const;

  // The slots it reads, in the order of the text.
  std::span<const size_t> slots() const { return slots_; }

 private:
  friend class ExpressionParser;
  enum class Code : uint8_t {
    kNumber,
    kSlot,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kPower,
    kNegate,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kAnd,
    kOr,
    kNot,
    kMin,
    kMax,
    kSqrt,
    kLog2,
    kCeil,
    kFloor,
    kIf,
  };
  struct Instruction {
    Code code;
    size_t slot = 0;
    double number = 0;
  };
  // Operands a code takes from the stack.
  static size_t Arity(Code code);
  static double Apply(Code code, const double* operands);

  std::vector<Instruction> code_;  // postfix
  std::vector<size_t> slots_;
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_EXPRESSION_H_
