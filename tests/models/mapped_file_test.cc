// SPDX-License-Identifier: Apache-2.0
#include "models/mapped_file.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/models/temp_file.h"

namespace triptych {
namespace {

TEST_CASE("A mapped file has the bytes of the file, and moves") {
  const TempFile temp("abc");
  MappedFile file = *MappedFile::Open(temp.path());
  CHECK(file.bytes().size() == 3);
  CHECK(file.bytes()[2] == std::byte{'c'});
  CHECK(reinterpret_cast<uintptr_t>(file.bytes().data()) % 64 == 0);

  MappedFile moved = std::move(file);
  CHECK(moved.bytes()[0] == std::byte{'a'});
  const TempFile other("xy");
  moved = *MappedFile::Open(other.path());
  CHECK(moved.path() == other.path());
  CHECK(moved.bytes().size() == 2);
}

TEST_CASE("An empty file has no bytes; nothing else is a file") {
  const TempFile empty("");
  CHECK(MappedFile::Open(empty.path())->bytes().empty());

  const auto missing = MappedFile::Open("no/such/file");
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().message.starts_with("no/such/file: "));

  const auto folder = MappedFile::Open(std::filesystem::temp_directory_path());
  REQUIRE(!folder);
  CHECK(folder.error().code == ErrorCode::kIo);
}

}  // namespace
}  // namespace triptych
