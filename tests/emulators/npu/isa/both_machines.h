// A stream on the scalar machine and on the fast one.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_ISA_BOTH_MACHINES_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_ISA_BOTH_MACHINES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "emulators/npu/isa/functional.h"
#include "tests/emulators/npu/isa/random_stream.h"

namespace triptych::npu {

// What a stream leaves in a memory that a seed filled, or why it did not run.
struct Outcome {
  std::string error;
  std::vector<std::byte> contents;  // empty after an error
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

template <class Machine>
Outcome OutcomeOf(const Stream& stream, uint64_t seed, const Machine& machine) {
  Image image(stream.machine(), seed);
  const Status status = machine(stream, image.memory());
  if (!status) return {status.error().message, {}};
  return {"", image.Contents()};
}

inline Outcome ScalarOutcome(const Stream& stream, uint64_t seed) {
  return OutcomeOf(stream, seed, [](const Stream& s, Memory& m) {
    return ExecuteScalar(s, m);
  });
}

inline Outcome FastOutcome(const Stream& stream, uint64_t seed, int threads) {
  return OutcomeOf(stream, seed, [threads](const Stream& s, Memory& m) {
    return Execute(s, m, {.threads = threads});
  });
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_ISA_BOTH_MACHINES_H_
