// The numbers of the .tnpu format, for its reader and its writer; see tnpu.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_TNPU_FORMAT_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_TNPU_FORMAT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace triptych::npu {

inline constexpr std::string_view kTnpuMagic = "TRIPNPU\n";
inline constexpr uint32_t kTnpuVersion = 1;
inline constexpr size_t kTnpuHeaderBytes = 128;
inline constexpr size_t kTnpuAlign = 64;

enum class SectionKind : uint32_t {
  kCommands = 1,
  kLabels,
  kData,
  kRelocations,
  kMetadata,
};
inline constexpr std::array<std::string_view, 6> kSectionNames = {
    "", "commands", "labels", "data", "relocations", "metadata"};

struct TnpuHeader {
  std::array<char, 8> magic;
  uint32_t version, sections;
  uint32_t cores, array_rows, array_cols, zero;
  uint64_t scratchpad_bytes, accumulator_rows, l2_bytes;
  std::array<uint64_t, 4> region_bytes;
  std::array<uint64_t, 5> zeros;
};
static_assert(sizeof(TnpuHeader) == kTnpuHeaderBytes);

struct TnpuSection {
  uint32_t kind, region;
  uint64_t offset, bytes, region_offset;
};
static_assert(sizeof(TnpuSection) == 32);

struct TnpuLabel {
  uint32_t name_bytes, region;
  uint64_t offset, bytes;
};
struct TnpuRelocation {
  uint32_t name_bytes, command, field, zero;
  int64_t scale, addend;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_TNPU_FORMAT_H_
