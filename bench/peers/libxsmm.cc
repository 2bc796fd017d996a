// libxsmm makes code for one shape when it is asked to. Debian has it as an
// archive, so it is linked, where it is there.
// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/open.h"

#ifdef TRIPTYCH_LIBXSMM

#include <libxsmm.h>

namespace triptych::bench {
namespace {

class LibxsmmLibrary : public PeerLibrary {
 public:
  std::string version() const override {
    return std::string("libxsmm ") + LIBXSMM_VERSION + " for " +
           libxsmm_get_target_arch();
  }

  // Its matrices are column-major: C^T = B^T A^T.
  Result<std::function<void()>> Prepare(Product& product) override {
    const auto m = static_cast<int>(product.m), n = static_cast<int>(product.n),
               k = static_cast<int>(product.k);
    constexpr float kOne = 1, kZero = 0;
    // Code that prefetches would want the next operands, too.
    constexpr int kPrefetch = LIBXSMM_PREFETCH_NONE;
    const libxsmm_smmfunction multiply = libxsmm_smmdispatch(
        n, m, k, nullptr, nullptr, nullptr, &kOne, &kZero, nullptr, &kPrefetch);
    if (multiply == nullptr) {
      return MakeError(ErrorCode::kUnsupported, "makes no code for the shape");
    }
    return [multiply, &p = product] {
      multiply(p.b.data(), p.a.data(), p.c.data());
    };
  }
};

}  // namespace

Result<std::unique_ptr<PeerLibrary>> OpenLibxsmm(int threads) {
  if (threads != 1) {
    return MakeError(ErrorCode::kUnsupported, "has one thread a product");
  }
  libxsmm_init();
  return std::make_unique<LibxsmmLibrary>();
}

}  // namespace triptych::bench

#else

namespace triptych::bench {

Result<std::unique_ptr<PeerLibrary>> OpenLibxsmm(int) {
  return MakeError(ErrorCode::kNotFound, "was not there at configuring");
}

}  // namespace triptych::bench

#endif
