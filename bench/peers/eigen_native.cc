// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/eigen_native.h"

#include <Eigen/Core>

#define TRIPTYCH_TEXT(x) #x
#define TRIPTYCH_VERSION_TEXT(a, b, c) \
  TRIPTYCH_TEXT(a) "." TRIPTYCH_TEXT(b) "." TRIPTYCH_TEXT(c)

namespace triptych::bench {

void EigenMultiply(const float* a, const float* b, float* c, ptrdiff_t m,
                   ptrdiff_t n, ptrdiff_t k) {
  using Matrix =
      Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> a_map(a, m, k), b_map(b, k, n);
  Eigen::Map<Matrix>(c, m, n).noalias() = a_map * b_map;
}

void EigenSetThreads(int threads) { Eigen::setNbThreads(threads); }

const char* EigenVersion() {
  return TRIPTYCH_VERSION_TEXT(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                               EIGEN_MINOR_VERSION);
}

const char* EigenInstructions() { return Eigen::SimdInstructionSetsInUse(); }

bool EigenRuns() {
#ifdef __AVX512F__
  if (!__builtin_cpu_supports("avx512f")) return false;
#endif
#ifdef __AVX2__
  if (!__builtin_cpu_supports("avx2")) return false;
#endif
#ifdef __FMA__
  if (!__builtin_cpu_supports("fma")) return false;
#endif
  return true;
}

}  // namespace triptych::bench
