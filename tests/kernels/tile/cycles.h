// The cycles that each trial took when they were last accepted: lines of
// "program/label: cycles".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_
#define TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace triptych::mesh::tile {

class AcceptedCycles {
 public:
  // Reads the file. With $TRIPTYCH_ACCEPT_CYCLES set, what was measured
  // replaces it when this goes.
  explicit AcceptedCycles(std::string path);
  ~AcceptedCycles();

  bool accepting() const { return accepting_; }
  // What was accepted for a trial, which now took `cycles`.
  std::optional<uint64_t> Find(const std::string& trial, uint64_t cycles);

 private:
  std::string path_;
  bool accepting_;
  std::map<std::string, uint64_t> accepted_, measured_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_TESTS_KERNELS_TILE_CYCLES_H_
