// Eigen's product, compiled for the instructions of the machine that compiles
// it: Eigen chooses them then. Plain types alone cross into that file, so that
// no function of the standard library is shared with code for any machine.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_EIGEN_NATIVE_H_
#define TRIPTYCH_BENCH_PEERS_EIGEN_NATIVE_H_

#include <cstddef>

namespace triptych::bench {

// C[m,n] = A[m,k] * B[k,n]; row-major, no gaps; C overlaps neither.
void EigenMultiply(const float* a, const float* b, float* c, ptrdiff_t m,
                   ptrdiff_t n, ptrdiff_t k);

void EigenSetThreads(int threads);

// "3.4.0"
const char* EigenVersion();
// "AVX512, FMA, AVX2, ..."
const char* EigenInstructions();
// False: this machine lacks instructions that the functions above have.
bool EigenRuns();

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_EIGEN_NATIVE_H_
