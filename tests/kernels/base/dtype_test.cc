// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/dtype.h"

#include <doctest/doctest.h>

namespace triptych {
namespace {

constexpr int kLast = static_cast<int>(DType::kI4G128);

TEST_CASE("Every format has its own row, found by value and by name") {
  for (int i = 0; i <= kLast; ++i) {
    const DTypeInfo& info = InfoOf(static_cast<DType>(i));
    CHECK(info.dtype == static_cast<DType>(i));
    CHECK(DTypeFromName(info.name) == info.dtype);
    CHECK(info.block_elements > 0);
    CHECK(RowBytes(info.dtype, 0) == 0);
    CHECK(RowBytes(info.dtype, 3 * info.block_elements) ==
          3 * info.block_bytes);
  }
  CHECK(DTypeFromName("f31") == std::nullopt);
  CHECK(DTypeFromName("") == std::nullopt);
}

TEST_CASE("Bits per element, scales included") {
  CHECK(BitsPerElement(DType::kF32) == 32);
  CHECK(BitsPerElement(DType::kQ8_0) == 8.5);
  CHECK(BitsPerElement(DType::kQ4_0) == 4.5);
  CHECK(BitsPerElement(DType::kQ4_1) == 5);
  CHECK(BitsPerElement(DType::kQ5_0) == 5.5);
  CHECK(BitsPerElement(DType::kQ5_1) == 6);
  CHECK(BitsPerElement(DType::kQ4_K) == 4.5);
  CHECK(BitsPerElement(DType::kQ5_K) == 5.5);
  CHECK(BitsPerElement(DType::kQ6_K) == 6.5625);
  CHECK(BitsPerElement(DType::kMxfp4) == 4.25);
  CHECK(BitsPerElement(DType::kBfp8) == 8.5);
  CHECK(BitsPerElement(DType::kBfp4) == 4.5);
  CHECK(BitsPerElement(DType::kI4G32) == 5);
  CHECK(BitsPerElement(DType::kI4G128) == 4.25);
}

}  // namespace
}  // namespace triptych
