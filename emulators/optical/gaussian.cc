// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/gaussian.h"

#include <algorithm>

#include "kernels/base/rng.h"
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "emulators/optical/gaussian.cc"
// The loop over targets comes first.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "emulators/optical/gaussian-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace triptych::optical {
namespace HWY_NAMESPACE {

void DrawBlock(const NoiseKey& key, size_t block, float* to) {
  ForNormals(RowKey(key), block, [&](size_t offset, VF normals) HWY_ATTR {
    hn::StoreU(normals, DF(), to + offset);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::optical
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::optical {

HWY_EXPORT(DrawBlock);

std::array<uint32_t, 2> MakeRunKey(uint64_t seed, uint64_t position) {
  const auto words =
      Rng(seed, /*stream=*/0x6C69676874 /* "light" */).At(position);
  return {words[0], words[1]};
}

void AddNoise(const NoiseKey& key, std::span<const float> sigma,
              std::span<float> values) {
  std::array<float, kNoiseBlock> normals;
  for (size_t j = 0; j < values.size(); j += kNoiseBlock) {
    HWY_DYNAMIC_DISPATCH(DrawBlock)(key, j / kNoiseBlock, normals.data());
    const size_t count = std::min(kNoiseBlock, values.size() - j);
    for (size_t i = 0; i < count; ++i)
      values[j + i] += sigma[j + i] * normals[i];
  }
}

}  // namespace triptych::optical
#endif
