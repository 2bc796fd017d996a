// SPDX-License-Identifier: Apache-2.0
#include "rtl/npu_array/npu_array_model.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace triptych::rtl {
namespace {

// x * m / 2^31 to the nearest, ties up; what does not fit is 2^31 - 1. As the
// definition has it: a nudge by half, less one below zero, then a division
// towards zero. (The RTL adds half and shifts.)
int32_t HighProduct(int32_t x, int32_t m) {
  if (x == INT32_MIN && m == INT32_MIN) return INT32_MAX;
  const int64_t product = int64_t{x} * m;
  const int64_t half = int64_t{1} << 30;
  const int64_t nudge = product >= 0 ? half : 1 - half;
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

// x / 2^exponent to the nearest, ties away from zero.
int32_t DivideByPowerOf2(int32_t x, int exponent) {
  const int64_t divisor = int64_t{1} << exponent;
  const int64_t magnitude = x < 0 ? -int64_t{x} : int64_t{x};
  const int64_t rounded = (magnitude + divisor / 2) / divisor;
  return static_cast<int32_t>(x < 0 ? -rounded : rounded);
}

int64_t Scale(int32_t acc, const NpuRequant& how) {
  if (how.double_rounding) {
    TRIPTYCH_CHECK(how.shift >= 31 && how.shift <= 62, "shift", how.shift);
    return DivideByPowerOf2(HighProduct(acc, how.multiplier), how.shift - 31);
  }
  TRIPTYCH_CHECK(how.shift >= 0 && how.shift <= 62, "shift", how.shift);
  const int64_t product = int64_t{acc} * how.multiplier;
  if (how.shift == 0) return product;
  return (product + (int64_t{1} << (how.shift - 1))) >> how.shift;
}

// The block's memories while a program runs.
class Machine {
 public:
  Machine(const NpuArrayShape& shape, const NpuProgram& program)
      : shape_(shape),
        program_(program),
        acc_(Words(shape.depth)),
        written_(static_cast<size_t>(shape.depth)) {}

  NpuResults Run() {
    for (const NpuCommand& command : program_.commands) Execute(command);
    TRIPTYCH_CHECK(weight_ == program_.weights.size() &&
                       activation_ == program_.activations.size(),
                   "weights", weight_, program_.weights.size(), "activations",
                   activation_, program_.activations.size());
    return std::move(results_);
  }

 private:
  size_t Words(int rows) const {
    return static_cast<size_t>(rows) * static_cast<size_t>(shape_.cols);
  }

  void Execute(const NpuCommand& command) {
    if (command.op == NpuOp::kLoad) {
      weight_ += Words(shape_.rows);
      TRIPTYCH_CHECK(weight_ <= program_.weights.size(), "weights", weight_);
      return;
    }
    TRIPTYCH_CHECK(command.rows >= 1 && command.rows <= shape_.depth, "rows",
                   command.rows);
    if (command.op == NpuOp::kMatmul && command.swap) {
      active_ = program_.weights.data() + taken_;
      taken_ += Words(shape_.rows);
      TRIPTYCH_CHECK(taken_ <= weight_, "swaps without a load", taken_);
    }
    for (int i = 0; i < command.rows; ++i) {
      const auto row = static_cast<size_t>((command.base + i) % shape_.depth);
      if (command.op == NpuOp::kMatmul) {
        Multiply(command.accumulate, row);
      } else {
        Drain(command.set, row);
      }
    }
  }

  void Multiply(bool accumulate, size_t row) {
    TRIPTYCH_CHECK(active_ != nullptr && (written_[row] || !accumulate), "row",
                   row);
    const auto rows = static_cast<size_t>(shape_.rows);
    const auto cols = static_cast<size_t>(shape_.cols);
    const int8_t* x = program_.activations.data() + activation_;
    activation_ += rows;
    TRIPTYCH_CHECK(activation_ <= program_.activations.size(), "activations",
                   activation_);
    for (size_t c = 0; c < cols; ++c) {
      int64_t sum = accumulate ? acc_[row * cols + c] : 0;
      for (size_t r = 0; r < rows; ++r) {
        sum += x[r] * active_[(rows - 1 - r) * cols + c];
      }
      const auto wrapped = static_cast<int32_t>(sum);
      results_.overflows += wrapped != sum;
      acc_[row * cols + c] = wrapped;
    }
    written_[row] = true;
  }

  void Drain(int set, size_t row) {
    const auto cols = static_cast<size_t>(shape_.cols);
    TRIPTYCH_CHECK(
        written_[row] && set >= 0 && Words(set + 1) <= program_.params.size(),
        "row", row, "set", set);
    for (size_t c = 0; c < cols; ++c) {
      const NpuCode code =
          NpuRequantise(acc_[row * cols + c], program_.params[Words(set) + c]);
      results_.codes.push_back(code.code);
      results_.clamped += code.clamped;
    }
  }

  const NpuArrayShape shape_;
  const NpuProgram& program_;
  const int8_t* active_ = nullptr;  // the weights at work, as they came
  std::vector<int32_t> acc_;        // [depth][cols]
  std::vector<bool> written_;
  // Bytes that came in, and that were swapped in.
  size_t weight_ = 0, taken_ = 0, activation_ = 0;
  NpuResults results_;
};

}  // namespace

NpuCode NpuRequantise(int32_t acc, const NpuRequant& how) {
  const int64_t value = Scale(acc, how) + how.zero_point;
  // As the RTL has it where min > max: min goes first.
  const int64_t code =
      value < how.min ? how.min : std::min<int64_t>(value, how.max);
  return {static_cast<int8_t>(code), code != value};
}

NpuResults NpuCompute(const NpuArrayShape& shape, const NpuProgram& program) {
  return Machine(shape, program).Run();
}

}  // namespace triptych::rtl
