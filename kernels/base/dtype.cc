// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/dtype.h"

#include "kernels/base/check.h"

namespace triptych {
namespace {

// In the order of the enum. GGUF block sizes: ggml-common.h.
constexpr DTypeInfo kFormats[] = {
    {DType::kF64, "f64", 1, 8},
    {DType::kF32, "f32", 1, 4},
    {DType::kBf16, "bf16", 1, 2},
    {DType::kF16, "f16", 1, 2},
    {DType::kI32, "i32", 1, 4},
    {DType::kI8, "i8", 1, 1},
    {DType::kU8, "u8", 1, 1},
    {DType::kQ8_0, "q8_0", 32, 34},
    {DType::kQ4_0, "q4_0", 32, 18},
    {DType::kQ4_1, "q4_1", 32, 20},
    {DType::kQ5_0, "q5_0", 32, 22},
    {DType::kQ5_1, "q5_1", 32, 24},
    {DType::kQ4_K, "q4_k", 256, 144},
    {DType::kQ5_K, "q5_k", 256, 176},
    {DType::kQ6_K, "q6_k", 256, 210},
    {DType::kMxfp4, "mxfp4", 32, 17},
    {DType::kBfp8, "bfp8", 16, 17},
    {DType::kBfp4, "bfp4", 16, 9},
    {DType::kI4G32, "i4g32", 32, 20},
    {DType::kI4G64, "i4g64", 64, 36},
    {DType::kI4G128, "i4g128", 128, 68},
};

}  // namespace

const DTypeInfo& InfoOf(DType dtype) {
  const DTypeInfo& info = kFormats[static_cast<size_t>(dtype)];
  TRIPTYCH_DCHECK(info.dtype == dtype, info.name);
  return info;
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeInfo& info : kFormats) {
    if (info.name == name) return info.dtype;
  }
  return std::nullopt;
}

size_t RowBytes(DType dtype, size_t cols) {
  const DTypeInfo& info = InfoOf(dtype);
  TRIPTYCH_CHECK(cols % info.block_elements == 0, info.name, "cols", cols);
  return cols / info.block_elements * info.block_bytes;
}

double BitsPerElement(DType dtype) {
  const DTypeInfo& info = InfoOf(dtype);
  return 8.0 * info.block_bytes / info.block_elements;
}

}  // namespace triptych
