// Writes the container that gguf.h reads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_WRITER_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/result.h"
#include "models/formats/gguf.h"

namespace triptych {

// Keys and tensors in the order they are added; the same calls give the same
// bytes. A key or tensor added twice is the caller's mistake, which a reader
// will find.
class GgufWriter {
 public:
  void Add(std::string_view key, uint32_t value);
  void Add(std::string_view key, float value);
  void Add(std::string_view key, bool value);
  void Add(std::string_view key, std::string_view value);
  void Add(std::string_view key, const char* value) {
    Add(key, std::string_view(value));
  }
  void Add(std::string_view key, std::span<const float> values);
  void Add(std::string_view key, std::span<const int32_t> values);
  void Add(std::string_view key, std::span<const std::string> values);

  // A tensor whose rows (all of its dimensions but the last) `fill` makes when
  // they are written, a run at a time: fill(first row, bytes of whole rows).
  // dtype is one that GGUF has (a check).
  using Fill = std::function<void(size_t first, std::span<std::byte> rows)>;
  void AddTensor(std::string_view name, DType dtype,
                 std::span<const int64_t> shape, Fill fill);
  // `data` is kept as a view. data.size() is the size of the shape (a check).
  void AddTensor(std::string_view name, DType dtype,
                 std::span<const int64_t> shape,
                 std::span<const std::byte> data);

  // The whole file.
  std::vector<std::byte> Finish() const;
  // The same into a file, with about a megabyte of it in memory. What was
  // there under that name is replaced when all went well.
  Status Write(const std::string& path) const;

 private:
  struct Pending {
    uint64_t offset;
    size_t rows, row_bytes;
    Fill fill;
  };
  // What comes before the tensors, padding included.
  std::vector<std::byte> Header() const;

  std::vector<std::byte> keys_, infos_;
  uint64_t key_count_ = 0;
  std::vector<Pending> tensors_;
  uint64_t data_size_ = 0;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_WRITER_H_
