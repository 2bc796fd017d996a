// What the fuzz targets have in common.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_FUZZ_FUZZ_H_
#define TRIPTYCH_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/check.h"
#include "kernels/base/result.h"
#include "tests/models/tiny_model.h"
#include "tests/models/touch.h"

namespace triptych {

// A copy of exactly `size` bytes, where a mapped file could start.
inline FileBytes FuzzFile(const uint8_t* data, size_t size) {
  return AsFile(std::as_bytes(std::span(data, size)));
}

// What was read must be usable, and what was refused must say where.
template <class T>
void TouchOrFail(const Result<T>& result) {
  if (result) {
    Touch(*result);
    return;
  }
  const std::string& message = result.error().message;
  TRIPTYCH_CHECK(message.starts_with("f: "), message);
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_FUZZ_FUZZ_H_
