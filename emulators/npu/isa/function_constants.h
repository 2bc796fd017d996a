// The numbers of functions.h, shared by its scalar and its SIMD forms.
//
// Polynomials are minimax fits (Remez exchange) of relative error; README.md
// says of what, and functions_test.cc what becomes of it in f32.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_FUNCTION_CONSTANTS_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_FUNCTION_CONSTANTS_H_

#include <array>
#include <cstdint>

namespace triptych::npu {

// log2(e) * 2^39, to nearest.
inline constexpr uint64_t kLog2E = 0xb8'aa3b'295c;
// From here on exp(+-x) is infinite or 0: 128.
inline constexpr uint32_t kExpLargest = 0x4300'0000;
// Keeps the exponent of 2 above 0 for all that can occur.
inline constexpr uint64_t kExpBias = 256;
// 2^f - 1 = sum over i of kExp2[i] f^(i + 1) on [0, 1), in units of 2^-31;
// error 5e-11. They add up to 2^31: at the end of the interval 2^f is not
// above 2, and as all are positive, rounding down at every step keeps the
// function non-decreasing.
inline constexpr std::array<uint32_t, 7> kExp2 = {
    1488522244, 515882277, 119196129, 20646516, 2881712, 308748, 46022};

// (tanh a - a) / a^3 in powers of a^2, for a < kTanhSmall; error 5e-9.
inline constexpr float kTanhSmall = 0.625f;
inline constexpr std::array<float, 5> kTanh = {-0x1.555532p-2f, 0x1.110726p-3f,
                                               -0x1.b83c5ap-5f, 0x1.52269cp-6f,
                                               -0x1.75e1ccp-8f};

// Phi(-a) exp(a^2 / 2) in powers 1 .. 9 of 1 / (1 + kTailScale a), for a up to
// 14.5, Phi the normal distribution; error 3.2e-8. Beyond, Phi(-a) is 0.
inline constexpr float kTailScale = 0x1.666666p-2f;
inline constexpr std::array<float, 9> kTail = {
    0x1.1df1c6p-3f,  0x1.1e70c2p-3f,  0x1.eac9bcp-4f,
    0x1.b057c8p-4f,  -0x1.7c4f4ep-6f, 0x1.464958p-3f,
    -0x1.05faa2p-2f, 0x1.26f9a6p-3f,  -0x1.ddb8fap-6f};

// 2 sqrt(2 / pi), and 0.044715 times it (Hendrycks and Gimpel, "Gaussian
// error linear units", 2016).
inline constexpr float kGeluLinear = 0x1.988454p+0f;
inline constexpr float kGeluCubic = 0x1.2444f2p-4f;

// What a large negative x is replaced by where its gate is 0 already: keeps
// infinity times 0 away.
inline constexpr float kGateLowest = -1000;

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_FUNCTION_CONSTANTS_H_
