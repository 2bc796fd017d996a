// Programs for the NPU's array tile, drawn at random.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_RTL_NPU_ARRAY_PROGRAMS_H_
#define TRIPTYCH_TESTS_RTL_NPU_ARRAY_PROGRAMS_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/npu_array/npu_array_gemm.h"
#include "rtl/npu_array/npu_array_model.h"
#include "rtl/npu_array/npu_array_timing.h"

namespace triptych::rtl {

inline int Between(Rng& rng, int low, int high) {
  return low +
         static_cast<int>(rng.Below(static_cast<uint32_t>(high - low) + 1));
}

// Bytes of all values, or of those with the largest products and sums.
inline std::vector<int8_t> RandomBytes(Rng& rng, size_t count, bool extreme) {
  std::vector<int8_t> bytes(count);
  for (int8_t& byte : bytes) {
    constexpr int8_t kExtremes[] = {-128, -128, -127, 127, 127, 0};
    byte = extreme ? kExtremes[rng.Below(6)]
                   : static_cast<int8_t>(rng.Below(256) - 128);
  }
  return bytes;
}

// Parameters that bring sums of `k` products near the range of a code, most
// of the time, with many ties or few; any there can be, else.
inline NpuRequant RandomRequant(Rng& rng, int k) {
  NpuRequant how;
  how.double_rounding = rng.Below(2) == 0;
  const uint32_t draw = rng.Below(4);
  if (draw == 0) {
    how.multiplier = static_cast<int32_t>(rng.Next()) >> rng.Below(32);
    how.shift = Between(rng, how.double_rounding ? 31 : 0, 62);
  } else if (draw == 1) {
    how.multiplier = 1 << 30;
    how.shift = Between(rng, 31, 37);
  } else {
    how.multiplier = static_cast<int32_t>(rng.Next() >> 2 | 1u << 30);
    how.shift = Between(rng, 31, 40) + (k > 32 ? 2 : 0);
  }
  how.zero_point = static_cast<int8_t>(rng.Below(256) - 128);
  int low = Between(rng, -128, 127), high = Between(rng, -128, 127);
  if (rng.Below(2) == 0) low = -128, high = 127;
  how.min = static_cast<int8_t>(std::min(low, high));
  how.max = static_cast<int8_t>(std::max(low, high));
  return how;
}

inline std::vector<NpuRequant> RandomRequants(Rng& rng, int64_t count, int k) {
  std::vector<NpuRequant> how(static_cast<size_t>(count));
  for (NpuRequant& one : how) one = RandomRequant(rng, k);
  return how;
}

// Any order of commands that the block can do: loads ahead of their swaps,
// products of overlapping rows that wrap around, rows drained twice.
class RandomProgram {
 public:
  RandomProgram(Rng& rng, const NpuArrayShape& shape)
      : rng_(rng), shape_(shape), written_(static_cast<size_t>(shape.depth)) {}

  NpuProgram Make(int commands) {
    Load();
    for (int i = 1; i < commands; ++i) {
      const uint32_t draw = rng_.Below(8);
      if (draw < 3) {
        if (waiting_ < 4) Load();
      } else if (draw < 6) {
        Matmul(rng_.Below(2) == 0);
      } else {
        Drain();
      }
    }
    while (waiting_ > 1) Matmul(true);
    program_.params =
        RandomRequants(rng_, int64_t{shape_.cols} * shape_.sets, shape_.rows);
    return std::move(program_);
  }

 private:
  void Load() {
    program_.commands.push_back({.op = NpuOp::kLoad});
    Add(program_.weights, shape_.cols * shape_.rows);
    ++waiting_;
  }

  void Matmul(bool swap) {
    swap = (swap || !active_) && waiting_ > 0;
    if (!swap && !active_) return;
    NpuCommand command{.op = NpuOp::kMatmul, .rows = Rows(), .swap = swap};
    command.base = Between(rng_, 0, shape_.depth - 1);
    command.accumulate =
        rng_.Below(2) == 0 && Written(command.base) >= command.rows;
    for (int i = 0; i < command.rows; ++i) {
      written_[static_cast<size_t>((command.base + i) % shape_.depth)] = true;
    }
    program_.commands.push_back(command);
    Add(program_.activations, command.rows * shape_.rows);
    waiting_ -= swap;
    active_ = true;
  }

  void Drain() {
    const int base = Between(rng_, 0, shape_.depth - 1);
    const int most = std::min(Written(base), Rows());
    if (most == 0) return;
    program_.commands.push_back({.op = NpuOp::kDrain,
                                 .rows = most,
                                 .base = base,
                                 .set = Between(rng_, 0, shape_.sets - 1)});
  }

  // Few rows most of the time, that commands may come close to each other.
  int Rows() {
    return rng_.Below(8) == 0 ? Between(rng_, 1, shape_.depth)
                              : Between(rng_, 1, 10);
  }
  // Rows from `base` on that hold something.
  int Written(int base) const {
    int rows = 0;
    while (rows < shape_.depth &&
           written_[static_cast<size_t>((base + rows) % shape_.depth)]) {
      ++rows;
    }
    return rows;
  }
  void Add(std::vector<int8_t>& data, int count) {
    const auto bytes =
        RandomBytes(rng_, static_cast<size_t>(count), rng_.Below(4) == 0);
    data.insert(data.end(), bytes.begin(), bytes.end());
  }

  Rng& rng_;
  const NpuArrayShape shape_;
  std::vector<bool> written_;
  bool active_ = false;
  int waiting_ = 0;  // loads without a swap
  NpuProgram program_;
};

// Takes part at `of` of 256 edges, at random, or in runs of 2^`run` edges.
inline NpuPattern RandomPattern(uint64_t seed, uint32_t of, int run) {
  return [seed, of, run](uint64_t edge) {
    return Rng(seed).At(edge >> run)[0] % 256 < of;
  };
}

// Every port now and then always ready, or hardly ever.
inline NpuStalls RandomStalls(Rng& rng) {
  NpuStalls stalls;
  for (NpuPattern* port :
       {&stalls.command, &stalls.weight, &stalls.activation, &stalls.out}) {
    constexpr uint32_t kOften[] = {20, 64, 128, 200, 250};
    const uint32_t draw = rng.Below(8);
    if (draw < 5) {
      *port = RandomPattern(rng.Next(), kOften[draw], Between(rng, 0, 5));
    }
  }
  return stalls;
}

}  // namespace triptych::rtl

#endif  // TRIPTYCH_TESTS_RTL_NPU_ARRAY_PROGRAMS_H_
