/* The kernels for use from C, and from whatever can call C.
 *
 * Matrices are row-major float, int8 and so on; `stride` is the distance from
 * the start of one row to the next, in elements (stride >= columns). Sizes
 * and strides count elements, never bytes. Zero rows or columns are allowed.
 *
 * `threads` is how many threads a call may use, 1 or more; a result is the
 * same bits for any number. Calls are thread-safe. Results must not overlap
 * inputs except where a function says so. The best SIMD instructions of the
 * machine are chosen at run time.
 *
 * Sizes that contradict each other are the caller's bug, and memory that runs
 * out is nobody's: both end the process with a message on stderr.
 *
 * What is computed, how exactly, and what the bits may depend on is said in
 * the C++ header of each operator (kernels/<op>/<op>.h).
 *
 *   cc program.c $(pkg-config --cflags --libs triptych_kernels)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TRIPTYCH_KERNELS_TRIPTYCH_KERNELS_H_
#define TRIPTYCH_KERNELS_TRIPTYCH_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The SIMD target in use, such as "AVX3_ZEN4" or "NEON". */
const char* triptych_simd_target(void);

/* ---- Matrix products: C[m,n] = A[m,k] * W[n,k]^T ---- */

/* Packed weights: made once, used by any number of products at once, freed
 * once. The source may be freed right after packing. */
typedef struct triptych_weights triptych_weights;

/* Element (j, i) of W[n,k] is w[j * n_stride + i * k_stride]: a plain
 * row-major W has k_stride 1, one stored as [k,n] has n_stride 1. */
triptych_weights* triptych_pack_f32(const float* w, size_t n, size_t k,
                                    size_t n_stride, size_t k_stride,
                                    int threads);
/* Rounded to bf16, to nearest even; half the memory, twice the speed. */
triptych_weights* triptych_pack_bf16(const float* w, size_t n, size_t k,
                                     size_t n_stride, size_t k_stride,
                                     int threads);
triptych_weights* triptych_pack_i8(const int8_t* w, size_t n, size_t k,
                                   size_t n_stride, size_t k_stride,
                                   int threads);
/* NULL is allowed. */
void triptych_weights_free(triptych_weights* w);

/* C = A * W^T + bias, for f32 and bf16 weights. With bf16 weights A is
 * rounded to bf16 too; sums are f32. bias[n], or NULL for none. */
void triptych_matmul(const triptych_weights* w, const float* a, size_t m,
                     size_t a_stride, const float* bias, float* c,
                     size_t c_stride, int threads);
/* C += A * W^T, likewise. */
void triptych_matmul_add(const triptych_weights* w, const float* a, size_t m,
                         size_t a_stride, float* c, size_t c_stride,
                         int threads);
/* C = A * W^T in int32, modulo 2^32, for int8 weights. */
void triptych_matmul_u8(const triptych_weights* w, const uint8_t* a, size_t m,
                        size_t a_stride, int32_t* c, size_t c_stride,
                        int threads);
void triptych_matmul_s8(const triptych_weights* w, const int8_t* a, size_t m,
                        size_t a_stride, int32_t* c, size_t c_stride,
                        int threads);

/* ---- Products with weights in 8 or 4 bits, end to end: f32 in, f32 out ----
 * kernels/matmul/quantized.h says how each is rounded. */

typedef struct triptych_codes triptych_codes;

/* Element (j, i) of W[n,k] as above, rounded to `bits` (8 or 4) with a scale
 * for every `group` elements of a row: a multiple of 8 up to 2048, or 0 for
 * one scale a row. The source may be freed right after. */
triptych_codes* triptych_quantize_weights(const float* w, size_t n, size_t k,
                                          size_t n_stride, size_t k_stride,
                                          int bits, size_t group, int threads);
/* NULL is allowed. */
void triptych_codes_free(triptych_codes* w);

/* What the rows of A are rounded to inside the product. */
enum {
  TRIPTYCH_ACTIVATIONS_I8 = 0, /* int8, one scale a row: the fast way */
  TRIPTYCH_ACTIVATIONS_BF16 = 1
};

/* C = A * W^T + bias + residual. bias[n] and residual[m,n] may be NULL for
 * none; the residual may be C itself, with the same stride. */
void triptych_matmul_codes(const triptych_codes* w, const float* a, size_t m,
                           size_t a_stride, int activations,
                           const float* bias, const float* residual,
                           size_t residual_stride, float* c, size_t c_stride,
                           int threads);
/* The same from rows that a norm or a gated unit left in int8 (below). */
void triptych_matmul_codes_i8(const triptych_codes* w, const int8_t* a,
                              size_t m, size_t a_stride, const float* a_scales,
                              const float* bias, const float* residual,
                              size_t residual_stride, float* c,
                              size_t c_stride, int threads);

/* ---- Attention ---- */

typedef struct {
  size_t heads;     /* of q */
  size_t kv_heads;  /* divides heads; equal heads share a KV head in order */
  size_t head_dim;  /* features of a query and of a key */
  size_t v_dim;     /* features of a value */
  float scale;      /* usually 1 / sqrt(head_dim) */
  int causal;       /* query t sees keys 0 .. past + t; else all */
  size_t past;
} triptych_attention_shape;

/* out[tokens, heads * v_dim] = softmax(scale * Q K^T) V, head by head, with
 * q[tokens, heads * head_dim], k[context, kv_heads * head_dim] and
 * v[context, kv_heads * v_dim]. Causal: past + tokens <= context. */
