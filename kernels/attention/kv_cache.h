// Keys and values of one sequence, in the form that attention reads fastest,
// and attention over them.
//
// The context is cut into tiles of 64 tokens. A tile is the operands of two
// small products, the same for every SIMD width: keys as columns, 64 wide,
// with as many features of a key side by side as one multiply-add takes (a
// unit); values as rows, with as many keys side by side:
//
//   K   [head_dim / u][64][u]    u = 1 (f32, f16), 2 (bf16), 4 (int8)
//   V   [64 / u][v_cols][u]      v_cols: v_dim, in whole 16s
//   int8 only: f32 scales of the tile's keys [64], then of its values [64]
//
// The tiles of a KV head follow each other, so that a decode step reads one
// stream per head. Keys are kept in int8 with 128 added, as the unsigned side
// of the dot product.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_KV_CACHE_H_
#define TRIPTYCH_KERNELS_ATTENTION_KV_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/base/aligned.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"

namespace triptych {

// Where a token's value is: beside its key, or the first v_dim features of
// the key itself, which are then kept and read once (the compressed latent of
// multi-head latent attention: head_dim 576 = 512 + 64 of RoPE, v_dim 512).
enum class Values : uint8_t { kOwn, kInKeys };

// Grows by Append up to a capacity that is allocated at once. Readers may
// share it; Append needs it alone.
class KvCache {
 public:
  static constexpr size_t kTile = 64;  // tokens

  // dtype is kF32, kF16, kBf16 or kI8 (one scale for each token and KV head,
  // as QuantizeRowsI8). capacity in tokens.
  KvCache(size_t kv_heads, size_t head_dim, size_t v_dim, size_t capacity,
          DType dtype, Values values = Values::kOwn);

  // The next tokens: k[tokens, kv_heads * head_dim], v[tokens, kv_heads *
  // v_dim]; v is empty where values are in the keys. Rounds to the dtype, to
  // nearest even; all must be finite. What does not fit is a failed check.
  void Append(ConstMatView<float> k, ConstMatView<float> v, int threads = 1);

  size_t length() const { return length_; }  // tokens
  size_t capacity() const { return capacity_; }
  size_t kv_heads() const { return kv_heads_; }
  size_t head_dim() const { return head_dim_; }
  size_t v_dim() const { return v_dim_; }
  DType dtype() const { return dtype_; }
  Values values() const { return values_; }

  // For the kernels: tile t of a head, and where in it is what (bytes).
  const std::byte* tile(size_t kv_head, size_t t) const {
    return data_.data() + (kv_head * tiles_ + t) * tile_bytes_;
  }
  size_t v_offset() const { return v_offset_; }
  size_t scales_offset() const { return scales_offset_; }
  size_t v_cols() const { return v_cols_; }

 private:
  template <class T, size_t kUnit>
  void SetRows(size_t kv_head, size_t first, ConstMatView<float> k,
               ConstMatView<float> v);

  DType dtype_;
  Values values_;
  size_t kv_heads_, head_dim_, v_dim_, v_cols_, capacity_, tiles_;
  size_t v_offset_, scales_offset_, tile_bytes_;
  size_t length_ = 0;
  AlignedVector<std::byte> data_;
};

// As Attention over rows (attention.h), with the context that is in the
// cache; shape has the cache's kv_heads, head_dim and v_dim. Causal needs
// past + tokens <= cache.length().
//
// Queries times the scale, keys, values and weights are multiplied in the
// cache's format and summed in f32:
//   f32, f16  queries and weights stay f32 (f16 is only how the cache keeps
//             its numbers: rounding the rest to it would gain no speed)
//   bf16      queries and weights are rounded to bf16
//   int8      queries are quantised with a scale each, as the keys are; the
//             weights of a tile, times their values' scales, are rounded to
//             multiples of 1/65535 of the greatest weight times the greatest
//             scale, so that their sums are exact integers. 8 bits would lose
//             a flat tail of small weights.
//
// A row of out depends on that query and the keys it sees alone, not on the
// number of threads: keys are summed up in ranges of 1024, and the ranges in
// order.
void Attention(const AttentionShape& shape, ConstMatView<float> q,
               const KvCache& cache, MatView<float> out, int threads);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ATTENTION_KV_CACHE_H_
