// The sequencer: what it must never do, its counters against arithmetic, the
// RTL against the model cycle by cycle.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cstdint>

#include "kernels/base/rng.h"
#include "rtl/opt_seq/opt_seq_model.h"
#include "rtl/opt_seq/opt_seq_rtl.h"

namespace triptych::rtl {
namespace {

// Blocks around the sequencer that answer after fixed numbers of cycles.
class Bench {
 public:
  static constexpr int kDac = 2, kSar = 14, kPost = 3;

  // One cycle; `in` are the inputs that no block answers.
  SeqOutputs Cycle(SeqInputs in = {}) {
    in.settle_cycles = 10;
    in.optics_cycles = 4;
    in.dac_valid = dac_ == 1;
    in.sar_valid = sar_ == 1;
    in.sar_busy = sar_ > 1;
    in.result_valid = in.sar_valid && (!in.pairs || last_second_);
    in.post_valid = post_ == 1;
    const SeqOutputs out = seq_.Outputs(in);
    for (int* left : {&dac_, &sar_, &post_}) *left -= *left > 0;
    if (out.dac_start) dac_ = kDac;
    if (in.result_valid) post_ = kPost;
    if (out.sar_start) sar_ = kSar;
    last_second_ = out.second;
    seq_.Clock(in);
    return out;
  }
  void Command(int command, uint16_t tile = 0) {
    SeqInputs in;
    in.command = static_cast<uint8_t>(command);
    in.tile = tile;
    Cycle(in);
  }
  void Load(uint16_t tile) {
    Command(kSeqCommandLoad, tile);
    SeqInputs in;
    in.plane_done = true;
    Cycle(in);
    while (r().state != kSeqStateIdle) Cycle();
  }
  const SeqRegisters& r() const { return seq_.registers(); }

