// How the peers are opened; each of these is defined in the file of its name.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_OPEN_H_
#define TRIPTYCH_BENCH_PEERS_OPEN_H_

#include <memory>

#include "bench/peers/peer.h"
#include "kernels/base/result.h"

namespace triptych::bench {

Result<std::unique_ptr<PeerLibrary>> OpenOneDnn(int threads);
Result<std::unique_ptr<PeerLibrary>> OpenOpenBlas(int threads);
Result<std::unique_ptr<PeerLibrary>> OpenBlis(int threads);
Result<std::unique_ptr<PeerLibrary>> OpenLibxsmm(int threads);
Result<std::unique_ptr<PeerLibrary>> OpenEigen(int threads);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_OPEN_H_
