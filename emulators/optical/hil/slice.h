// A host for one slice of the periphery (rtl/opt_top): writes and reads its
// registers over the bus, sends and takes frames over the streams, plays the
// plane, and is the analog side that its converters meet.
//
// A slice stands on one side of the light. A source slice takes codes and its
// own receivers, which see nothing, take the shortest search there is; a
// receiver slice takes frames of zeros and sees what it is told to.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_SLICE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_SLICE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/chip.h"
#include "kernels/base/result.h"

namespace triptych::optical {

enum class SliceBy : uint8_t { kModel, kRtl };
enum class SliceRole : uint8_t { kSource, kReceiver };

// Not thread-safe; instances are independent. `settings` and `chip` must
// outlive it.
class Slice {
 public:
  // Of the slices of `chip`, number `number`; reset, configured, calibrated
  // if that is asked for, with `tile` in its plane.
  Slice(SliceBy by, SliceRole role, const BoundarySettings& settings,
        const Chip& chip, uint32_t number, uint16_t tile);
  ~Slice();
  Slice(const Slice&) = delete;
  Slice& operator=(const Slice&) = delete;

  // One vector through the sources, and through the receivers; at most a
  // slice's lanes. Frames that the slice refuses are sent again. Errors:
  // refused every time.
  Status Shine(std::span<const uint16_t> codes, std::span<int32_t> levels);
  Status Receive(std::span<const int32_t> levels, std::span<int16_t> values);

  // Registers by their offset (rtl_constants.h); a lane's event counters and
  // coefficients as `kRegLane` names them.
  uint32_t Read(uint32_t offset);
  void Write(uint32_t offset, uint32_t data);
  uint16_t LaneValue(uint32_t lane, uint32_t what);
  // Every register that can be read, in the order of the table.
  std::vector<uint32_t> Registers();

  uint64_t frames_sent_again() const;
  uint64_t cycles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_SLICE_H_
