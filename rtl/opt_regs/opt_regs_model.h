// The register file in C++: the same answers and words as opt_regs.sv in
// every cycle, made of the same table (kRegisters).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_REGS_OPT_REGS_MODEL_H_
#define TRIPTYCH_RTL_OPT_REGS_OPT_REGS_MODEL_H_

#include <array>
#include <cstdint>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

using RegisterWords = std::array<uint32_t, kRegisterWords>;

inline uint32_t TakeField(uint32_t word, BitField field) {
  return static_cast<uint32_t>(word >> field.lsb &
                               ((uint64_t{1} << field.bits) - 1));
}
inline uint32_t PlaceField(uint32_t value, BitField field) {
  return value << field.lsb;
}

// What a bus master drives in a cycle.
struct BusInputs {
  bool awvalid = false, wvalid = false, bready = false;
  uint16_t awaddr = 0;
  uint32_t wdata = 0;
  uint8_t wstrb = 15;
  bool arvalid = false, rready = false;
  uint16_t araddr = 0;
};

// What it sees. Readies are in answer to the inputs of the same cycle;
// responses are 0 or an error, 2, and hold while valid.
struct BusOutputs {
  bool awready = false, wready = false, bvalid = false;
  bool arready = false, rvalid = false;
  uint8_t bresp = 0, rresp = 0;
  uint32_t rdata = 0;
  friend bool operator==(const BusOutputs&, const BusOutputs&) = default;
};

class RegisterFile {
 public:
  RegisterFile();
  BusOutputs Outputs(const BusInputs& in) const;
  // A rising edge; `live` is what words that can only be read say now.
  void Clock(const BusInputs& in, const RegisterWords& live);

  // The word at `offset` is written in this cycle, with data().
  bool Written(uint32_t offset) const {
    return written_ && word_ == offset / 4;
  }
  uint32_t data() const { return data_; }
  uint32_t Stored(uint32_t offset) const { return stored_[offset / 4]; }

 private:
  RegisterWords stored_{};
  bool bvalid_ = false, rvalid_ = false, written_ = false;
  uint8_t bresp_ = 0, rresp_ = 0;
  uint32_t rdata_ = 0, data_ = 0, word_ = 0;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_REGS_OPT_REGS_MODEL_H_
