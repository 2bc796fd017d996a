// The two roundings of kRequantize, on one accumulator.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_REQUANTIZE_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_REQUANTIZE_H_

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {

constexpr bool ShiftAllowed(int32_t shift) { return shift >= 0 && shift <= 62; }

inline std::unexpected<Error> BadShift(const Stream& stream, const Issue& issue,
                                       int64_t column, int32_t shift) {
  return stream.ErrorAt(issue.index,
                        fmt::format("the table's shift of column {} is {}; "
                                    "allowed 0 to 62",
                                    column, shift));
}

// round(acc * multiplier / 2^shift), half up. No overflow: the product is at
// most 2^62, the half 2^61.
constexpr int64_t ScaleOnce(int32_t acc, int32_t multiplier, int32_t shift) {
  const int64_t half = shift == 0 ? 0 : int64_t{1} << (shift - 1);
  return (int64_t{acc} * multiplier + half) >> shift;
}

// The same in TFLite's two steps, each rounded; as gemmlowp's fixedpoint.h
// defines SaturatingRoundingDoublingHighMul and RoundingDivideByPOT.
constexpr int64_t ScaleTwice(int32_t acc, int32_t multiplier, int32_t shift) {
  const int left = shift < 31 ? 31 - shift : 0;
  const int right = shift > 31 ? shift - 31 : 0;
  const auto x = static_cast<int32_t>(static_cast<uint32_t>(acc) << left);
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::lowest();
  int64_t high = std::numeric_limits<int32_t>::max();
  if (x != kLowest || multiplier != kLowest) {
    const int64_t product = int64_t{x} * multiplier;
    const int64_t nudge =
        product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
    high = (product + nudge) / (int64_t{1} << 31);  // towards zero
  }
  const int64_t mask = (int64_t{1} << right) - 1;
  const int64_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + ((high & mask) > threshold ? 1 : 0);
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_REQUANTIZE_H_
