// The converter boundary of a core: numbers on one side, light on the other.
//
// Who converts may be models, RTL, or whatever answers on a socket
// (client.h): the emulator asks through these classes, and the server
// (server.h) answers through them.
//
// One object converts while one tile is in the plane, for one pass: its
// registers begin as after a reset, and vectors go through in order.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_BOUNDARY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_BOUNDARY_H_

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/base/result.h"

namespace triptych::optical {

// How converters are to be set up. All that a peer on a socket is told.
struct BoundarySettings {
  uint32_t sources = 0, receivers = 0;  // of a core
  uint8_t dac_bits = 8, adc_bits = 10;  // 1 to 10 each
  uint8_t dem = 0;                      // rtl::kDem*
  bool correct = false;                 // the DACs' correction tables
  bool pairs = false;                   // two conversions a vector, dithered
  uint8_t track = 0;  // gains follow 2^track pairs each time; 0: never
  uint32_t calibrate_every = 0;  // vectors; 0: never
  double bit_errors = 0;         // of a beat of the link to a slice
  // Of simulated elements; hardware has its own.
  double dac_unit_sigma = 0, adc_unit_sigma = 0;
  friend bool operator==(const BoundarySettings&,
                         const BoundarySettings&) = default;

  // Values have a fraction only where something is learnt or averaged:
  // otherwise codes are whole.
  bool fractions() const { return pairs || calibrate_every > 0; }
};

// The registers of the slices that are open, by the slice's number and the
// register's offset (rtl/constants). Errors: a slice or a register that is
// not there or cannot do that, a peer that is gone.
class SliceRegisters {
 public:
  virtual ~SliceRegisters() = default;
  virtual Result<uint32_t> Read(uint32_t slice, uint32_t offset) = 0;
  virtual Status Write(uint32_t slice, uint32_t offset, uint32_t data) = 0;
};

// Codes of dac_bits become levels, 1/256 LSB of ten bits.
class SourceBoundary : public SliceRegisters {
 public:
  // One vector, as many as were opened. Errors: a peer that is gone.
  virtual Status Convert(std::span<const uint16_t> codes,
                         std::span<int32_t> levels) = 0;
};

// Levels, 1/256 LSB of adc_bits above code 0, become values, 1/16 LSB from
// the middle code.
class ReceiverBoundary : public SliceRegisters {
 public:
  virtual Status Convert(std::span<const int32_t> levels,
                         std::span<int16_t> values) = 0;
};

// `first` is a multiple of 64. Not thread-safe; what it opens is used before
// anything else is opened.
class Boundary {
 public:
  virtual ~Boundary() = default;
  virtual Result<std::unique_ptr<SourceBoundary>> OpenSources(
      uint16_t tile, uint32_t first, uint32_t count) = 0;
  virtual Result<std::unique_ptr<ReceiverBoundary>> OpenReceivers(
      uint16_t tile, uint32_t first, uint32_t count) = 0;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_BOUNDARY_H_
