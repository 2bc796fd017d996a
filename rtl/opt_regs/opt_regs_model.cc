// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_regs/opt_regs_model.h"

namespace triptych::rtl {
namespace {

constexpr uint8_t kSlaveError = 2, kWholeWord = 15;

const RegisterSpec* Find(uint32_t address) {
  for (const RegisterSpec& spec : kRegisters) {
    if (spec.offset == address) return &spec;
  }
  return nullptr;
}

}  // namespace

RegisterFile::RegisterFile() {
  for (const RegisterSpec& spec : kRegisters) {
    stored_[spec.offset / 4] = spec.reset;
  }
}

BusOutputs RegisterFile::Outputs(const BusInputs& in) const {
  BusOutputs out;
  out.awready = out.wready = in.awvalid && in.wvalid && !bvalid_;
  out.arready = in.arvalid && !rvalid_;
  out.bvalid = bvalid_;
  out.rvalid = rvalid_;
  if (bvalid_) out.bresp = bresp_;
  if (rvalid_) out.rresp = rresp_;
  if (rvalid_) out.rdata = rdata_;
  return out;
}

void RegisterFile::Clock(const BusInputs& in, const RegisterWords& live) {
  const BusOutputs now = Outputs(in);
  // A read in the cycle of a write to the same word sees the old one.
  if (now.arready) {
    const RegisterSpec* spec = Find(in.araddr);
    const bool fits = spec != nullptr && spec->readable;
    const RegisterWords& words = fits && spec->writable ? stored_ : live;
    rresp_ = fits ? 0 : kSlaveError;
    rdata_ = fits ? words[in.araddr / 4] & spec->mask : 0;
  }
  rvalid_ = now.arready || (rvalid_ && !in.rready);

  if (written_) {
    const RegisterSpec* spec = Find(word_ * 4);
    if (spec->readable) stored_[word_] = data_ & spec->mask;
  }
  written_ = false;
  if (now.awready) {
    const RegisterSpec* spec = Find(in.awaddr);
    const bool fits =
        spec != nullptr && spec->writable && in.wstrb == kWholeWord;
    written_ = fits;
    bresp_ = fits ? 0 : kSlaveError;
    word_ = in.awaddr / 4;
    data_ = in.wdata;
  }
  bvalid_ = now.awready || (bvalid_ && !in.bready);
}

}  // namespace triptych::rtl
