// Views around the caller's pointers, and the C++ functions behind them.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/triptych_kernels.h"

#include <span>

#include "kernels/activation/activation.h"
#include "kernels/attention/attention.h"
#include "kernels/base/check.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/matmul/matmul.h"
#include "kernels/norm/norm.h"
#include "kernels/quant/quant.h"
#include "kernels/roofline/roofline.h"
#include "kernels/rope/rope.h"
#include "kernels/softmax/softmax.h"

struct triptych_weights {
  triptych::PackedWeights packed;
};

namespace triptych {
namespace {

// The checks that views make in debug builds only, for callers from outside.
template <class T>
MatView<T> View(T* data, size_t rows, size_t cols, size_t stride) {
  TRIPTYCH_CHECK(stride >= cols, "stride", stride, "columns", cols);
  TRIPTYCH_CHECK(data != nullptr || rows * cols == 0);
  return {data, rows, cols, stride};
}

// None where the pointer is null.
std::span<const float> Optional(const float* data, size_t count) {
  if (data == nullptr) return {};
  return {data, count};
}

template <class T>
triptych_weights* Packed(const T* w, size_t n, size_t k, size_t n_stride,
                         size_t k_stride, auto... how) {
  TRIPTYCH_CHECK(w != nullptr || n * k == 0);
  const StridedView<T> view(w, n, k, n_stride, k_stride);
  return new triptych_weights{Pack(view, how...)};
}

}  // namespace
}  // namespace triptych

using triptych::View;

const char* triptych_simd_target() {
  return triptych::SimdTargetName().data();  // from a literal: ends in 0
}

triptych_weights* triptych_pack_f32(const float* w, size_t n, size_t k,
                                    size_t n_stride, size_t k_stride,
                                    int threads) {
  return triptych::Packed(w, n, k, n_stride, k_stride, triptych::DType::kF32,
                          threads);
}

triptych_weights* triptych_pack_bf16(const float* w, size_t n, size_t k,
                                     size_t n_stride, size_t k_stride,
                                     int threads) {
  return triptych::Packed(w, n, k, n_stride, k_stride, triptych::DType::kBf16,
                          threads);
}

triptych_weights* triptych_pack_i8(const int8_t* w, size_t n, size_t k,
                                   size_t n_stride, size_t k_stride,
                                   int threads) {
  return triptych::Packed(w, n, k, n_stride, k_stride, threads);
}

void triptych_weights_free(triptych_weights* w) { delete w; }

void triptych_matmul(const triptych_weights* w, const float* a, size_t m,
                     size_t a_stride, const float* bias, float* c,
                     size_t c_stride, int threads) {
  const size_t n = w->packed.n(), k = w->packed.k();
  triptych::Matmul(
      View(a, m, k, a_stride), w->packed, View(c, m, n, c_stride),
      {.threads = threads, .bias = triptych::Optional(bias, n)});
}

void triptych_matmul_add(const triptych_weights* w, const float* a, size_t m,
                         size_t a_stride, float* c, size_t c_stride,
                         int threads) {
  const size_t n = w->packed.n(), k = w->packed.k();
  triptych::Matmul(View(a, m, k, a_stride), w->packed, View(c, m, n, c_stride),
                   {.threads = threads, .accumulate = true});
}

void triptych_matmul_u8(const triptych_weights* w, const uint8_t* a, size_t m,
                        size_t a_stride, int32_t* c, size_t c_stride,
                        int threads) {
  const size_t n = w->packed.n(), k = w->packed.k();
  triptych::MatmulI8(View(a, m, k, a_stride), w->packed,
                     View(c, m, n, c_stride), threads);
}

void triptych_matmul_s8(const triptych_weights* w, const int8_t* a, size_t m,
                        size_t a_stride, int32_t* c, size_t c_stride,
                        int threads) {
  const size_t n = w->packed.n(), k = w->packed.k();
  triptych::MatmulI8(View(a, m, k, a_stride), w->packed,
                     View(c, m, n, c_stride), threads);
}

void triptych_attention(const triptych_attention_shape* shape, const float* q,
                        size_t tokens, size_t q_stride, const float* k,
                        size_t k_stride, const float* v, size_t v_stride,
                        size_t context, float* out, size_t out_stride,
                        int threads) {
  const size_t heads = shape->heads, kv_heads = shape->kv_heads;
  triptych::Attention(
      {.heads = heads,
       .kv_heads = kv_heads,
       .head_dim = shape->head_dim,
       .v_dim = shape->v_dim,
       .scale = shape->scale,
       .causal = shape->causal != 0,
       .past = shape->past},
      View(q, tokens, heads * shape->head_dim, q_stride),
      {.k = View(k, context, kv_heads * shape->head_dim, k_stride),
       .v = View(v, context, kv_heads * shape->v_dim, v_stride)},
      View(out, tokens, heads * shape->v_dim, out_stride), threads);
}

