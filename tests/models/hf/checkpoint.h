// Checkpoints as Hugging Face has them: tensors by its names and in its
// layouts, written as safetensors with a config.json beside them. The product
// only reads them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_HF_CHECKPOINT_H_
#define TRIPTYCH_TESTS_MODELS_HF_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace triptych::hf {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

struct Checkpoint {
  std::string config;  // the text of config.json
  Tensors tensors;
};

// Seeded numbers about as large as a trained network's: rows of length 1,
// gains near one, biases near zero. The same name gives the same numbers.
void Add(Tensors& tensors, const std::string& name, std::vector<int64_t> shape,
         double scale = -1, double centre = 0);

// How SafetensorsText writes.
struct WriteOptions {
  std::string dtype = "F32";  // F64, F32, BF16, F16: rounded to that
  size_t shift = 0;           // bytes that the header is made longer by
  std::string metadata = R"({"format":"pt"})";
};

// The bytes of a .safetensors file with these tensors in the order of names.
std::string SafetensorsText(const Tensors& tensors,
                            const WriteOptions& options = {});

// A length and a header, then `data` zero bytes.
std::string RawSafetensors(std::string_view header, size_t data);

// A directory of files that goes when this does.
class TempDirectory {
 public:
  TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  ~TempDirectory();
  std::string path() const { return path_; }
  std::string Write(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

// config.json and model.safetensors.
void WriteCheckpoint(const Checkpoint& checkpoint, const TempDirectory& to,
                     const WriteOptions& options = {});

}  // namespace triptych::hf

#endif  // TRIPTYCH_TESTS_MODELS_HF_CHECKPOINT_H_
