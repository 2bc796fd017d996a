// Products by way of the Fortran interface that every BLAS has.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_BLAS_H_
#define TRIPTYCH_BENCH_PEERS_BLAS_H_

#include <memory>
#include <string>

#include "bench/peers/peer.h"
#include "bench/peers/shared_library.h"
#include "kernels/base/result.h"

namespace triptych::bench {

// A peer that multiplies with this library's sgemm and sgemv.
Result<std::unique_ptr<PeerLibrary>> BlasPeer(const SharedLibrary& library,
                                              std::string version);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_BLAS_H_
