// SPDX-License-Identifier: Apache-2.0
#include "models/formats/byte_reader.h"

#include <fmt/core.h>

namespace triptych {

Status ByteReader::Need(uint64_t size, std::string_view key) const {
  if (size <= remaining()) return {};
  return Fail(key, fmt::format("needs {} bytes, the file has {} left", size,
                               remaining()));
}

Result<std::string_view> ByteReader::ReadText(uint64_t size,
                                              std::string_view key) {
  TRIPTYCH_TRY(Need(size, key));
  const std::string_view text(reinterpret_cast<const char*>(here()), size);
  offset_ += size;
  return text;
}

Status ByteReader::Skip(uint64_t size, std::string_view key) {
  TRIPTYCH_TRY(Need(size, key));
  offset_ += size;
  return {};
}

std::unexpected<Error> ByteReader::FailAt(size_t offset, std::string_view key,
                                          std::string_view what,
                                          ErrorCode code) const {
  return MakeError(code, fmt::format("{}: offset {}: {}: {}", file_, offset,
                                     Printable(key), what));
}

std::string Printable(std::string_view text) {
  constexpr size_t kLongest = 64;
  std::string out(text.substr(0, kLongest));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace triptych
