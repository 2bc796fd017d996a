// The cycles that each trial took when they were last accepted: lines of
// "program/label: cycles", and one of the compiler that made the programs.
// Another compiler's instructions take other cycles: then they are held to
// within a tenth, and the test says so.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_
#define TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_

#include <cstdint>
#include <map>
#include <string>

namespace triptych::mesh::tile {

class AcceptedCycles {
 public:
  // Reads the file; `compiler` made the programs.
  AcceptedCycles(std::string path, std::string compiler);

  // Whether $TRIPTYCH_ACCEPT_CYCLES is set.
  bool accepting() const { return accepting_; }
  // Whether a trial may take `cycles`.
  bool Allows(const std::string& trial, uint64_t cycles);
  // Writes the file anew; trials that were not measured keep their cycles.
  void Accept();

 private:
  std::string path_, compiler_;
  bool accepting_, same_compiler_ = false;
  std::map<std::string, uint64_t> accepted_, measured_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_
