// OpenBLAS. Its threads are pthreads that wait spinning for a while: see
// SettleProcess() for what it reads when it is loaded.
// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/blas.h"
#include "bench/peers/open.h"

namespace triptych::bench {
namespace {

// "OpenBLAS 0.3.21 NO_LAPACKE ..." -> "OpenBLAS 0.3.21"
std::string ShortVersion(const std::string& config) {
  return config.substr(0, config.find(' ', config.find(' ') + 1));
}

}  // namespace

Result<std::unique_ptr<PeerLibrary>> OpenOpenBlas(int threads) {
  TRIPTYCH_ASSIGN(const SharedLibrary library,
                  SharedLibrary::Load("libopenblas.so.0"));
  void (*set_threads)(int) = nullptr;
  const char* (*config)() = nullptr;
  const char* (*core)() = nullptr;
  TRIPTYCH_TRY(library.Find("openblas_set_num_threads", set_threads));
  TRIPTYCH_TRY(library.Find("openblas_get_config", config));
  TRIPTYCH_TRY(library.Find("openblas_get_corename", core));
  set_threads(threads);
  return BlasPeer(library, ShortVersion(config()) + " for " + core());
}

}  // namespace triptych::bench
