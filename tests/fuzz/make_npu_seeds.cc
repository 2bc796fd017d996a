// Writes the seed files of the NPU's fuzz targets, by the name's ending.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/npu/isa/tnpu.h"
#include "tests/emulators/npu/isa/random_stream.h"

namespace triptych::npu {
namespace {

std::vector<std::byte> SeedOf(std::string_view path, uint64_t seed) {
  const RandomStream random = MakeRandomStream(seed, 40);
  if (path.ends_with(".tnpu")) {
    const std::vector<std::byte> weights(100);
    Tnpu t;
    t.machine = random.machine;
    t.commands = random.commands;
    t.labels = {{"w", Region::kWeights, 0, 64}};
    t.data = {{Region::kWeights, 0, weights}};
    t.relocations = {{"position", 0, 1, 2, 3}};
    t.marks = {{1, "node"}};
    return WriteTnpu(t);
  }
  const auto bytes = std::as_bytes(std::span(random.commands));
  std::vector<std::byte> out(1, static_cast<std::byte>(seed));
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

}  // namespace
}  // namespace triptych::npu

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const auto bytes = triptych::npu::SeedOf(argv[i], static_cast<uint64_t>(i));
    std::FILE* file = std::fopen(argv[i], "wb");
    if (file == nullptr) return 2;
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    if (std::fclose(file) != 0) return 2;
  }
  return 0;
}
