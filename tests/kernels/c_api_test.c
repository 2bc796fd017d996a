/* A C program against the C header: every function, on numbers that can be
 * checked by hand. Also built against an installed prefix (c_api_test.py).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <triptych_kernels.h>

static int failures = 0;

static void Expect(const char* what, double got, double want) {
  if (fabs(got - want) <= 1e-6 * (1 + fabs(want))) return;
  fprintf(stderr, "%s: got %.9g, expected %.9g\n", what, got, want);
  ++failures;
}

/* [1 2; 3 4] * [5 6; 7 8; 9 10]^T = [17 23 29; 39 53 67] */
static void TestMatmul(void) {
  const float a[] = {1, 2, 3, 4}, w[] = {5, 6, 7, 8, 9, 10};
  const float transposed[] = {5, 7, 9, 6, 8, 10}, bias[] = {100, 200, 300};
  const double want[] = {17, 23, 29, 39, 53, 67};
  float c[6];
  triptych_weights* packed[3];
  packed[0] = triptych_pack_f32(w, 3, 2, 2, 1, 1);
  packed[1] = triptych_pack_bf16(w, 3, 2, 2, 1, 2);
  packed[2] = triptych_pack_f32(transposed, 3, 2, 1, 3, 1);
  for (int p = 0; p < 3; ++p) {
    triptych_matmul(packed[p], a, 2, 2, NULL, c, 3, 1);
    for (int i = 0; i < 6; ++i) Expect("matmul", c[i], want[i]);
    triptych_matmul_add(packed[p], a, 2, 2, c, 3, 2);
    for (int i = 0; i < 6; ++i) Expect("matmul_add", c[i], 2 * want[i]);
    triptych_matmul(packed[p], a, 2, 2, bias, c, 3, 1);
    for (int i = 0; i < 6; ++i) {
      Expect("bias", c[i], want[i] + bias[i % 3]);
    }
    triptych_weights_free(packed[p]);
  }
  triptych_weights_free(NULL);
}

static void TestIntegers(void) {
  const int8_t w[] = {-128, 127, 1, -1, 5}, a[] = {-128, 127, -3, 4, 9};
  const uint8_t u[] = {255, 1, 0, 200, 9};
  int32_t c = 0;
  triptych_weights* packed = triptych_pack_i8(w, 1, 5, 5, 1, 1);
  triptych_matmul_s8(packed, a, 1, 5, &c, 1, 1);
  Expect("s8", c, 128 * 128 + 127 * 127 - 3 - 4 + 45);
  triptych_matmul_u8(packed, u, 1, 5, &c, 1, 1);
  Expect("u8", c, -255 * 128 + 127 - 200 + 45);
  triptych_weights_free(packed);
}

/* Codes that hold these weights exactly: 127 and its half, 7 and its parts. */
static void TestCodes(void) {
  const float w8[] = {127, 0, -1, 5, 0, 0, 0, 0};
  const float w4[] = {7, -7, 3, 1, 0, 0, 0, 0};
  const float a[] = {127, 1, 2, 3, 0, 0, 0, 0};
  const float bias = 1000, residual = 0.5f;
  const double want8 = 127 * 127 - 2 + 15, want4 = 7 * 127 - 7 + 6 + 3;
  int8_t codes[8];
  float scale = 0, c = 0;
  triptych_codes* w = triptych_quantize_weights(w8, 1, 8, 8, 1, 8, 0, 1);
  triptych_matmul_codes(w, a, 1, 8, TRIPTYCH_ACTIVATIONS_I8, NULL, NULL, 0, &c,
                        1, 1);
  Expect("codes", c, want8);
  triptych_matmul_codes(w, a, 1, 8, TRIPTYCH_ACTIVATIONS_BF16, &bias,
                        &residual, 1, &c, 1, 1);
  Expect("codes, bf16", c, want8 + 1000.5);
  triptych_codes_free(w);
  w = triptych_quantize_weights(w4, 1, 8, 8, 1, 4, 8, 1);
  triptych_quantize_rows_i8(a, 1, 8, 8, codes, 8, &scale, 1);
  c = 2;
  triptych_matmul_codes_i8(w, codes, 1, 8, &scale, NULL, &c, 1, &c, 1, 1);
  Expect("codes, i8", c, want4 + 2);
  triptych_codes_free(w);
  triptych_codes_free(NULL);
}

static void TestRowsThatEndInCodes(void) {
  const float residual[] = {1, 2}, gate[] = {1, -2}, up[] = {3, 5};
  float x[] = {2, 2}, scale = 0;
  int8_t codes[2];
  triptych_rms_norm_i8(x, 1, 2, 2, residual, 2, NULL, 0, codes, 2, &scale, 1);
  Expect("sum", x[1], 4);
  Expect("rms_norm_i8", codes[1] * scale, 4 / sqrt(12.5));
  Expect("rms_norm_i8", codes[0], 95); /* 127 * 3 / 4 */
  triptych_rms_norm_i8(x, 1, 2, 2, NULL, 0, NULL, 0, codes, 2, &scale, 1);
  Expect("sum", x[1], 4);
  triptych_silu_mul_i8(gate, 2, up, 2, 1, 2, codes, 2, &scale, 1);
  Expect("silu_mul_i8", codes[0] * scale, 3 / (1 + exp(-1)));
}

