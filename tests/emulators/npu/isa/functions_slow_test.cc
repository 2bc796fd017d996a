// Every f32 through every function of the vector unit: the same bits from the
// scalar form and from each SIMD target, exp non-decreasing, and the largest
// errors, which are printed.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

#include "emulators/npu/isa/functions.h"
#include "kernels/base/parallel.h"
#include "tests/emulators/npu/isa/function_error.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::npu {
namespace {

constexpr size_t kBlock = size_t{1} << 16;
constexpr size_t kBlocks = size_t{1} << 16;

std::vector<float> Inputs(size_t block) {
  std::vector<float> in(kBlock);
  for (size_t i = 0; i < kBlock; ++i) {
    in[i] = std::bit_cast<float>(static_cast<uint32_t>(block * kBlock + i));
  }
  return in;
}

uint64_t HashOf(const std::vector<float>& out) {
  uint64_t h = 1469598103934665603;  // FNV-1a's
  for (const float x : out) {
    h = (h ^ std::bit_cast<uint32_t>(x)) * 1099511628211;
  }
  return h;
}

void CheckSameBits(const FunctionRow& row) {
  std::vector<uint64_t> hashes(kBlocks);  // of the scalar form
  ParallelFor(kBlocks, MaxThreads(), [&](size_t b) {
    std::vector<float> out = Inputs(b);
    for (float& x : out) x = Function(row.op, x);
    hashes[b] = HashOf(out);
  });
  ForEachSimdTarget([&](int64_t target) {
    std::vector<uint8_t> different(kBlocks);
    ParallelFor(kBlocks, MaxThreads(), [&](size_t b) {
      std::vector<float> out = Inputs(b);
      MapFunction(row.op, out.data(), out.data(), kBlock);
      different[b] = HashOf(out) != hashes[b];
    });
    size_t count = 0;
    for (const uint8_t d : different) count += d;
    CAPTURE(std::string(hwy::TargetName(target)));
    CHECK_MESSAGE(count == 0, std::string(row.name));
  });
}

TEST_CASE("all of f32: exp has the same bits on every SIMD target") {
  CheckSameBits(kFunctionRows[0]);
}

TEST_CASE("all of f32: the others have the same bits on every SIMD target") {
  for (const FunctionRow& row : kFunctionRows) {
    if (row.op != VectorOp::kExp) CheckSameBits(row);
  }
}

TEST_CASE("all of f32: exp never falls where its argument rises") {
  // Up the bits the argument rises where it is positive, and falls elsewhere.
  std::vector<uint8_t> falls(kBlocks);
  ParallelFor(kBlocks, MaxThreads(), [&](size_t b) {
    const bool negative = b >= kBlocks / 2;
    float before = Exp(std::bit_cast<float>(
        static_cast<uint32_t>(b * kBlock - (b % (kBlocks / 2) != 0 ? 1 : 0))));
    for (const float x : Inputs(b)) {
      if (x != x) break;
      const float e = Exp(x);
      falls[b] |= negative ? e > before : e < before;
      before = e;
    }
  });
  size_t count = 0;
  for (const uint8_t f : falls) count += f;
  CHECK(count == 0);
}

TEST_CASE("all of f32: how far off") {
  for (const FunctionRow& row : kFunctionRows) {
    std::vector<FunctionErrors> errors(kBlocks);
    ParallelFor(kBlocks, MaxThreads(), [&](size_t b) {
      const std::vector<float> in = Inputs(b);
      std::vector<float> out(kBlock);
      MapFunction(row.op, in.data(), out.data(), kBlock);
      // Every 61st: the exact functions are slow.
      for (size_t i = b % 61; i < kBlock; i += 61) {
        errors[b].Add(row.op, in[i], out[i]);
      }
    });
    FunctionErrors worst;
    for (const FunctionErrors& e : errors) {
      if (e.ulp > worst.ulp) worst.ulp = e.ulp, worst.at = e.at;
      if (e.ulp_of_normal > worst.ulp_of_normal) {
        worst.ulp_of_normal = e.ulp_of_normal, worst.at_normal = e.at_normal;
      }
    }
    fmt::print("{:10} {:8.3f} ulp at {}, {:8.3f} from 2^-24 on, at {}\n",
               row.name, worst.ulp, worst.at, worst.ulp_of_normal,
               worst.at_normal);
    CHECK(worst.ulp <= row.most_ulp);
    CHECK(worst.ulp_of_normal <= row.most_ulp_of_normal);
  }
}

}  // namespace
}  // namespace triptych::npu
