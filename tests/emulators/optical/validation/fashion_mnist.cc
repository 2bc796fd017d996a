// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/optical/validation/fashion_mnist.h"

#include <cstdio>
#include <filesystem>

namespace triptych {
namespace {

constexpr const char* kFolder = "/usr/share/datasets/fashion-mnist/";

// What gzip says the file holds; nothing on any failure.
std::vector<uint8_t> Unpacked(const std::string& name) {
  const std::string path = kFolder + name;
  std::vector<uint8_t> bytes;
  if (!std::filesystem::exists(path)) {
    std::printf("skipped: %s is not here (package dataset-fashion-mnist)\n",
                path.c_str());
    return bytes;
  }
  std::FILE* pipe = popen(("gzip -dc " + path).c_str(), "r");
  if (pipe == nullptr) return bytes;
  std::vector<uint8_t> block(1 << 16);
  for (size_t n; (n = std::fread(block.data(), 1, block.size(), pipe)) > 0;) {
    bytes.insert(bytes.end(), block.begin(),
                 block.begin() + static_cast<ptrdiff_t>(n));
  }
  if (pclose(pipe) != 0) bytes.clear();
  return bytes;
}

}  // namespace

// IDX: a header of 16 bytes before images and of 8 before labels.
Images LoadFashionMnist(const std::string& part) {
  constexpr size_t kImageHeader = 16, kLabelHeader = 8;
  const auto pixels = Unpacked(part + "-images-idx3-ubyte.gz");
  const auto labels = Unpacked(part + "-labels-idx1-ubyte.gz");
  Images images;
  if (labels.size() <= kLabelHeader ||
      pixels.size() !=
          kImageHeader + (labels.size() - kLabelHeader) * Images::kPixels) {
    return images;
  }
  images.labels.assign(labels.begin() + kLabelHeader, labels.end());
  for (size_t i = kImageHeader; i < pixels.size(); ++i) {
    images.pixels.push_back(static_cast<float>(pixels[i]) / 255);
  }
  return images;
}

}  // namespace triptych
