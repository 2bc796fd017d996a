// Fashion-MNIST as Debian's package dataset-fashion-mnist has it, for tests.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_FASHION_MNIST_H_
#define TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_FASHION_MNIST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace triptych {

struct Images {
  static constexpr size_t kPixels = 784;
  std::vector<float> pixels;  // [count, kPixels], 0..1
  std::vector<uint8_t> labels;
  size_t count() const { return labels.size(); }
};

// "train" or "t10k". No images, and a line on stdout that says so, where the
// package is not installed.
Images LoadFashionMnist(const std::string& part);

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_FASHION_MNIST_H_
