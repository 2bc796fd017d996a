// tile run: a RISC-V program on the tiles of a mesh.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_TILE_H_
#define TRIPTYCH_TOOLS_CLI_TILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/cli/options.h"

namespace triptych::cli {

struct TileRunOptions : Common {
  std::string file;                // ELF
  std::string grid = "1x1";        // columns x rows
  std::vector<std::string> args;   // words: 12, 0x30, 0.5
  std::vector<std::string> loads;  // PLACE:ADDRESS=FILE
  std::vector<std::string> dumps;  // PLACE:ADDRESS:BYTES=FILE
  bool timing_only = false;
  uint64_t budget = 1'000'000'000;  // cycles
};

Result<int> TileRunCommand(const TileRunOptions& options);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_TILE_H_
