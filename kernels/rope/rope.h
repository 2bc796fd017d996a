// Rotary position embedding: pairs of features of each head turn by an angle
// that grows with the token's position (Su et al., "RoFormer", 2021).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROPE_ROPE_H_
#define TRIPTYCH_KERNELS_ROPE_ROPE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/mat_view.h"

namespace triptych {

// Which two of a head's d rotated features turn together.
enum class RopeStyle : uint8_t {
  kInterleaved,  // (2i, 2i + 1): the paper, llama2.c
  kHalf,         // (i, i + d/2): GPT-NeoX, Hugging Face
};

// out[tokens, heads * head_dim] from x of the same shape, which it may be:
// pair i of every head of row t turns by positions[t] * inv_freq[i]. The
// first d = 2 * inv_freq.size() features of each head turn, the others stay;
// d <= head_dim. A view that starts inside the first head (the rotated tail of
// an MLA query) may lack as many columns at the end: x.cols() >= (heads - 1) *
// head_dim + d. Columns past the heads are left alone.
// inv_freq in [0, 1], radians a token; positions.size() == x.rows(), any
// int32. Angles are formed in f64, so that late positions turn as exactly as
// early ones. A row's bits depend on that row and its position alone.
void Rope(ConstMatView<float> x, size_t heads, size_t head_dim,
          std::span<const float> inv_freq, std::span<const int32_t> positions,
          RopeStyle style, MatView<float> out, int threads = 1);

// The same in place.
inline void Rope(MatView<float> x, size_t heads, size_t head_dim,
                 std::span<const float> inv_freq,
                 std::span<const int32_t> positions, RopeStyle style,
                 int threads = 1) {
  Rope(x, heads, head_dim, inv_freq, positions, style, x, threads);
}

// What attention does to the rows qkv[tokens, q.cols() + k.cols() + v.cols()]
// of one product: the heads of q turn and go to q, those of k turn and go to
// k, and v is copied, k and v as the format T of a cache (the new rows of
// one). Bit for bit Rope, then RowsToBf16 where T is uint16_t, but each token's
// sines are computed once and its row is read once. q.cols() and k.cols() are
// whole heads of head_dim; q may be the columns of qkv it comes from, k and v
// overlap nothing.
template <class T>  // float, or uint16_t: bf16
void RopeAppend(ConstMatView<float> qkv, size_t head_dim,
                std::span<const float> inv_freq,
                std::span<const int32_t> positions, RopeStyle style,
                MatView<float> q, MatView<T> k, MatView<T> v, int threads = 1);

// How fast each pair turns: theta^(-2i / dims), and how that is changed for
// contexts longer than a model was trained on. With factor 1 nothing is.
// The stretching is Llama 3.1's (Meta's reference code, 2024): wavelengths
// over original_context / low_freq_factor are multiplied by `factor`, those
// under original_context / high_freq_factor stay, and in between the share
// that stays is linear in original_context / wavelength.
struct RopeFrequencies {
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_context = 0;  // tokens
};

// The dims / 2 numbers, in radians a token, that Rope wants for `dims`
// rotated features.
std::vector<float> InverseFrequencies(size_t dims, const RopeFrequencies& spec);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ROPE_ROPE_H_
