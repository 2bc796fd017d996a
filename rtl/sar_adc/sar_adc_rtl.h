// sar_adc_slice.sv itself, run through Verilator and wired to a front end.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_SAR_ADC_SAR_ADC_RTL_H_
#define TRIPTYCH_RTL_SAR_ADC_SAR_ADC_RTL_H_

#include <cstdint>
#include <memory>

#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {

// One slice. The comparators look at the switches that the RTL sets, not at
// what a model expects them to be. Not thread-safe; instances are
// independent.
class SarRtl {
 public:
  // Resets the slice and writes the search's weights to its registers.
  explicit SarRtl(const SarSearch& search);
  ~SarRtl();
  SarRtl(const SarRtl&) = delete;
  SarRtl& operator=(const SarRtl&) = delete;

  // As SarConvert; the analog side may differ from call to call.
  void Convert(const SarFrontEnd& front_end, const int32_t* level,
               const int32_t* error, uint16_t* code);
  // The same, and all that it leaves in the slice's registers.
  void Convert(const SarFrontEnd& front_end, const int32_t* level,
               const int32_t* error, SarRecord* record);
  // As SarConvertRow: one slice plays all of them in turn.
  void ConvertRow(const SarFrontEnd* front_ends, const int32_t* level,
                  size_t count, uint16_t* code);
  // The event counters, read through the slice's chain; kSarLanes cycles an
  // event.
  SarCounters Counters();
  void ClearCounters();
  // Rising clock edges since the reset.
  uint64_t cycles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_SAR_ADC_SAR_ADC_RTL_H_
