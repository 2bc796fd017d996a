// A file as memory: opened read-only, mapped whole, unmapped at the end.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_MAPPED_FILE_H_
#define TRIPTYCH_MODELS_MAPPED_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"

namespace triptych {

// Owns the mapping; moves, does not copy. Reading from several threads is
// fine. The bytes start on a page. A file that somebody shortens while it is
// mapped raises SIGBUS, as with every user of mmap.
class MappedFile {
 public:
  // Errors: kNotFound, or kIo with the reason; a directory is kIo.
  static Result<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  std::string path_;
  std::span<const std::byte> bytes_;  // empty for an empty file: no mapping
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_MAPPED_FILE_H_
