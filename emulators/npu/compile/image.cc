// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/image.h"

#include <algorithm>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"

namespace triptych::npu {
namespace {

// Two's complement nibbles, the low one first; an odd last one is alone.
void PackNibbles(std::span<const int8_t> codes, uint8_t* to) {
  for (size_t i = 0; i < codes.size(); i += 2) {
    const auto low = static_cast<unsigned>(codes[i]) & 15u;
    const auto high =
        i + 1 < codes.size() ? static_cast<unsigned>(codes[i + 1]) & 15u : 0u;
    to[i / 2] = static_cast<uint8_t>(low | high << 4);
  }
}

}  // namespace

RowOrder RowOrderOf(int64_t n, const MachineSize& machine) {
  RowOrder order{machine.array_cols, machine.cores, 0};
  const int64_t group = order.ways * order.tile;
  order.mixed = n / group * group;
  if (order.mixed == 0) order.ways = 1;
  return order;
}

WeightImage MakeWeightImage(const WeightRows& w, int bits, int64_t group,
                            const RowOrder& order, int threads) {
  const size_t k = w.cols(), n = w.rows();
  const auto span = static_cast<size_t>(group);
  TRIPTYCH_CHECK(span > 0 && k % span == 0, "columns", k, "group", span);
  const bool packed = bits <= 4;
  const size_t row_bytes = packed ? (k + 1) / 2 : k;
  WeightImage image;
  image.codes.resize(n * row_bytes);
  image.scales.resize(k / span * n);
  ForEachTile(w, threads, [&](size_t first, ConstMatView<float> rows) {
    std::vector<int8_t> codes(k);
    for (size_t r = 0; r < rows.rows(); ++r) {
      for (size_t g = 0; g < k / span; ++g) {
        image.scales[g * n + first + r] = QuantizeRowInt<int8_t>(
            rows.row_span(r).subspan(g * span, span), bits,
            std::span(codes).subspan(g * span, span));
      }
      const int64_t place = order.PlaceOf(static_cast<int64_t>(first + r));
      uint8_t* to = image.codes.data() + static_cast<size_t>(place) * row_bytes;
      if (packed) {
        PackNibbles(codes, to);
      } else {
        std::copy_n(reinterpret_cast<const uint8_t*>(codes.data()), k, to);
      }
    }
  });
  return image;
}

}  // namespace triptych::npu
