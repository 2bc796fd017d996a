// Eigen: a header library, so the one that this program was compiled with.
// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/eigen_native.h"
#include "bench/peers/open.h"

namespace triptych::bench {
namespace {

class EigenLibrary : public PeerLibrary {
 public:
  std::string version() const override {
    return std::string("Eigen ") + EigenVersion() + " (" + EigenInstructions() +
           ")";
  }
  Result<std::function<void()>> Prepare(Product& product) override {
    return [&p = product] {
      EigenMultiply(p.a.data(), p.b.data(), p.c.data(),
                    static_cast<ptrdiff_t>(p.m), static_cast<ptrdiff_t>(p.n),
                    static_cast<ptrdiff_t>(p.k));
    };
  }
};

}  // namespace

Result<std::unique_ptr<PeerLibrary>> OpenEigen(int threads) {
  if (!EigenRuns()) {
    return MakeError(ErrorCode::kUnsupported,
                     "compiled for another machine; compile it on this one");
  }
  EigenSetThreads(threads);
  return std::make_unique<EigenLibrary>();
}

}  // namespace triptych::bench
