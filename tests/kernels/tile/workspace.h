// A chip with a program's tensors: what tests of tile programs lay out before
// a run and look at after it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_TILE_WORKSPACE_H_
#define TRIPTYCH_TESTS_KERNELS_TILE_WORKSPACE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "emulators/mesh/tile/chip.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"

namespace triptych::mesh::tile {

struct Matrix {
  Matrix(size_t rows, size_t cols)
      : rows(rows), cols(cols), data(rows * cols) {}
  float& operator()(size_t r, size_t c) { return data[r * cols + c]; }
  float operator()(size_t r, size_t c) const { return data[r * cols + c]; }
  MatView<float> view() { return {data.data(), rows, cols}; }
  ConstMatView<float> view() const { return {data.data(), rows, cols}; }

  size_t rows, cols;
  std::vector<float> data;
};

// Normal numbers, rounded to bf16.
Matrix NormalMatrix(size_t rows, size_t cols, uint64_t seed);

struct Tensor {
  DType format = DType::kBf16;
  size_t rows = 0, cols = 0;
  uint32_t address = 0;
};

struct Grid {
  int32_t cols = 1, rows = 1;
  std::string preset = "blackhole-p150";
};

// Failures here are the test's: they abort with the message.
class Workspace {
 public:
  // With the program in all tiles.
  Workspace(const Grid& grid, const std::string& elf, int threads,
            bool timing_only);

  Chip& chip() { return *chip_; }
  const Chip& chip() const { return *chip_; }
  size_t tiles() const { return chip_->tiles(); }

  // In DRAM, interleaved, one behind the other. A tensor's matrix is what the
  // program sees: rounded.
  Tensor Put(DType format, const Matrix& x);
  Tensor Room(DType format, size_t rows, size_t cols);
  Matrix Get(const Tensor& tensor) const;

  // In one tile's L1.
  void PutL1(size_t tile, uint32_t address, DType format, const Matrix& x);
  Matrix GetL1(size_t tile, uint32_t address, DType format, size_t rows,
               size_t cols) const;

 private:
  std::unique_ptr<Chip> chip_;
  uint64_t next_ = 0;  // free in every bank
};

// A struct of words as the program's arguments.
template <class Args>
std::vector<uint32_t> WordsOf(const Args& args) {
  static_assert(std::is_trivially_copyable_v<Args> && sizeof(Args) % 4 == 0);
  std::vector<uint32_t> words(sizeof(Args) / 4);
  std::memcpy(words.data(), &args, sizeof(Args));
  return words;
}
inline uint32_t BitsOf(double x) {
  return std::bit_cast<uint32_t>(static_cast<float>(x));
}
inline uint32_t TilesIn(size_t elements) {
  return static_cast<uint32_t>((elements + 31) / 32);
}

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_TESTS_KERNELS_TILE_WORKSPACE_H_
