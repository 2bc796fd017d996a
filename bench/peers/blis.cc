// BLIS. Its pthreads are made and joined in every call.
// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/blas.h"
#include "bench/peers/open.h"

namespace triptych::bench {

Result<std::unique_ptr<PeerLibrary>> OpenBlis(int threads) {
  TRIPTYCH_ASSIGN(const SharedLibrary library,
                  SharedLibrary::Load("libblis.so.4"));
  void (*set_threads)(int64_t) = nullptr;  // its dim_t
  const char* (*version)() = nullptr;
  TRIPTYCH_TRY(library.Find("bli_thread_set_num_threads", set_threads));
  TRIPTYCH_TRY(library.Find("bli_info_get_version_str", version));
  set_threads(threads);
  return BlasPeer(library, std::string("BLIS ") + version());
}

}  // namespace triptych::bench
