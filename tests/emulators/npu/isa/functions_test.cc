// The vector unit's functions: scalar and SIMD forms give the same bits, and
// are as near the exact values as they claim, on a dense sample of all f32.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/functions.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/emulators/npu/isa/function_error.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::npu {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// Every exponent and sign, mantissas in steps of a prime; and what is special.
std::vector<float> Sample(uint32_t step) {
  std::vector<float> sample = {
      0.f,    -0.f,    1.f,
      -1.f,   kInf,    -kInf,
      88.f,   -87.f,   -104.f,
      0.625f, 1e-45f,  -1e-45f,
      1e38f,  -1e38f,  128.f,
      -128.f, 127.99f, -1000.f,
      100.f,  -100.f,  std::numeric_limits<float>::quiet_NaN()};
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += step) {
    sample.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  return sample;
}

TEST_CASE("functions have the same bits on every SIMD target") {
  const std::vector<float> sample = Sample(20011);
  std::vector<float> out(sample.size());
  ForEachSimdTarget([&](int64_t) {
    for (const FunctionRow& row : kFunctionRows) {
      MapFunction(row.op, sample.data(), out.data(), sample.size());
      size_t different = 0;
      for (size_t i = 0; i < sample.size(); ++i) {
        const float want = Function(row.op, sample[i]);
        different +=
            std::bit_cast<uint32_t>(want) != std::bit_cast<uint32_t>(out[i]);
      }
      CHECK_MESSAGE(different == 0, std::string(row.name));
    }
  });
}

TEST_CASE("functions are as exact as they claim") {
  const std::vector<float> sample = Sample(20011);
  for (const FunctionRow& row : kFunctionRows) {
    FunctionErrors errors;
    for (const float x : sample) errors.Add(row.op, x, Function(row.op, x));
    CAPTURE(std::string(row.name));
    CAPTURE(errors.at);
    CAPTURE(errors.at_normal);
    CHECK(errors.ulp <= row.most_ulp);
    CHECK(errors.ulp_of_normal <= row.most_ulp_of_normal);
  }
}

TEST_CASE("exp never falls where its argument rises") {
  float before = 0;
  for (float x = -104; x < 89; x = std::nextafter(x, kInf)) {
    const float e = Exp(x);
    REQUIRE(e >= before);
    before = e;
    // Dense around -1 .. 1 would take minutes: the slow test does.
    if (x > -0x1p-2f && x < 0x1p-2f) x = 0x1p-2f;
    x += std::abs(x) * 1e-5f;
  }
}

TEST_CASE("functions at their ends") {
  CHECK(Exp(0) == 1);
  CHECK(Exp(-kInf) == 0);
  CHECK(Exp(kInf) == kInf);
  CHECK(Exp(-103.f) == 1e-45f);
  CHECK(Exp(-104.f) == 0);
  for (const auto op :
       {VectorOp::kSilu, VectorOp::kGeluTanh, VectorOp::kGeluErf}) {
    CHECK(Function(op, 0) == 0);
    CHECK(Function(op, kInf) == kInf);
    CHECK(std::bit_cast<uint32_t>(Function(op, -kInf)) == 0x80000000);
  }
  CHECK(Tanh(kInf) == 1);
  CHECK(Tanh(-kInf) == -1);
  CHECK(std::bit_cast<uint32_t>(Rsqrt(-1)) == kQuietNan);
  CHECK(Reciprocal(-0.f) == -kInf);
  for (const FunctionRow& row : kFunctionRows) {
    // Any NaN becomes the one there is.
    const auto nan = std::bit_cast<float>(0xffaaaaaa);
    CHECK(std::bit_cast<uint32_t>(Function(row.op, nan)) == kQuietNan);
  }
}

}  // namespace
}  // namespace triptych::npu
