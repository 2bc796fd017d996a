// The safetensors container: eight bytes that say how long the header is, a
// header in JSON, then the tensors' bytes without a gap. The README of
// huggingface/safetensors has the format; it promises no alignment.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_SAFETENSORS_H_
#define TRIPTYCH_MODELS_FORMATS_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/result.h"

namespace triptych {

struct JsonMember;

struct SafeTensor {
  std::string name;
  std::string_view type;            // as the file calls it: "BF16"
  std::optional<DType> dtype;       // nothing if none of ours is the same
  std::vector<int64_t> shape;       // outermost first; none for a scalar
  std::span<const std::byte> data;  // at any address
  size_t offset = 0;                // of `data` in the file
  size_t header_offset = 0;         // where the header describes it
};

class SafetensorsFile {
 public:
  // `bytes` outlive the result. Corrupt unless the header is what the format
  // says, names differ, each tensor's bytes are its shape's, and together
  // they are all there is. "file: offset N: name: what".
  static Result<SafetensorsFile> Parse(std::span<const std::byte> bytes,
                                       std::string file);

  const std::string& file() const { return file_; }
  // In the order of their data.
  std::span<const SafeTensor> tensors() const { return tensors_; }
  // The texts of __metadata__.
  std::span<const std::pair<std::string, std::string>> metadata() const {
    return metadata_;
  }

  // "file: offset N: name: what": N is where the header describes it.
  std::unexpected<Error> Fail(const SafeTensor& tensor, std::string_view what,
                              ErrorCode code = ErrorCode::kCorrupt) const;

 private:
  // A tensor and where the header says its data is.
  struct Placed {
    SafeTensor tensor;
    uint64_t begin = 0, end = 0;
  };
  static Result<Placed> ReadEntry(const std::string& file,
                                  const JsonMember& entry);
  Status ReadMetadata(const JsonMember& entry);
  Status PlaceTensors(std::vector<Placed> placed,
                      std::span<const std::byte> bytes, size_t data_begin);

  std::string file_;
  std::vector<SafeTensor> tensors_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

// Whether `bytes` begin as such a file does.
bool LooksLikeSafetensors(std::span<const std::byte> bytes);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_SAFETENSORS_H_
