// SPDX-License-Identifier: Apache-2.0
#include "tests/kernels/tile/cycles.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

namespace triptych::mesh::tile {

namespace {

constexpr std::string_view kCompiler = "compiler: ";

}  // namespace

AcceptedCycles::AcceptedCycles(std::string path, std::string compiler)
    : path_(std::move(path)),
      compiler_(std::move(compiler)),
      accepting_(std::getenv("TRIPTYCH_ACCEPT_CYCLES") != nullptr) {
  std::ifstream in(path_);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kCompiler)) {
      const std::string accepted = line.substr(kCompiler.size());
      same_compiler_ = accepted == compiler_;
      if (!same_compiler_) {
        fmt::print("accepted with gcc {}, made by {}: within a tenth\n",
                   accepted, compiler_);
      }
      continue;
    }
    const size_t colon = line.rfind(": ");
    if (line.starts_with('#') || colon == std::string::npos) continue;
    accepted_[line.substr(0, colon)] = std::stoull(line.substr(colon + 2));
  }
}

void AcceptedCycles::Accept() {
  for (const auto& [trial, cycles] : measured_) accepted_[trial] = cycles;
  std::ofstream out(path_);
  out << "# Cycles of tests/kernels/tile, gated exactly. To accept new ones:\n"
         "# TRIPTYCH_ACCEPT_CYCLES=1 meson test -C build tile_programs\n"
      << kCompiler << compiler_ << '\n';
  for (const auto& [trial, cycles] : accepted_) {
    out << trial << ": " << cycles << '\n';
  }
}

bool AcceptedCycles::Allows(const std::string& trial, uint64_t cycles) {
  measured_[trial] = cycles;
  const auto found = accepted_.find(trial);
  if (found == accepted_.end()) return false;
  const uint64_t accepted = found->second;
  if (same_compiler_) return cycles == accepted;
  return cycles * 10 <= accepted * 11 && cycles * 10 >= accepted * 9;
}

}  // namespace triptych::mesh::tile
