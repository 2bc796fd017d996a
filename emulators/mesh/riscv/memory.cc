// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

uint64_t End(const Region& r) { return uint64_t{r.base} + r.size; }

Status CheckRegion(const Region& r) {
  const auto fail = [&](std::string_view what) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("region {}: {}", r.name, what));
  };
  if (r.size == 0 || r.base % 16 != 0 || r.size % 16 != 0) {
    return fail(
        fmt::format("base {:#x} and size {:#x}: allowed are multiples "
                    "of 16, the size not 0",
                    r.base, r.size));
  }
  if (End(r) > uint64_t{1} << 32) return fail("ends above 2^32");
  if (r.ram && r.device) return fail("RAM and a device: allowed is one");
  if (r.ram && r.ram->size() < r.size) {
    return fail(
        fmt::format("{} bytes, but its RAM has {}", r.size, r.ram->size()));
  }
  if (r.executable && !r.ram) return fail("instructions need RAM");
  return {};
}

}  // namespace

Ram::Ram(uint32_t size)
    : size_(size),
      bytes_(static_cast<std::byte*>(std::calloc(size, 1))),
      marks_(size / kGranule) {
  TRIPTYCH_CHECK(size % kGranule == 0 && bytes_ != nullptr, "size", size);
}

Result<AddressMap> AddressMap::Make(std::vector<Region> regions) {
  AddressMap map;
  map.regions_ = std::move(regions);
  std::ranges::sort(map.regions_, {}, &Region::base);
  for (size_t i = 0; i < map.regions_.size(); ++i) {
    TRIPTYCH_TRY(CheckRegion(map.regions_[i]));
    if (i > 0 && End(map.regions_[i - 1]) > map.regions_[i].base) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("regions {} and {} overlap", map.regions_[i - 1].name,
                      map.regions_[i].name));
    }
  }
  return map;
}

const Region* AddressMap::Find(uint32_t address) const {
  for (const Region& region : regions_) {
    if (region.Contains(address)) return &region;
  }
  return nullptr;
}

Result<std::byte*> AddressMap::Span(uint32_t address, size_t size) const {
  const Region* region = Find(address);
  if (region == nullptr || !region->ram ||
      uint64_t{address} + size > End(*region)) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{} bytes at {:#010x} are not in RAM; allowed: {}", size,
                    address, Describe()));
  }
  return region->ram->data() + (address - region->base);
}

Status AddressMap::Write(uint32_t address,
                         std::span<const std::byte> bytes) const {
  if (bytes.empty()) return {};
  TRIPTYCH_ASSIGN(std::byte * to, Span(address, bytes.size()));
  std::memcpy(to, bytes.data(), bytes.size());
  return {};
}

Status AddressMap::Read(uint32_t address, std::span<std::byte> bytes) const {
  if (bytes.empty()) return {};
  TRIPTYCH_ASSIGN(const std::byte* from, Span(address, bytes.size()));
  std::memcpy(bytes.data(), from, bytes.size());
  return {};
}

std::string AddressMap::Describe() const {
  std::string text;
  for (const Region& r : regions_) {
    text += fmt::format("{}{} {:#010x}..{:#010x}", text.empty() ? "" : ", ",
                        r.name, r.base, r.base + (r.size - 1));
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace triptych::mesh::riscv