/* Equal keys: the mean of the values seen. */
static void TestAttention(void) {
  const triptych_attention_shape shape = {1, 1, 2, 1, 1.0f, 1, 1};
  const float q[] = {1, 2}, k[] = {3, 3, 3, 3, 9, 9}, v[] = {10, 20, 99};
  float out = 0;
  triptych_attention(&shape, q, 1, 2, k, 2, v, 1, 3, &out, 1, 1);
  Expect("attention", out, 15);
  for (int format = TRIPTYCH_KV_F32; format <= TRIPTYCH_KV_I8; ++format) {
    triptych_kv_cache* cache = triptych_kv_cache_new(1, 2, 1, 3, format);
    triptych_kv_cache_append(cache, k, 2, v, 1, 2, 1);
    triptych_kv_cache_append(cache, k + 4, 2, v + 2, 1, 1, 1);
    Expect("length", (double)triptych_kv_cache_length(cache), 3);
    triptych_attention_cached(&shape, q, 1, 2, cache, &out, 1, 1);
    /* int8 rounds weights to multiples of 1/65535 */
    Expect("attention, cached", floor(out * 1000 + 0.5) / 1000, 15);
    triptych_kv_cache_free(cache);
  }
  triptych_kv_cache_free(NULL);
}

static void TestRows(void) {
  const float x[] = {3, 4}, equal[] = {7, 7, 7, 7}, two[] = {2, 2};
  float out[4];
  triptych_rms_norm(x, 1, 2, 2, two, 0, out, 2, 1);
  Expect("rms_norm", out[0], 2 * 3 / sqrt(12.5));
  triptych_layer_norm(x, 1, 2, 2, NULL, two, 0, out, 2, 1);
  Expect("layer_norm", out[0], 1);
  Expect("layer_norm", out[1], 3);
  triptych_softmax(equal, 1, 4, 4, out, 4, 1);
  Expect("softmax", out[3], 0.25);
}

static void TestRope(void) {
  const float inv_freq[] = {1};
  const int32_t positions[] = {2};
  float x[] = {1, 0};
  triptych_rope(x, 1, 2, 1, 2, inv_freq, 1, positions,
                TRIPTYCH_ROPE_INTERLEAVED, 1);
  Expect("rope", x[0], cos(2));
  Expect("rope", x[1], sin(2));
}

static void TestElements(void) {
  const float x[] = {1, -2}, y[] = {3, 5};
  float out[2];
  triptych_silu(x, 2, out, 1);
  Expect("silu", out[1], -2 / (1 + exp(2)));
  triptych_gelu_tanh(x, 2, out, 1);
  Expect("gelu_tanh", out[0],
         0.5 * (1 + tanh(0.7978845608028654 * 1.044715)));
  triptych_gelu_erf(x, 2, out, 1);
  Expect("gelu_erf", out[0], 0.5 * (1 + erf(sqrt(0.5))));
  triptych_silu_mul(x, y, 2, out, 1);
  Expect("silu_mul", out[0], 3 / (1 + exp(-1)));
  triptych_add(x, y, 2, out, 1);
  Expect("add", out[1], 3);
  triptych_mul(x, y, 2, out, 1);
  Expect("mul", out[1], -10);
}

static void TestConversions(void) {
  const float x[] = {1, -2, 0.5f};
  int8_t codes[3];
  uint16_t bf16[3];
  float scale = 0, out[3];
  triptych_quantize_rows_i8(x, 1, 3, 3, codes, 3, &scale, 1);
  Expect("quantize", codes[1], -127);
  Expect("scale", scale, 2.0 / 127);
  triptych_dequantize_rows_i8(codes, 1, 3, 3, &scale, out, 3, 1);
  Expect("dequantize", out[1], -2);
  triptych_f32_to_bf16(x, 1, 3, 3, bf16, 3, 1);
  Expect("to bf16", bf16[0], 0x3F80);
  triptych_bf16_to_f32(bf16, 1, 3, 3, out, 3, 1);
  Expect("from bf16", out[2], 0.5);
}

int main(void) {
  TestMatmul();
  TestIntegers();
  TestCodes();
  TestRowsThatEndInCodes();
  TestAttention();
  TestRows();
  TestRope();
  TestElements();
  TestConversions();
  Expect("simd_target", strlen(triptych_simd_target()) > 0, 1);
  if (failures == 0) printf("ok on %s\n", triptych_simd_target());
  return failures != 0;
}