void triptych_rms_norm(const float* x, size_t rows, size_t cols,
                       size_t x_stride, const float* weight, float eps,
                       float* out, size_t out_stride, int threads) {
  triptych::RmsNorm(View(x, rows, cols, x_stride),
                    triptych::Optional(weight, cols), eps,
                    View(out, rows, cols, out_stride), threads);
}

void triptych_layer_norm(const float* x, size_t rows, size_t cols,
                         size_t x_stride, const float* weight,
                         const float* bias, float eps, float* out,
                         size_t out_stride, int threads) {
  triptych::LayerNorm(View(x, rows, cols, x_stride),
                      triptych::Optional(weight, cols),
                      triptych::Optional(bias, cols), eps,
                      View(out, rows, cols, out_stride), threads);
}

void triptych_softmax(const float* x, size_t rows, size_t cols,
                      size_t x_stride, float* out, size_t out_stride,
                      int threads) {
  triptych::Softmax(View(x, rows, cols, x_stride),
                    View(out, rows, cols, out_stride), threads);
}

void triptych_rope(float* x, size_t tokens, size_t stride, size_t heads,
                   size_t head_dim, const float* inv_freq, size_t pairs,
                   const int32_t* positions, int style, int threads) {
  TRIPTYCH_CHECK(style == TRIPTYCH_ROPE_INTERLEAVED ||
                     style == TRIPTYCH_ROPE_HALF,
                 "style", style);
  triptych::Rope(View(x, tokens, heads * head_dim, stride), heads, head_dim,
                 {inv_freq, pairs}, {positions, tokens},
                 style == TRIPTYCH_ROPE_HALF
                     ? triptych::RopeStyle::kHalf
                     : triptych::RopeStyle::kInterleaved,
                 threads);
}

void triptych_silu(const float* x, size_t count, float* out, int threads) {
  triptych::Silu({x, count}, {out, count}, threads);
}

void triptych_gelu_tanh(const float* x, size_t count, float* out,
                        int threads) {
  triptych::GeluTanh({x, count}, {out, count}, threads);
}

void triptych_gelu_erf(const float* x, size_t count, float* out, int threads) {
  triptych::GeluErf({x, count}, {out, count}, threads);
}

void triptych_silu_mul(const float* gate, const float* up, size_t count,
                       float* out, int threads) {
  triptych::SiluMul({gate, count}, {up, count}, {out, count}, threads);
}

void triptych_add(const float* a, const float* b, size_t count, float* out,
                  int threads) {
  triptych::Add({a, count}, {b, count}, {out, count}, threads);
}

void triptych_mul(const float* a, const float* b, size_t count, float* out,
                  int threads) {
  triptych::Mul({a, count}, {b, count}, {out, count}, threads);
}

void triptych_quantize_rows_i8(const float* x, size_t rows, size_t cols,
                               size_t x_stride, int8_t* codes,
                               size_t codes_stride, float* scales,
                               int threads) {
  triptych::QuantizeRowsI8(View(x, rows, cols, x_stride),
                           View(codes, rows, cols, codes_stride),
                           {scales, rows}, threads);
}

void triptych_dequantize_rows_i8(const int8_t* codes, size_t rows, size_t cols,
                                 size_t codes_stride, const float* scales,
                                 float* out, size_t out_stride, int threads) {
  triptych::DequantizeRowsI8(View(codes, rows, cols, codes_stride),
                             {scales, rows},
                             View(out, rows, cols, out_stride), threads);
}

void triptych_f32_to_bf16(const float* x, size_t rows, size_t cols,
                          size_t x_stride, uint16_t* out, size_t out_stride,
                          int threads) {
  triptych::RowsToBf16(View(x, rows, cols, x_stride),
                       View(out, rows, cols, out_stride), threads);
}

void triptych_bf16_to_f32(const uint16_t* x, size_t rows, size_t cols,
                          size_t x_stride, float* out, size_t out_stride,
                          int threads) {
  triptych::RowsFromBf16(View(x, rows, cols, x_stride),
                         View(out, rows, cols, out_stride), threads);
}
