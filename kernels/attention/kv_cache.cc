// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/quant/quant.h"

namespace triptych {
namespace {

// Elements of a multiply-add's unit; see kv_cache.h.
size_t UnitOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
      return 1;
    case DType::kBf16:
      return 2;
    case DType::kI8:
      return 4;
    default:
      TRIPTYCH_CHECK(false, "no KV cache of", InfoOf(dtype).name);
  }
}

size_t ElementBytes(DType dtype) { return InfoOf(dtype).block_bytes; }

// Up to a tile of rows in the cache's format: codes[row][stride], whole units
// with zeros behind the columns.
template <class T>
struct Codes {
  Codes(size_t rows, size_t cols, size_t unit)
      : stride(RoundUp(cols, unit)), data(rows * stride), scales(rows) {}
  MatView<T> view(size_t cols) {
    return {data.data(), scales.size(), cols, stride};
  }
  size_t stride;
  std::vector<T> data;
  std::vector<float> scales;
};

void Encode(DType, ConstMatView<float> x, Codes<float>& codes) {
  for (size_t r = 0; r < x.rows(); ++r) {
    std::copy_n(x.row(r), x.cols(), codes.view(x.cols()).row(r));
  }
}
void Encode(DType dtype, ConstMatView<float> x, Codes<uint16_t>& codes) {
  const MatView<uint16_t> out = codes.view(x.cols());
  if (dtype == DType::kBf16) return RowsToBf16(x, out);
  for (size_t r = 0; r < x.rows(); ++r) {
    std::transform(x.row(r), x.row(r) + x.cols(), out.row(r), F16FromF32);
  }
}
void Encode(DType, ConstMatView<float> x, Codes<int8_t>& codes) {
  QuantizeRowsI8(x, codes.view(x.cols()), codes.scales);
}

template <class T, size_t kUnit>
void PackKeys(const Codes<T>& codes, size_t slot, T* tile) {
  const size_t rows = codes.scales.size(), units = codes.stride / kUnit;
  for (size_t u = 0; u < units; ++u) {
    T* to = tile + (u * KvCache::kTile + slot) * kUnit;
    const T* from = codes.data.data() + u * kUnit;
    for (size_t r = 0; r < rows; ++r, to += kUnit, from += codes.stride) {
      for (size_t i = 0; i < kUnit; ++i) {
        if constexpr (std::is_same_v<T, int8_t>) {
          to[i] = static_cast<T>(from[i] ^ -128);  // plus 128, unsigned
        } else {
          to[i] = from[i];
        }
      }
    }
  }
}

template <class T, size_t kUnit>
void PackValues(const Codes<T>& codes, size_t slot, size_t v_cols, T* tile) {
  for (size_t r = 0; r < codes.scales.size(); ++r) {
    const size_t key = slot + r;
    T* const to = tile + key / kUnit * v_cols * kUnit + key % kUnit;
    const T* const from = codes.data.data() + r * codes.stride;
    for (size_t c = 0; c < codes.stride; ++c) to[c * kUnit] = from[c];
  }
}

}  // namespace

KvCache::KvCache(size_t kv_heads, size_t head_dim, size_t v_dim,
                 size_t capacity, DType dtype, Values values)
    : dtype_(dtype),
      values_(values),
      kv_heads_(kv_heads),
      head_dim_(head_dim),
      v_dim_(v_dim),
      v_cols_(RoundUp<size_t>(v_dim, 16)),
      capacity_(capacity),
      tiles_(CeilDiv(capacity, kTile)) {
  TRIPTYCH_CHECK(values == Values::kOwn || v_dim <= head_dim, "v_dim", v_dim,
                 "in keys of", head_dim);
  const size_t features = RoundUp(head_dim, UnitOf(dtype));
  v_offset_ = features * kTile * ElementBytes(dtype);
  scales_offset_ =
      v_offset_ +
      (values == Values::kOwn ? v_cols_ * kTile * ElementBytes(dtype) : 0);
  tile_bytes_ =
      scales_offset_ + (dtype == DType::kI8 ? 2 * kTile * sizeof(float) : 0);
  data_.resize(kv_heads * tiles_ * tile_bytes_);
}

// Rows of one head, all in one tile, at token `first` of the sequence.
template <class T, size_t kUnit>
void KvCache::SetRows(size_t kv_head, size_t first, ConstMatView<float> k,
                      ConstMatView<float> v) {
  std::byte* const bytes =
      data_.data() + (kv_head * tiles_ + first / kTile) * tile_bytes_;
  const size_t slot = first % kTile;
  auto* const scales = reinterpret_cast<float*>(bytes + scales_offset_) + slot;
  Codes<T> keys(k.rows(), head_dim_, kUnit);
  Encode(dtype_, k, keys);
  PackKeys<T, kUnit>(keys, slot, reinterpret_cast<T*>(bytes));
  if (dtype_ == DType::kI8) std::ranges::copy(keys.scales, scales);
  if (values_ == Values::kInKeys) {
    if (dtype_ == DType::kI8) std::ranges::copy(keys.scales, scales + kTile);
    return;
  }
  Codes<T> values(v.rows(), v_dim_, kUnit);
  Encode(dtype_, v, values);
  PackValues<T, kUnit>(values, slot, v_cols_,
                       reinterpret_cast<T*>(bytes + v_offset_));
  if (dtype_ == DType::kI8) std::ranges::copy(values.scales, scales + kTile);
}

void KvCache::Append(ConstMatView<float> k, ConstMatView<float> v,
                     int threads) {
  const bool own = values_ == Values::kOwn;
  TRIPTYCH_CHECK(k.cols() == kv_heads_ * head_dim_, k.cols(), kv_heads_,
                 head_dim_);
  TRIPTYCH_CHECK(v.rows() == (own ? k.rows() : 0) &&
                     v.cols() == (own ? kv_heads_ * v_dim_ : 0),
                 v.rows(), v.cols(), k.rows(), kv_heads_, v_dim_);
  TRIPTYCH_CHECK(length_ + k.rows() <= capacity_, "length", length_, "tokens",
                 k.rows(), "capacity", capacity_);
  if (k.rows() == 0) return;
  const size_t first_tile = length_ / kTile;
  const size_t tiles = CeilDiv(length_ + k.rows(), kTile) - first_tile;
  ParallelFor(tiles * kv_heads_, threads, [&](size_t i) {
    const size_t head = i / tiles, tile = first_tile + i % tiles;
    const size_t first = std::max(length_, tile * kTile);
    const size_t end = std::min(length_ + k.rows(), (tile + 1) * kTile);
    const auto rows = [&](ConstMatView<float> x, size_t cols) {
      return x.Rows(first - length_, end - first).Cols(head * cols, cols);
    };
    const auto keys = rows(k, head_dim_);
    const auto values = own ? rows(v, v_dim_) : ConstMatView<float>();
    switch (dtype_) {
      case DType::kF32:
        return SetRows<float, 1>(head, first, keys, values);
      case DType::kF16:
        return SetRows<uint16_t, 1>(head, first, keys, values);
      case DType::kBf16:
        return SetRows<uint16_t, 2>(head, first, keys, values);
      default:
        return SetRows<int8_t, 4>(head, first, keys, values);
    }
  });
  length_ += k.rows();
}

}  // namespace triptych
