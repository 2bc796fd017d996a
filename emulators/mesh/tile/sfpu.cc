// Values are those of the function, rounded once to f32: what silicon's
// polynomials add to that is within the rounding of bf16. Instruction counts
// are [assumed]: a load and a store, a multiply-add for each degree of the
// usual polynomial or Newton step, range reduction; the longest functions
// hang on them, their error is README.md's.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/sfpu.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/check.h"

namespace triptych::mesh::tile {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The tanh form, as the graph's operator.
double Gelu(double x) {
  constexpr double kRoot = 0.79788456080286535588;  // sqrt(2 / pi)
  return 0.5 * x * (1 + std::tanh(kRoot * (x + 0.044715 * x * x * x)));
}

float F(double x) { return static_cast<float>(x); }

constexpr std::array kUnary = {
    UnaryFunction{1, "exp", 18,
                  [](float x, float) { return F(std::exp(double{x})); }},
    UnaryFunction{2, "recip", 12, [](float x, float) { return F(1.0 / x); }},
    UnaryFunction{3, "rsqrt", 14,
                  [](float x, float) { return F(1.0 / std::sqrt(double{x})); }},
    UnaryFunction{4, "sqrt", 15,
                  [](float x, float) { return F(std::sqrt(double{x})); }},
    UnaryFunction{5, "gelu", 30, [](float x, float) { return F(Gelu(x)); }},
    UnaryFunction{6, "silu", 29,
                  [](float x, float) { return F(x * Sigmoid(x)); }},
    UnaryFunction{7, "relu", 3,
                  [](float x, float) { return x > 0    ? x
                                              : x == x ? 0.0f
                                                       : x; }},
    UnaryFunction{8, "neg", 3, [](float x, float) { return -x; }},
    UnaryFunction{9, "square", 3, [](float x, float) { return x * x; }},
    UnaryFunction{10, "abs", 3, [](float x, float) { return std::fabs(x); }},
    UnaryFunction{11, "sigmoid", 28,
                  [](float x, float) { return F(Sigmoid(x)); }},
    UnaryFunction{12, "tanh", 28,
                  [](float x, float) { return F(std::tanh(double{x})); }},
    UnaryFunction{16, "add_immediate", 3,
                  [](float x, float i) { return x + i; }},
    UnaryFunction{17, "mul_immediate", 3,
                  [](float x, float i) { return x * i; }},
    UnaryFunction{18, "max_immediate", 4,
                  [](float x, float i) { return x < i ? i : x; }},
};

// Two loads and a store.
constexpr std::array kBinary = {
    BinaryFunction{1, "add", 4, [](float x, float y) { return x + y; }},
    BinaryFunction{2, "sub", 4, [](float x, float y) { return x - y; }},
    BinaryFunction{3, "mul", 4, [](float x, float y) { return x * y; }},
    BinaryFunction{4, "max", 5, [](float x, float y) { return x < y ? y : x; }},
};

}  // namespace

const UnaryFunction* FindUnary(uint32_t code) {
  const auto* row = std::ranges::find(kUnary, code, &UnaryFunction::code);
  return row == kUnary.end() ? nullptr : row;
}

const BinaryFunction* FindBinary(uint32_t code) {
  const auto* row = std::ranges::find(kBinary, code, &BinaryFunction::code);
  return row == kBinary.end() ? nullptr : row;
}

int UnaryInstructions(std::string_view name) {
  const auto* row = std::ranges::find(kUnary, name, &UnaryFunction::name);
  TRIPTYCH_CHECK(row != kUnary.end(), "function", name);
  return row->instructions;
}

int BinaryInstructions(std::string_view name) {
  const auto* row = std::ranges::find(kBinary, name, &BinaryFunction::name);
  TRIPTYCH_CHECK(row != kBinary.end(), "function", name);
  return row->instructions;
}

}  // namespace triptych::mesh::tile
