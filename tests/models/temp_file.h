// A file that goes when the test does.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TEMP_FILE_H_
#define TRIPTYCH_TESTS_MODELS_TEMP_FILE_H_

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "kernels/base/check.h"

namespace triptych {

class TempFile {
 public:
  explicit TempFile(std::string_view content)
      : path_(std::filesystem::temp_directory_path() / "triptych-XXXXXX") {
    const int fd = ::mkstemp(path_.data());
    TRIPTYCH_CHECK(fd >= 0, path_);
    ::close(fd);
    std::ofstream(path_, std::ios::binary) << content;
  }
  TempFile(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TEMP_FILE_H_
