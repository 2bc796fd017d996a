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

RowOrder RowOrderOf(int64_t n, const MachineSize& machine) {
  RowOrder order{machine.array_cols, machine.cores, 0};
  const int64_t group = order.ways * order.tile;
  order.mixed = n / group * group;
  if (order.mixed == 0) order.ways = 1;
  return order;
}

// Pieces of k that an array sums at once, in a chunk: each is two commands. Of
// k of many, whose chunks are a loop, fewer.
constexpr int64_t kChunkPieces = 16, kLoopedPieces = 8;
// Chunks that are loaded ahead at most (matmul.cc): more come in fours.
constexpr int64_t kMostAhead = 4;

}  // namespace

WeightLayout WeightLayoutOf(int64_t n, int64_t k, int64_t group, int bits,
                            const MachineSize& machine) {
  WeightLayout layout{n, k, bits, group, 0, RowOrderOf(n, machine)};
  const int64_t piece = std::min(group, machine.array_rows);
  // Whole groups or, of the only group, whole pieces; two where one would end
  // inside a byte.
  int64_t unit = layout.groups() > 1 ? group : piece;
  if (layout.packed() && unit % 2 != 0) unit *= 2;
  const int64_t pieces = CeilDiv(group, piece) * layout.groups();
  const bool many = layout.groups() == 1 && pieces > kWrittenOut;
  int64_t chunks = CeilDiv(pieces, many ? kLoopedPieces : kChunkPieces);
  if (chunks > kMostAhead) chunks = RoundUp(chunks, kMostAhead);
  layout.chunk = std::min(k, RoundUp(CeilDiv(k, chunks), unit));
  return layout;
}

WeightImage MakeWeightImage(const WeightRows& w, const WeightLayout& layout,
                            int threads, const QuantiserParams& params,
                            const InputMoments* moments) {
  const auto k = static_cast<size_t>(layout.k),
             n = static_cast<size_t>(layout.n);
  const auto groups = static_cast<size_t>(layout.groups());
  const auto chunk = static_cast<size_t>(layout.chunk);
  const auto row_bytes = static_cast<size_t>(layout.row_bytes());
  TRIPTYCH_CHECK(w.rows() == n && w.cols() == k, w.rows(), w.cols());
  WeightImage image;
  image.codes.resize(static_cast<size_t>(layout.bytes()));
  image.scales.resize(groups * n);
  const Quantiser quantiser(params, layout.bits,
                            static_cast<size_t>(layout.group), moments);
  ForEachTile(w, threads, [&](size_t first, ConstMatView<float> rows) {
    std::vector<int8_t> codes(k);
    std::vector<float> scales(groups);
    for (size_t r = 0; r < rows.rows(); ++r) {
      quantiser.Quantise(rows.row_span(r), codes, scales);
      for (size_t g = 0; g < groups; ++g) {
        image.scales[g * n + first + r] = scales[g];
      }
      const auto place = static_cast<size_t>(
          layout.order.PlaceOf(static_cast<int64_t>(first + r)));
      for (size_t c = 0; c < k; c += chunk) {
        const auto part = std::span(codes).subspan(c, std::min(chunk, k - c));
        uint8_t* to = image.codes.data() + (c / chunk * n + place) * row_bytes;
        if (layout.packed()) {
          PackNibbles(part, to);
        } else {
          std::ranges::copy(part, reinterpret_cast<int8_t*>(to));
        }
      }
    }
  });
  return image;
}

}  // namespace triptych::npu