 private:
  Sequencer seq_;
  int dac_ = 0, sar_ = 0, post_ = 0;
  bool last_second_ = false;
};

SeqInputs Frame(uint16_t tile) {
  SeqInputs in;
  in.frame_valid = true;
  in.frame_tile = tile;
  in.sender_ready = true;
  return in;
}

SeqInputs Credit(uint16_t credit) {
  SeqInputs in;
  in.credit = credit;
  return in;
}

TEST_CASE("No vector before the plane has settled") {
  Bench bench;
  bench.Command(kSeqCommandStream);
  CHECK(bench.r().state == kSeqStateIdle);
  CHECK(bench.r().refused_commands == 1);
  bench.Command(kSeqCommandLoad, 7);
  bench.Command(kSeqCommandStream);  // while it loads
  SeqInputs done;
  done.plane_done = true;
  bench.Cycle(done);
  CHECK(bench.r().state == kSeqStateSettle);
  while (bench.r().state == kSeqStateSettle) {
    CHECK(!bench.r().plane_valid);
    SeqInputs in = Frame(7);
    in.command = kSeqCommandStream;
    const SeqOutputs out = bench.Cycle(in);
    CHECK(!out.frame_take);
    CHECK(!out.dac_start);
  }
  CHECK(bench.r().settle_cycles == 11);
  CHECK(bench.r().refused_commands == 13);
  bench.Command(kSeqCommandStream);
  CHECK(bench.r().state == kSeqStateStream);
  bench.Command(kSeqCommandLoad);  // not before it has drained
  CHECK(bench.r().state == kSeqStateStream);
}

TEST_CASE("A vector takes DAC, optics, conversion, post; as many as credits") {
  Bench bench;
  bench.Load(3);
  bench.Command(kSeqCommandStream);
  bench.Cycle(Credit(5));
  for (int i = 0; i < 1000; ++i) bench.Cycle(Frame(3));
  CHECK(bench.r().vectors == 5);
  CHECK(bench.r().credits == 0);
  // Launch, then each phase; Optics counts down to and including zero.
  constexpr int kCycles = 1 + Bench::kDac + 5 + Bench::kSar + Bench::kPost + 1;
  CHECK(bench.r().work_cycles == 5 * kCycles);
  CHECK(bench.r().credit_stalls == 1000 - 5 * kCycles);
}

TEST_CASE("A frame for another plane is dropped and counted") {
  Bench bench;
  bench.Load(3);
  bench.Command(kSeqCommandStream);
  bench.Cycle(Credit(5));
  const SeqOutputs out = bench.Cycle(Frame(4));
  CHECK(out.frame_take);
  CHECK(!out.dac_start);
  CHECK(bench.r().refused_vectors == 1);
  CHECK(bench.r().credits == 5);
}

TEST_CASE("Draining finishes what is on its way, and takes no more") {
  Bench bench;
  bench.Load(3);
  bench.Command(kSeqCommandStream);
  bench.Cycle(Credit(9));
  bench.Cycle(Frame(3));
  bench.Command(kSeqCommandDrain);
  int sent = 0;
  for (int i = 0; i < 100; ++i) sent += bench.Cycle(Frame(3)).send;
  CHECK(sent == 1);
  CHECK(bench.r().vectors == 1);
  CHECK(bench.r().state == kSeqStateIdle);
}

TEST_CASE("Every cycle is counted once") {
  Bench bench;
  Rng rng(1);
  uint32_t cycles = 0;
  bench.Load(1);
  const SeqRegisters at_start = bench.r();
  for (; cycles < 20'000; ++cycles) {
    SeqInputs in = rng.Below(2) ? Frame(1) : SeqInputs{};
    if (rng.Below(30) == 0) in.command = static_cast<uint8_t>(rng.Below(6));
    in.plane_done = rng.Below(20) == 0;
    in.tile = 1;
    in.credit = rng.Below(100) == 0 ? 3 : 0;
    bench.Cycle(in);
  }
  const auto sum = [](const SeqRegisters& r) {
    return r.idle_cycles + r.load_cycles + r.settle_cycles + r.work_cycles +
           r.frame_stalls + r.credit_stalls + r.drain_cycles +
           r.calibrate_cycles;
  };
  CHECK(sum(bench.r()) - sum(at_start) == cycles);
  CHECK(bench.r().vectors > 10);
}

// Anything; in long and in short runs, for deep states need some quiet.
SeqInputs RandomInputs(Rng& rng) {
  const auto often = [&rng] { return rng.Below(4) != 0; };
  const auto seldom = [&rng] { return rng.Below(16) == 0; };
  SeqInputs in;
  if (seldom()) in.command = static_cast<uint8_t>(rng.Below(8));
  in.tile = static_cast<uint16_t>(rng.Below(2));
  in.settle_cycles = rng.Below(20);
  in.optics_cycles = static_cast<uint16_t>(rng.Below(5));
  in.pairs = rng.Below(2);
  if (seldom()) {
    in.credit = static_cast<uint16_t>(rng.Below(8) ? rng.Below(4)
                                                   : 0xFFF0 + rng.Below(16));
  }
  in.clear = rng.Below(5000) == 0;
  in.plane_done = seldom();
  in.frame_valid = often();
  in.frame_tile = static_cast<uint16_t>(seldom() ? rng.Below(4) : in.tile);
  in.dac_valid = often();
  in.sar_busy = seldom();
  in.sar_valid = often();
  in.result_valid = often();
  in.post_valid = often();
  in.sender_ready = often();
  in.calibrate_busy = often();
  in.calibrate_want = often();
  return in;
}

// Begun anew many times: before the first plane there is only a beginning.
TEST_CASE("RTL == model: 1e5 cycles of anything, outputs and registers") {
  Rng rng(2);
  int differ = 0;
  std::array<int, 6> states{}, phases{};
  for (int start = 0; start < 100; ++start) {
    Sequencer model;
    SequencerRtl rtl;
    for (int cycle = 0; cycle < 1000; ++cycle) {
      const SeqInputs in = RandomInputs(rng);
      differ += !(model.Outputs(in) == rtl.Outputs(in));
      model.Clock(in);
      rtl.Clock(in);
      differ += !(model.registers() == rtl.registers());
      ++states[model.registers().state];
      ++phases[model.registers().phase];
    }
  }
  CHECK(differ == 0);
  for (const int count : states) CHECK(count > 100);
  for (const int count : phases) CHECK(count > 100);
}

}  // namespace
}  // namespace triptych::rtl
