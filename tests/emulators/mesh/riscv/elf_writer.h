// The least ELF32 executable that our loader and QEMU take: one segment, and
// the symbols of the host interface.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ELF_WRITER_H_
#define TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ELF_WRITER_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace triptych::mesh::riscv {

class ElfWriter {
 public:
  // `words` go to `address`, where the program also starts.
  ElfWriter(uint32_t address, std::span<const uint32_t> words)
      : address_(address), words_(words.begin(), words.end()) {}

  void AddSymbol(const std::string& name, uint32_t value) {
    symbols_.emplace_back(name, value);
  }

  std::vector<std::byte> Write() const {
    constexpr uint32_t kHeader = 52, kProgram = 32, kSection = 40;
    std::string names(1, '\0');
    std::vector<uint32_t> table(4);  // the first symbol is none
    for (const auto& [name, value] : symbols_) {
      table.push_back(static_cast<uint32_t>(names.size()));
      table.push_back(value);
      table.push_back(8);                // st_size
      table.push_back(0x11 | 1u << 16);  // global object, in section 1
      names += name + '\0';
    }
    while (names.size() % 4 != 0) names += '\0';
    const auto size = [](const auto& v) {
      return static_cast<uint32_t>(v.size() * sizeof(v[0]));
    };
    const uint32_t code_at = kHeader + kProgram;
    const uint32_t table_at = code_at + size(words_);
    const uint32_t names_at = table_at + size(table);
    const uint32_t sections_at = names_at + size(names);
    std::vector<uint32_t> out = {
        0x464c457f, 0x00010101, 0, 0,  // 32 bits, little-endian
        2 | 243u << 16, 1, address_, kHeader, sections_at, 0,
        kHeader | kProgram << 16, 1 | kSection << 16, 4 | 3u << 16,
        // the segment
        1, code_at, address_, address_, size(words_), size(words_), 7, 4};
    out.insert(out.end(), words_.begin(), words_.end());
    out.insert(out.end(), table.begin(), table.end());
    const size_t names_word = out.size();
    out.resize(out.size() + names.size() / 4);
    std::memcpy(out.data() + names_word, names.data(), names.size());
    const std::vector<uint32_t> sections = {
        0,        0,           0,        0,
        0,        0,           0,        0,
        0,        0,           0,        1,
        7,        address_,    code_at,  size(words_),
        0,        0,           4,        0,
        0,        2,           0,        0,
        table_at, size(table), 3,        1,
        4,        16,          0,        3,
        0,        0,           names_at, size(names),
        0,        0,           1,        0};
    out.insert(out.end(), sections.begin(), sections.end());
    std::vector<std::byte> bytes(out.size() * 4);
    std::memcpy(bytes.data(), out.data(), bytes.size());
    return bytes;
  }

 private:
  uint32_t address_;
  std::vector<uint32_t> words_;
  std::vector<std::pair<std::string, uint32_t>> symbols_;
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ELF_WRITER_H_
