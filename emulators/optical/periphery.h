// The converters of a core as one thread sees them: by their models, by their
// RTL, or inside their whole periphery (hil/). All give the same codes;
// `periphery = "rtl"` and `"top_rtl"` show it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/chip.h"
#include "emulators/optical/hil/local.h"
#include "emulators/optical/params.h"
#include "kernels/base/result.h"
#include "rtl/dac/dac_model.h"
#include "rtl/dac/dac_rtl.h"
#include "rtl/sar_adc/sar_adc_model.h"
#include "rtl/sar_adc/sar_adc_rtl.h"

namespace triptych::optical {

// An error, located, unless the parameters of the boundary make sense.
Status CheckPeriphery(const Config& config, const Params& params);

// A core's converters as manufactured, and who plays them. All cores of a
// machine have the same. Immutable but for the boundary.
class Converters {
 public:
  // `params` has passed CheckPeriphery.
  explicit Converters(const Params& params);
  int dac_bits, adc_bits;
  bool dac_exact;  // ideal elements: a code's level is the code
  rtl::Dem dem;
  BoundarySettings settings;
  Chip chip;
  bool rtl, whole;
  // [source][code], LSB: what models make of a code whose elements always
  // begin at the first. Empty where others convert, or nothing is mismatched.
  std::vector<float> still_levels;
  // Of a receiver's code, below its LSB.
  int fraction_bits() const {
    return whole && settings.fractions() ? rtl::kSarWeightFracBits : 0;
  }
  RtlSubset rtl_of;

  // Whole peripheries: vectors go through one after the other, and one
  // product at a time holds them.
  std::unique_lock<std::mutex> Hold() const {
    return whole ? std::unique_lock(held_) : std::unique_lock<std::mutex>();
  }
  // The boundary, connected when it is first asked for. Only while held.
  Result<Boundary*> boundary() const;

 private:
  std::string socket_;  // "" if the boundary is on this machine
  int64_t timeout_ms_, retries_;
  mutable std::mutex held_;
  mutable std::unique_ptr<Boundary> boundary_;
};

// Turns codes into light levels, vector after vector. Rotation has a state
// that begins with the object. Not thread-safe.
class Dacs {
 public:
  // The sources [first, first + count); `first` is a multiple of 64. `tile`
  // is what they shine on.
  Dacs(const Converters& converters, int64_t first, int64_t count,
       size_t tile = 0);
  // One code a source, dac_bits wide; levels in LSB of that width.
  void Convert(std::span<const uint16_t> codes, std::span<float> levels);
  // Whether a boundary was there all the time; levels are zero if not.
  const Status& status() const { return status_; }

 private:
  void OpenRtl(int64_t count, size_t tile);
  void ConvertSlice(size_t slice, std::span<const uint16_t> codes,
                    std::span<int32_t> levels);
  void ConvertStill(std::span<const uint16_t> codes,
                    std::span<float> levels) const;
  const Converters& converters_;
  int64_t first_;
  std::vector<rtl::DacLane> lanes_;                   // each source's registers
  std::vector<std::unique_ptr<rtl::DacRtl>> slices_;  // null: by the model
  std::unique_ptr<SourceBoundary> boundary_;          // whole peripheries
  std::vector<int32_t> levels_;
  Status status_;
};

// Turns currents into codes. Not thread-safe. Converters alone have no state
// between conversions; a whole periphery has, and begins with the object.
class Adcs {
 public:
  explicit Adcs(const Converters& converters, size_t tile = 0)
      : converters_(converters), tile_(tile) {}
  // levels[j], 1/256 LSB, is converted by receiver first + j (a multiple of
  // 64 plus j). What is out of range is clipped. Codes have as many bits
  // below their LSB as the converters say. Whole peripheries: always the same
  // receivers.
  void Convert(int64_t first, std::span<const int32_t> levels,
               std::span<uint16_t> codes);
  // As that of Dacs; codes are zero.
  const Status& status() const { return status_; }

 private:
  void ConvertWhole(int64_t first, std::span<const int32_t> levels,
                    std::span<uint16_t> codes);
  const Converters& converters_;
  size_t tile_;
  std::unique_ptr<rtl::SarRtl> rtl_;  // made when first needed
  std::unique_ptr<ReceiverBoundary> boundary_;
  std::vector<int16_t> values_;
  Status status_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_
