// SPDX-License-Identifier: Apache-2.0
#include "tests/kernels/tile/workspace.h"

#include <span>

#include "emulators/mesh/params.h"
#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/tile/tensors.h"
#include "emulators/params.h"
#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "models/mapped_file.h"

namespace triptych::mesh::tile {
namespace {

void Must(const Status& status) {
  TRIPTYCH_CHECK(status.has_value(), status.error().message);
}
template <class T>
T Must(Result<T> result) {
  TRIPTYCH_CHECK(result.has_value(), result.error().message);
  return std::move(*result);
}

}  // namespace

Matrix NormalMatrix(size_t rows, size_t cols, uint64_t seed) {
  Matrix x(rows, cols);
  Rng rng(seed);
  for (float& value : x.data) {
    value = RoundToBf16(static_cast<float>(rng.Normal()));
  }
  return x;
}

Workspace::Workspace(const Grid& grid, const std::string& path, int threads,
                     bool timing_only) {
  ChipConfig config;
  const TargetSource source = Must(ReadTarget("mesh:" + grid.preset));
  Must(LoadParams(source.config, config.params));
  config.cols = grid.cols;
  config.rows = grid.rows;
  config.threads = threads;
  config.timing_only = timing_only;
  chip_ = Must(Chip::Make(config));
  const MappedFile file = Must(MappedFile::Open(path));
  Must(chip_->Load(Must(riscv::ParseElf(file.bytes(), path))));
}

Tensor Workspace::Room(DType format, size_t rows, size_t cols) {
  const Tensor tensor = {format, rows, cols, static_cast<uint32_t>(next_)};
  // 64 bytes: what a NoC moves at once.
  next_ += BytesInBank(format, rows, cols, chip_->floorplan().banks().size());
  next_ = (next_ + 63) / 64 * 64;
  return tensor;
}

Tensor Workspace::Put(DType format, const Matrix& x) {
  const Tensor tensor = Room(format, x.rows, x.cols);
  Must(WriteTensor(format, x.view(), tensor.address, chip_.get()));
  return tensor;
}

Matrix Workspace::Get(const Tensor& tensor) const {
  Matrix x(tensor.rows, tensor.cols);
  Must(ReadTensor(tensor.format, tensor.address, *chip_, x.view()));
  return x;
}

void Workspace::PutL1(size_t tile, uint32_t address, DType format,
                      const Matrix& x) {
  Must(chip_->WriteL1(chip_->floorplan().CoordinatesOf(tile), address,
                      ToTiles(format, x.view())));
}

Matrix Workspace::GetL1(size_t tile, uint32_t address, DType format,
                        size_t rows, size_t cols) const {
  Matrix x(rows, cols);
  std::vector<std::byte> bytes(BytesOfTiles(format, rows, cols));
  Must(chip_->ReadL1(chip_->floorplan().CoordinatesOf(tile), address, bytes));
  FromTiles(format, bytes, x.view());
  return x;
}

}  // namespace triptych::mesh::tile
