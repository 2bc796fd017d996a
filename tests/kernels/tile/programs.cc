// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

constexpr double kWrong = std::numeric_limits<double>::infinity();

constexpr Program kPrograms[] = {
    {"eltwise", EltwiseTrials},
    {"matmul_interleaved", MatmulInterleavedTrials},
    {"matmul_multicast", MatmulMulticastTrials},
    {"silu", SiluTrials},
    {"rmsnorm", RmsNormTrials},
    {"softmax", SoftmaxTrials},
    {"rope", RopeTrials},
    {"attention_prefill", AttentionPrefillTrials},
    {"attention_decode", AttentionDecodeTrials},
    {"all_gather", AllGatherTrials},
    {"all_reduce", AllReduceTrials},
};

}  // namespace

std::span<const Program> Programs() { return kPrograms; }

double SameBits(const Matrix& got, const Matrix& want) {
  const bool same = got.rows == want.rows && got.cols == want.cols &&
                    std::memcmp(got.data.data(), want.data.data(),
                                got.data.size() * sizeof(float)) == 0;
  return same ? 0 : kWrong;
}

double WorstOf(const Matrix& got, const Matrix& want,
               const std::function<double(size_t, size_t)>& bound) {
  if (got.rows != want.rows || got.cols != want.cols) return kWrong;
  double worst = 0;
  for (size_t r = 0; r < got.rows; ++r) {
    for (size_t c = 0; c < got.cols; ++c) {
      const double off = std::abs(double{got(r, c)} - want(r, c));
      if (!(off <= std::numeric_limits<double>::max())) return kWrong;
      if (off > 0) worst = std::max(worst, off / bound(r, c));
    }
  }
  return worst;
}

}  // namespace triptych::mesh::tile
