// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/dram.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/check.h"

namespace triptych::mesh::tile {

void Dram::Write(size_t bank, uint64_t address,
                 std::span<const std::byte> bytes) {
  TRIPTYCH_CHECK(bank < banks_.size() && Holds(address, bytes.size()), "bank",
                 bank, "address", address, "bytes", bytes.size());
  while (!bytes.empty()) {
    const uint64_t offset = address % kPage;
    const size_t count = std::min<size_t>(bytes.size(), kPage - offset);
    Page& page = banks_[bank][address / kPage];
    if (!page) page = std::make_unique<std::byte[]>(kPage);
    std::memcpy(page.get() + offset, bytes.data(), count);
    address += count;
    bytes = bytes.subspan(count);
  }
}

void Dram::Read(size_t bank, uint64_t address,
                std::span<std::byte> bytes) const {
  TRIPTYCH_CHECK(bank < banks_.size() && Holds(address, bytes.size()), "bank",
                 bank, "address", address, "bytes", bytes.size());
  while (!bytes.empty()) {
    const uint64_t offset = address % kPage;
    const size_t count = std::min<size_t>(bytes.size(), kPage - offset);
    const auto page = banks_[bank].find(address / kPage);
    if (page == banks_[bank].end()) {
      std::memset(bytes.data(), 0, count);
    } else {
      std::memcpy(bytes.data(), page->second.get() + offset, count);
    }
    address += count;
    bytes = bytes.subspan(count);
  }
}

}  // namespace triptych::mesh::tile
