// SPDX-License-Identifier: Apache-2.0
#include "tests/kernels/tile/cycles.h"

#include <cstdlib>
#include <fstream>
#include <utility>

namespace triptych::mesh::tile {

AcceptedCycles::AcceptedCycles(std::string path)
    : path_(std::move(path)),
      accepting_(std::getenv("TRIPTYCH_ACCEPT_CYCLES") != nullptr) {
  std::ifstream in(path_);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.rfind(": ");
    if (line.starts_with('#') || colon == std::string::npos) continue;
    accepted_[line.substr(0, colon)] = std::stoull(line.substr(colon + 2));
  }
}

AcceptedCycles::~AcceptedCycles() {
  if (!accepting_) return;
  std::ofstream out(path_);
  out << "# Cycles of tests/kernels/tile, gated exactly. To accept new ones:\n"
         "# TRIPTYCH_ACCEPT_CYCLES=1 meson test -C build tile_programs\n";
  for (const auto& [trial, cycles] : measured_) {
    out << trial << ": " << cycles << '\n';
  }
}

std::optional<uint64_t> AcceptedCycles::Find(const std::string& trial,
                                             uint64_t cycles) {
  measured_[trial] = cycles;
  const auto found = accepted_.find(trial);
  if (found == accepted_.end()) return std::nullopt;
  return found->second;
}

}  // namespace triptych::mesh::tile
