// What frames of the socket protocol say. README.md is the specification.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_MESSAGES_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_MESSAGES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/frame.h"
#include "kernels/base/result.h"

namespace triptych::optical::hil {

inline constexpr uint16_t kOldestVersion = 1, kNewestVersion = 1;

// Requests are odd, answers even.
enum Type : uint16_t {
  kHello = 1,
  kWelcome = 2,
  kConfigure = 3,
  kDone = 4,
  kOpen = 5,
  kSources = 7,
  kLevels = 8,
  kReceivers = 9,
  kValues = 10,
  kRead = 11,
  kWord = 12,
  kWrite = 13,
  kBye = 15,
  // Instead of an answer: it is no good asking again; ask again.
  kRefused = 16,
  kAgain = 18,
};

// Bits of what a peer can do.
enum Capability : uint32_t {
  kSimulatedElements = 1,  // mismatch as the settings say: same codes as here
  kRegisters = 2,          // read and write
  kDem = 4,                // rotation, and a random start
  kCorrection = 8,         // of the DACs
  kPairs = 16,             // dithered pairs
  kCalibration = 32,       // on command
  kBitErrors = 64,         // of its links, simulated
};

struct Hello {
  uint16_t oldest = kOldestVersion, newest = kNewestVersion;
  std::string name;  // of the program, for the other's log
};
struct Welcome {
  uint16_t version = kNewestVersion;
  uint32_t capabilities = 0;
  uint32_t sources = 0, receivers = 0;  // at most
  uint8_t dac_bits = 0, adc_bits = 0;   // at most
  std::string name;
};
struct OpenRequest {
  uint8_t role = 0;  // 0: sources, 1: receivers
  uint16_t tile = 0;
  uint32_t first = 0, count = 0;
};
struct RegisterRequest {
  uint32_t slice = 0, offset = 0, data = 0;  // data: kWrite only
};

Bytes Pack(const Hello& hello);
Bytes Pack(const Welcome& welcome);
Bytes Pack(const BoundarySettings& settings);
Bytes Pack(const OpenRequest& open);
Bytes Pack(const RegisterRequest& request);
Bytes PackText(const std::string& text);

// Errors: too few bytes or too many, values that are not allowed.
Result<Hello> UnpackHello(const Frame& frame);
Result<Welcome> UnpackWelcome(const Frame& frame);
Result<BoundarySettings> UnpackSettings(const Frame& frame);
Result<OpenRequest> UnpackOpen(const Frame& frame);
Result<RegisterRequest> UnpackRegister(const Frame& frame);
Result<std::string> UnpackText(const Frame& frame);

// Elements of two or four bytes and nothing else.
template <class T>
Bytes PackArray(std::span<const T> values) {
  const auto* raw = reinterpret_cast<const uint8_t*>(values.data());
  return Bytes(raw, raw + values.size_bytes());
}
// Errors: not as many as `values` has.
template <class T>
Status UnpackArray(const Frame& frame, std::span<T> values);
extern template Status UnpackArray(const Frame&, std::span<uint16_t>);
extern template Status UnpackArray(const Frame&, std::span<int16_t>);
extern template Status UnpackArray(const Frame&, std::span<int32_t>);
extern template Status UnpackArray(const Frame&, std::span<uint32_t>);

// What a peer needs to be able to do for these settings.
uint32_t Needed(const BoundarySettings& settings);

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_MESSAGES_H_
