// The converters of a core as one thread sees them: by their models, or by
// their RTL. Both give the same codes; `periphery = "rtl"` shows it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "emulators/optical/params.h"
#include "rtl/dac/dac_model.h"
#include "rtl/dac/dac_rtl.h"
#include "rtl/sar_adc/sar_adc_model.h"
#include "rtl/sar_adc/sar_adc_rtl.h"

namespace triptych::optical {

// The analog side of a core's converters, as manufactured. All cores of a
// machine have the same. Immutable.
struct Converters {
  explicit Converters(const Params& params);
  int dac_bits, adc_bits;
  bool dac_exact;  // ideal elements: a code's level is the code
  rtl::Dem dem;
  bool rtl;
  std::vector<rtl::DacElements> dac;  // by source
  rtl::SarSearch search;
  std::vector<rtl::SarFrontEnd> adc;  // by slice of receivers
};

// Turns codes into light levels, vector after vector. Rotation has a state
// that begins with the object. Not thread-safe.
class Dacs {
 public:
  // The sources [first, first + count); `first` is a multiple of 64.
  Dacs(const Converters& converters, int64_t first, int64_t count);
  // One code a source, dac_bits wide; levels in LSB of that width.
  void Convert(std::span<const uint16_t> codes, std::span<float> levels);

 private:
  void ConvertRtl(std::span<const uint16_t> codes, std::span<float> levels);
  const Converters& converters_;
  int64_t first_;
  std::vector<rtl::DacLane> lanes_;                   // each source's registers
  std::vector<std::unique_ptr<rtl::DacRtl>> slices_;  // RTL only
};

// Turns currents into codes. No state between conversions. Not thread-safe.
class Adcs {
 public:
  explicit Adcs(const Converters& converters);
  // levels[j], 1/256 LSB, is converted by receiver first + j (a multiple of
  // 64 plus j). What is out of range is clipped.
  void Convert(int64_t first, std::span<const int32_t> levels,
               std::span<uint16_t> codes);

 private:
  const Converters& converters_;
  std::unique_ptr<rtl::SarRtl> rtl_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_PERIPHERY_H_
