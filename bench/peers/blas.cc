// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/blas.h"

#include <utility>

namespace triptych::bench {
namespace {

// The functions whose names end in an underscore: unlike the cblas_ ones they
// call nothing by a name that another BLAS in the process has, too.
struct Functions {
  void (*sgemm)(const char* transpose_a, const char* transpose_b, const int* m,
                const int* n, const int* k, const float* alpha, const float* a,
                const int* lda, const float* b, const int* ldb,
                const float* beta, float* c, const int* ldc);
  void (*sgemv)(const char* transpose, const int* m, const int* n,
                const float* alpha, const float* a, const int* lda,
                const float* x, const int* incx, const float* beta, float* y,
                const int* incy);
};

// Fortran's matrices are column-major: what is A[m,k] here is A^T there, and
// C^T = B^T A^T is a product without a transposed operand.
void Multiply(const Functions& blas, Product& p) {
  constexpr float kOne = 1, kZero = 0;
  constexpr int kStep = 1;
  const auto m = static_cast<int>(p.m), n = static_cast<int>(p.n),
             k = static_cast<int>(p.k);
  if (m == 1) {
    blas.sgemv("N", &n, &k, &kOne, p.b.data(), &n, p.a.data(), &kStep, &kZero,
               p.c.data(), &kStep);
  } else {
    blas.sgemm("N", "N", &n, &m, &k, &kOne, p.b.data(), &n, p.a.data(), &k,
               &kZero, p.c.data(), &n);
  }
}

class BlasLibrary : public PeerLibrary {
 public:
  BlasLibrary(const Functions& functions, std::string version)
      : functions_(functions), version_(std::move(version)) {}
  std::string version() const override { return version_; }
  Result<std::function<void()>> Prepare(Product& product) override {
    return [functions = functions_, &product] { Multiply(functions, product); };
  }

 private:
  Functions functions_;
  std::string version_;
};

}  // namespace

Result<std::unique_ptr<PeerLibrary>> BlasPeer(const SharedLibrary& library,
                                              std::string version) {
  Functions functions = {};
  TRIPTYCH_TRY(library.Find("sgemm_", functions.sgemm));
  TRIPTYCH_TRY(library.Find("sgemv_", functions.sgemv));
  return std::make_unique<BlasLibrary>(functions, std::move(version));
}

}  // namespace triptych::bench
