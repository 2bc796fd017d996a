// The registers: every address that there is and is not, and the RTL against
// the model cycle by cycle.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>

#include "kernels/base/rng.h"
#include "rtl/opt_regs/opt_regs_model.h"
#include "rtl/opt_regs/opt_regs_rtl.h"

namespace triptych::rtl {
namespace {

template <class File>
uint8_t Write(File& file, uint32_t address, uint32_t data, uint8_t strobe) {
  BusInputs in;
  in.awvalid = in.wvalid = true;
  in.awaddr = static_cast<uint16_t>(address);
  in.wdata = data;
  in.wstrb = strobe;
  file.Clock(in, {});
  BusInputs answer;
  answer.bready = true;
  const BusOutputs out = file.Outputs(answer);
  REQUIRE(out.bvalid);
  file.Clock(answer, {});
  return out.bresp;
}

template <class File>
BusOutputs Read(File& file, uint32_t address, const RegisterWords& live) {
  BusInputs in;
  in.arvalid = true;
  in.araddr = static_cast<uint16_t>(address);
  file.Clock(in, live);
  BusInputs answer;
  answer.rready = true;
  const BusOutputs out = file.Outputs(answer);
  REQUIRE(out.rvalid);
  file.Clock(answer, live);
  return out;
}

const RegisterSpec* Find(uint32_t address) {
  for (const RegisterSpec& spec : kRegisters) {
    if (spec.offset == address) return &spec;
  }
  return nullptr;
}

TEST_CASE("Every address answers as the table says, in the RTL too") {
  RegisterFile model;
  RegisterFileRtl rtl;
  RegisterWords live;
  for (int word = 0; word < kRegisterWords; ++word) {
    live[word] = 0xA5A50000u + static_cast<uint32_t>(word);
  }
  for (uint32_t address = 0; address < 4096; ++address) {
    const RegisterSpec* spec = Find(address);
    const BusOutputs read = Read(model, address, live);
    CHECK(read == Read(rtl, address, live));
    CHECK((read.rresp == 0) == (spec != nullptr && spec->readable));
    if (read.rresp == 0) {
      const uint32_t word = spec->writable ? spec->reset : live[address / 4];
      CHECK(read.rdata == (word & spec->mask));
    }
    const uint8_t written = Write(model, address, 0x5A5A5A5A, 15);
    CHECK(written == Write(rtl, address, 0x5A5A5A5A, 15));
    CHECK((written == 0) == (spec != nullptr && spec->writable));
    if (written == 0 && spec->readable) {
      CHECK(model.Stored(address) == (0x5A5A5A5A & spec->mask));
      CHECK(rtl.Stored(address) == model.Stored(address));
    }
    // Less than a word: an error, and no effect.
    CHECK(Write(model, address, 0, 7) != 0);
    CHECK(Write(rtl, address, 0, 7) != 0);
  }
}

TEST_CASE("RTL == model: 1e5 cycles of bus traffic") {
  Rng rng(1);
  RegisterFile model;
  RegisterFileRtl rtl;
  int differ = 0;
  RegisterWords live{};
  for (int cycle = 0; cycle < 100'000; ++cycle) {
    BusInputs in;
    in.awvalid = rng.Below(2);
    in.wvalid = rng.Below(2);
    in.bready = rng.Below(2);
    in.awaddr = static_cast<uint16_t>(rng.Below(66) * 4 + !rng.Below(20));
    in.wdata = rng.Next();
    in.wstrb = static_cast<uint8_t>(rng.Below(10) ? 15 : rng.Below(16));
    in.arvalid = rng.Below(2);
    in.rready = rng.Below(2);
    in.araddr = static_cast<uint16_t>(rng.Below(66) * 4 + !rng.Below(20));
    live[rng.Below(kRegisterWords)] = rng.Next();
    differ += !(model.Outputs(in) == rtl.Outputs(in));
    model.Clock(in, live);
    rtl.Clock(in, live);
    for (const RegisterSpec& spec : kRegisters) {
      differ += model.Written(spec.offset) != rtl.Written(spec.offset);
      if (spec.readable && spec.writable) {
        differ += model.Stored(spec.offset) != rtl.Stored(spec.offset);
      }
    }
    differ += model.data() != rtl.data();
  }
  CHECK(differ == 0);
}

}  // namespace
}  // namespace triptych::rtl
