// Views around the caller's pointers, and the C++ functions behind them.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/triptych_kernels.h"

#include <span>

#include "kernels/activation/activation.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/kv_cache.h"
#include "kernels/base/check.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized.h"
#include "kernels/norm/norm.h"
#include "kernels/quant/quant.h"
#include "kernels/roofline/roofline.h"
#include "kernels/rope/rope.h"
#include "kernels/softmax/softmax.h"

struct triptych_weights {
  triptych::PackedWeights packed;
};

struct triptych_codes {
  triptych::QuantizedWeights weights;
};

struct triptych_kv_cache {
  triptych::KvCache cache;
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

ConstMatView<float> OptionalRows(const float* data, size_t rows, size_t cols,
                                 size_t stride) {
  if (data == nullptr) return {};
  return View(data, rows, cols, stride);
}

AttentionShape ShapeOf(const triptych_attention_shape& shape) {
  return {.heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .v_dim = shape.v_dim,
          .scale = shape.scale,
          .causal = shape.causal != 0,
          .past = shape.past};
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

triptych_codes* triptych_quantize_weights(const float* w, size_t n, size_t k,
                                          size_t n_stride, size_t k_stride,
                                          int bits, size_t group, int threads) {
  TRIPTYCH_CHECK(w != nullptr || n * k == 0);
  const triptych::StridedView<float> view(w, n, k, n_stride, k_stride);
  return new triptych_codes{
      triptych::Quantize(view, {.bits = bits, .group = group}, threads)};
}

void triptych_codes_free(triptych_codes* w) { delete w; }

void triptych_matmul_codes(const triptych_codes* w, const float* a, size_t m,
                           size_t a_stride, int activations, const float* bias,
                           const float* residual, size_t residual_stride,
                           float* c, size_t c_stride, int threads) {
  TRIPTYCH_CHECK(activations == TRIPTYCH_ACTIVATIONS_I8 ||
                     activations == TRIPTYCH_ACTIVATIONS_BF16,
                 "activations", activations);
  const size_t n = w->weights.n(), k = w->weights.k();
  triptych::Matmul(
      View(a, m, k, a_stride), w->weights, View(c, m, n, c_stride),
      {.threads = threads,
       .activations = activations == TRIPTYCH_ACTIVATIONS_I8
                          ? triptych::Activations::kInt8
                          : triptych::Activations::kBf16,
       .bias = triptych::Optional(bias, n),
       .residual = triptych::OptionalRows(residual, m, n, residual_stride)});
}

void triptych_matmul_codes_i8(const triptych_codes* w, const int8_t* a,
                              size_t m, size_t a_stride, const float* a_scales,
                              const float* bias, const float* residual,
                              size_t residual_stride, float* c, size_t c_stride,
                              int threads) {
  const size_t n = w->weights.n(), k = w->weights.k();
  // The product only reads them; the view is of what operators write.
  const triptych::QuantizedRows rows{
      View(const_cast<int8_t*>(a), m, k, a_stride),
      {const_cast<float*>(a_scales), m}};
  triptych::Matmul(
      rows, w->weights, View(c, m, n, c_stride),
      {.threads = threads,
       .bias = triptych::Optional(bias, n),
       .residual = triptych::OptionalRows(residual, m, n, residual_stride)});
}

void triptych_attention(const triptych_attention_shape* shape, const float* q,
                        size_t tokens, size_t q_stride, const float* k,
                        size_t k_stride, const float* v, size_t v_stride,
                        size_t context, float* out, size_t out_stride,
                        int threads) {
  const size_t heads = shape->heads, kv_heads = shape->kv_heads;
  triptych::Attention(
      triptych::ShapeOf(*shape),
      View(q, tokens, heads * shape->head_dim, q_stride),
      {.k = View(k, context, kv_heads * shape->head_dim, k_stride),
       .v = View(v, context, kv_heads * shape->v_dim, v_stride)},
      View(out, tokens, heads * shape->v_dim, out_stride), threads);
}

triptych_kv_cache* triptych_kv_cache_new(size_t kv_heads, size_t head_dim,
                                         size_t v_dim, size_t capacity,
                                         int format) {
  using triptych::DType;
  constexpr DType kFormats[] = {DType::kF32, DType::kF16, DType::kBf16,
                                DType::kI8};
  TRIPTYCH_CHECK(format >= TRIPTYCH_KV_F32 && format <= TRIPTYCH_KV_I8,
                 "format", format);
  return new triptych_kv_cache{
      {kv_heads, head_dim, v_dim, capacity, kFormats[format]}};
}

void triptych_kv_cache_free(triptych_kv_cache* cache) { delete cache; }

size_t triptych_kv_cache_length(const triptych_kv_cache* cache) {
  return cache->cache.length();
}

void triptych_kv_cache_append(triptych_kv_cache* cache, const float* k,
                              size_t k_stride, const float* v, size_t v_stride,
                              size_t tokens, int threads) {
  triptych::KvCache& kv = cache->cache;
  kv.Append(View(k, tokens, kv.kv_heads() * kv.head_dim(), k_stride),
            View(v, tokens, kv.kv_heads() * kv.v_dim(), v_stride), threads);
}

void triptych_attention_cached(const triptych_attention_shape* shape,
                               const float* q, size_t tokens, size_t q_stride,
                               const triptych_kv_cache* cache, float* out,
                               size_t out_stride, int threads) {
  const size_t heads = shape->heads;
  triptych::Attention(
      triptych::ShapeOf(*shape),
      View(q, tokens, heads * shape->head_dim, q_stride), cache->cache,
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

void triptych_rms_norm_i8(float* x, size_t rows, size_t cols, size_t x_stride,
                          const float* residual, size_t residual_stride,
                          const float* weight, float eps, int8_t* codes,
                          size_t codes_stride, float* scales, int threads) {
  const triptych::MatView<float> sum = View(x, rows, cols, x_stride);
  const triptych::NormInput in =
      residual == nullptr
          ? triptych::NormInput(sum)
          : triptych::NormInput(
                sum, View(residual, rows, cols, residual_stride), sum);
  triptych::RmsNorm(in, triptych::Optional(weight, cols), eps,
                    triptych::QuantizedRows{
                        View(codes, rows, cols, codes_stride), {scales, rows}},
                    threads);
}

void triptych_silu_mul_i8(const float* gate, size_t gate_stride,
                          const float* up, size_t up_stride, size_t rows,
                          size_t cols, int8_t* codes, size_t codes_stride,
                          float* scales, int threads) {
  triptych::GatedUnit(
      triptych::Glu::kSilu, View(gate, rows, cols, gate_stride),
      View(up, rows, cols, up_stride),
      triptych::QuantizedRows{View(codes, rows, cols, codes_stride),
                              {scales, rows}},
      threads);
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
