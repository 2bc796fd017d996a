// Programs and what they are tried on. A program is a row of Programs(): the
// test runs each of its trials on the emulated chip, with and without values,
// on one and two threads, compares what came out with the program's twin, and
// gates the cycles.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_TILE_TRIAL_H_
#define TRIPTYCH_TESTS_KERNELS_TILE_TRIAL_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kernels/tile/workspace.h"

namespace triptych::mesh::tile {

// The largest deviation from the twin, as a part of what is allowed there:
// up to 1 is right. Where nothing but the same bits is allowed, 0 or infinity.
using Check = std::function<double(const Workspace&)>;

struct Prepared {
  std::vector<uint32_t> args;
  Check check;
};

struct Trial {
  std::string label;
  Grid grid;
  std::function<Prepared(Workspace*)> prepare;
};

struct Program {
  std::string_view name;  // of the ELF
  std::vector<Trial> (*trials)();
};
std::span<const Program> Programs();

// Rows of the table, each in a file of its own or with its kin.
std::vector<Trial> EltwiseTrials();
std::vector<Trial> MatmulInterleavedTrials();
std::vector<Trial> MatmulMulticastTrials();
std::vector<Trial> SiluTrials();
std::vector<Trial> RmsNormTrials();
std::vector<Trial> SoftmaxTrials();
std::vector<Trial> RopeTrials();
std::vector<Trial> AttentionPrefillTrials();
std::vector<Trial> AttentionDecodeTrials();
std::vector<Trial> AllGatherTrials();
std::vector<Trial> AllReduceTrials();

// 0 if `got` has the bits of `want`, else infinity.
double SameBits(const Matrix& got, const Matrix& want);
// The largest |got - want| / bound(row, col).
double WorstOf(const Matrix& got, const Matrix& want,
               const std::function<double(size_t, size_t)>& bound);

// Unit roundoffs: of bf16 (8 significant bits, to nearest), and of what a
// source register keeps of single precision (11 bits, cut off).
inline constexpr double kBf16 = 0x1p-8, kTf32 = 0x1p-10;

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_TESTS_KERNELS_TILE_TRIAL_H_
