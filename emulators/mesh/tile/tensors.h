// Matrices as a program finds them: cut into tiles, row by row of tiles, in
// one tile's L1 or spread over the banks of DRAM.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_TENSORS_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_TENSORS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/mesh/tile/chip.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"

namespace triptych::mesh::tile {

// Tiles of a matrix, all of its rows and columns rounded up; what is beyond
// it is zero.
std::vector<std::byte> ToTiles(DType format, ConstMatView<float> x);
// `bytes` are as long as ToTiles() makes them.
void FromTiles(DType format, std::span<const std::byte> bytes,
               MatView<float> x);
size_t BytesOfTiles(DType format, size_t rows, size_t cols);

// Interleaved: tile i is in bank i % banks, at address + i / banks tiles.
Status WriteTensor(DType format, ConstMatView<float> x, uint64_t address,
                   Chip* chip);
Status ReadTensor(DType format, uint64_t address, const Chip& chip,
                  MatView<float> x);
// What a tensor takes of each bank.
uint64_t BytesInBank(DType format, size_t rows, size_t cols, size_t banks);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_TENSORS_H_
