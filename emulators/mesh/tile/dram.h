// DRAM banks of a chip: bytes that were never written are zero and take no
// memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_DRAM_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_DRAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace triptych::mesh::tile {

// Not thread-safe.
class Dram {
 public:
  Dram(size_t banks, uint64_t bank_bytes)
      : bank_bytes_(bank_bytes), banks_(banks) {}

  size_t banks() const { return banks_.size(); }
  uint64_t bank_bytes() const { return bank_bytes_; }
  bool Holds(uint64_t address, uint64_t bytes) const {
    return bytes <= bank_bytes_ && address <= bank_bytes_ - bytes;
  }

  // Within Holds().
  void Write(size_t bank, uint64_t address, std::span<const std::byte> bytes);
  void Read(size_t bank, uint64_t address, std::span<std::byte> bytes) const;

 private:
  static constexpr uint64_t kPage = 1 << 16;
  using Page = std::unique_ptr<std::byte[]>;

  uint64_t bank_bytes_;
  std::vector<std::unordered_map<uint64_t, Page>> banks_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_DRAM_H_
