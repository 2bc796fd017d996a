// Reads little-endian values from bytes nobody vouches for: every read is
// bounds-checked and every failure says at which offset of which file.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_BYTE_READER_H_
#define TRIPTYCH_MODELS_FORMATS_BYTE_READER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/result.h"

namespace triptych {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and read in place");

// A cursor. Keeps views of the bytes and of `file`: both must outlive it and
// everything read through it.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), file_(file) {}

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  const std::byte* here() const { return bytes_.data() + offset_; }

  // `key` says what is read, for the message.
  template <class T>
  Result<T> Read(std::string_view key) {
    T value;
    TRIPTYCH_TRY(Need(sizeof(T), key));
    std::memcpy(&value, here(), sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  // `size` bytes as text; not necessarily UTF-8.
  Result<std::string_view> ReadText(uint64_t size, std::string_view key);
  Status Skip(uint64_t size, std::string_view key);

  // Corrupt unless `size` bytes are left.
  Status Need(uint64_t size, std::string_view key) const;

  // "file: offset N: key: what": N is where the cursor is, or `offset`.
  std::unexpected<Error> Fail(std::string_view key, std::string_view what,
                              ErrorCode code = ErrorCode::kCorrupt) const {
    return FailAt(offset_, key, what, code);
  }
  std::unexpected<Error> FailAt(size_t offset, std::string_view key,
                                std::string_view what,
                                ErrorCode code = ErrorCode::kCorrupt) const;

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  size_t offset_ = 0;
};

// A name from a file, fit for a message: at most 64 characters, with '?' for
// what does not print.
std::string Printable(std::string_view text);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_BYTE_READER_H_