void triptych_attention(const triptych_attention_shape* shape, const float* q,
                        size_t tokens, size_t q_stride, const float* k,
                        size_t k_stride, const float* v, size_t v_stride,
                        size_t context, float* out, size_t out_stride,
                        int threads);

/* Keys and values of one sequence, packed for attention and rounded once. */
typedef struct triptych_kv_cache triptych_kv_cache;

enum {
  TRIPTYCH_KV_F32 = 0,
  TRIPTYCH_KV_F16 = 1,
  TRIPTYCH_KV_BF16 = 2,
  TRIPTYCH_KV_I8 = 3 /* one scale for each token and KV head */
};

/* Room for `capacity` tokens, allocated at once. */
triptych_kv_cache* triptych_kv_cache_new(size_t kv_heads, size_t head_dim,
                                         size_t v_dim, size_t capacity,
                                         int format);
/* NULL is allowed. */
void triptych_kv_cache_free(triptych_kv_cache* cache);
size_t triptych_kv_cache_length(const triptych_kv_cache* cache);
/* The next tokens: k[tokens, kv_heads * head_dim], v[tokens, kv_heads *
 * v_dim], all finite. No other call may use the cache meanwhile. */
void triptych_kv_cache_append(triptych_kv_cache* cache, const float* k,
                              size_t k_stride, const float* v, size_t v_stride,
                              size_t tokens, int threads);
/* As triptych_attention, over the tokens in the cache. Causal:
 * past + tokens <= length. */
void triptych_attention_cached(const triptych_attention_shape* shape,
                               const float* q, size_t tokens, size_t q_stride,
                               const triptych_kv_cache* cache, float* out,
                               size_t out_stride, int threads);

/* ---- Rows: out may be x, with the same stride ---- */

/* x / sqrt(mean(x^2) + eps) * weight; weight[cols], or NULL for ones. */
void triptych_rms_norm(const float* x, size_t rows, size_t cols,
                       size_t x_stride, const float* weight, float eps,
                       float* out, size_t out_stride, int threads);
/* (x - mean) / sqrt(variance + eps) * weight + bias; NULL for ones, zeros. */
void triptych_layer_norm(const float* x, size_t rows, size_t cols,
                         size_t x_stride, const float* weight,
                         const float* bias, float eps, float* out,
                         size_t out_stride, int threads);
void triptych_softmax(const float* x, size_t rows, size_t cols,
                      size_t x_stride, float* out, size_t out_stride,
                      int threads);

/* Which two of a head's rotated features turn together. */
enum {
  TRIPTYCH_ROPE_INTERLEAVED = 0, /* 2i and 2i + 1 */
  TRIPTYCH_ROPE_HALF = 1         /* i and i + pairs */
};

/* x[tokens, heads * head_dim], in place: pair i of every head of row t turns
 * by positions[t] * inv_freq[i] radians; 2 * pairs <= head_dim. */
void triptych_rope(float* x, size_t tokens, size_t stride, size_t heads,
                   size_t head_dim, const float* inv_freq, size_t pairs,
                   const int32_t* positions, int style, int threads);

/* ---- Elements: out may be an input ---- */

void triptych_silu(const float* x, size_t count, float* out, int threads);
void triptych_gelu_tanh(const float* x, size_t count, float* out,
                        int threads);
void triptych_gelu_erf(const float* x, size_t count, float* out, int threads);
/* silu(gate) * up */
void triptych_silu_mul(const float* gate, const float* up, size_t count,
                       float* out, int threads);
void triptych_add(const float* a, const float* b, size_t count, float* out,
                  int threads);
void triptych_mul(const float* a, const float* b, size_t count, float* out,
                  int threads);

/* ---- Rows that end in int8, for triptych_matmul_codes_i8: codes and scales
 * are those triptych_quantize_rows_i8 would give the f32 result ---- */

/* x + residual first, which is also written to x; residual may be NULL. */
void triptych_rms_norm_i8(float* x, size_t rows, size_t cols, size_t x_stride,
                          const float* residual, size_t residual_stride,
                          const float* weight, float eps, int8_t* codes,
                          size_t codes_stride, float* scales, int threads);
/* silu(gate) * up */
void triptych_silu_mul_i8(const float* gate, size_t gate_stride,
                          const float* up, size_t up_stride, size_t rows,
                          size_t cols, int8_t* codes, size_t codes_stride,
                          float* scales, int threads);

/* ---- Conversions ---- */

/* codes = round(x * 127 / absmax of the row), scales[row] = absmax / 127. */
void triptych_quantize_rows_i8(const float* x, size_t rows, size_t cols,
                               size_t x_stride, int8_t* codes,
                               size_t codes_stride, float* scales,
                               int threads);
/* out = codes * scales[row] */
void triptych_dequantize_rows_i8(const int8_t* codes, size_t rows, size_t cols,
                                 size_t codes_stride, const float* scales,
                                 float* out, size_t out_stride, int threads);
/* bf16 as its 16 bits; to nearest, ties to even. */
void triptych_f32_to_bf16(const float* x, size_t rows, size_t cols,
                          size_t x_stride, uint16_t* out, size_t out_stride,
                          int threads);
void triptych_bf16_to_f32(const uint16_t* x, size_t rows, size_t cols,
                          size_t x_stride, float* out, size_t out_stride,
                          int threads);

#ifdef __cplusplus
}
#endif

#endif /* TRIPTYCH_KERNELS_TRIPTYCH_KERNELS_H_ */
