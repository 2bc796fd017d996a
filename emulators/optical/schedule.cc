// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/schedule.h"

#include <algorithm>
#include <vector>

#include "emulators/optical/counters.h"
#include "emulators/optical/drift.h"

namespace triptych::optical {
namespace {

uint64_t Count(int64_t n) { return static_cast<uint64_t>(n); }

class Timeline {
 public:
  Timeline(const Machine& machine, int64_t vectors, const StepContext& ctx)
      : p_(machine.params),
        ids_(machine.ids),
        vectors_(vectors),
        ctx_(ctx),
        cores_(static_cast<size_t>(p_.cores),
               {ctx.begin, ctx.begin, ctx.begin, ctx.begin, ctx.begin,
                ctx.begin, ctx.begin}),
        dram_free_(ctx.begin),
        end_(ctx.begin) {}

  void Run(const Tile& tile) {
    const auto c = static_cast<size_t>(tile.plane % p_.cores);
    Core& core = cores_[c];
    const CoreUnits& units = ids_.cores[c];
    if (tile.load) Load(tile, units, core);
    Picos begin = std::max(core.stream_end, core.load_end);
    begin = Recalibrate(core, units, begin);
    const Picos end =
        begin + FromSeconds(static_cast<double>(p_.passes() * vectors_) /
                            p_.vector_rate.value);
    Spend(core, kStream, begin, end);
    core.stream_end = end;
    core.in_flight = end + FromSeconds(p_.latency_ns * 1e-9);
    ChargeStream(tile, units, begin, end);
  }

  // What fell due while the last tiles streamed, or since the beginning on a
  // core that had none, is done before the operator ends.
  void Finish() {
    for (size_t c = 0; c < cores_.size(); ++c) {
      Recalibrate(cores_[c], ids_.cores[c],
                  std::max(cores_[c].stream_end, cores_[c].load_end));
    }
    for (Core& core : cores_) Wait(core, end_);
  }

  Picos end() const { return end_; }

 private:
  struct Core {
    Picos load_end, stream_end;
    Picos spare_free;  // the second plane: last read until here
    Picos calibrated;  // nothing fell due until here
    // For who counts (counters.h): what this core did is counted until
    // `counted`; vectors are on their way until `in_flight`; its last load.
    Picos counted, in_flight, load_begin;
  };

  // A core sends light from `begin` to `end`; whatever it did before is past.
  void Spend(Core& core, Counter light, Picos begin, Picos end) {
    if (ctx_.counters.empty()) return;
    Wait(core, begin);
    ctx_.counters[light] += static_cast<double>((end - begin).value);
    core.counted = end;
  }

  // A core sends no light until `to`: it loads, or its last vectors are on
  // their way, or it waits for the memory or for other cores.
  void Wait(Core& core, Picos to) {
    if (ctx_.counters.empty()) return;
    const Picos from = core.counted;
    const auto within = [&](Picos begin, Picos end) {
      return std::max(Picos(), std::min(end, to) - std::max(begin, from));
    };
    const Picos load = within(core.load_begin, core.load_end);
    const Picos flight_end = std::min(core.in_flight, to);
    const Picos drain =
        within(from, flight_end) -
        within(core.load_begin, std::min(core.load_end, flight_end));
    ctx_.counters[kLoad] += static_cast<double>(load.value);
    ctx_.counters[kDrain] += static_cast<double>(drain.value);
    ctx_.counters[kStall] +=
        static_cast<double>((to - from - load - drain).value);
    core.counted = to;
  }

  // A core that is due is calibrated before it streams: vectors of known light
  // on all of its sources, read by all of its receivers.
  Picos Recalibrate(Core& core, const CoreUnits& units, Picos begin) {
    const int64_t due = Recalibrations(p_, core.calibrated, begin);
    core.calibrated = begin;
    if (due == 0) return begin;
    const int64_t vectors = p_.drift_recalibration_vectors;
    const Picos end = begin + FromSeconds(static_cast<double>(vectors) /
                                          p_.vector_rate.value);
    Spend(core, kCalibrate, begin, end);
    const int64_t rows = p_.plane_rows, cols = p_.plane_cols;
    ctx_.Charge(units.source, ids_.laser, Count(vectors * rows), begin, end);
    ctx_.Charge(units.dac, ids_.dac, Count(vectors * rows), begin, end);
    ctx_.Charge(units.adc, ids_.adc, Count(vectors * cols), begin, end);
    ctx_.Charge(units.adc, ids_.tia, Count(vectors * cols), begin, end,
                /*concurrent=*/true);
    end_ = std::max(end_, end);
    return end;
  }

  // The bytes come from memory while rows are written; then light settles.
  void Load(const Tile& tile, const CoreUnits& units, Core& core) {
    const Picos plane_free =
        p_.plane_double_buffer ? core.spare_free : core.stream_end;
    const Picos begin = std::max({plane_free, core.load_end, dram_free_});
    const int64_t pixels = p_.plane_rows * p_.plane_cols;
    // Weights that are not rounded still have to be some number of bits.
    const int64_t bits = p_.plane_bits == 0 ? 32 : p_.plane_bits;
    const auto bytes = Count(CeilDiv(pixels * bits, int64_t{8}));
    const Picos fetched = begin + FromSeconds(static_cast<double>(bytes) /
                                              (p_.dram_gb_per_s * 1e9));
    const Picos written =
        begin + FromSeconds(p_.plane_row_load_us * 1e-6 *
                            static_cast<double>(p_.plane_rows));
    core.load_begin = begin;
    core.load_end =
        std::max(fetched, written) + FromSeconds(p_.plane_load_us * 1e-6);
    dram_free_ = fetched;
    core.spare_free = core.stream_end;  // of the plane that is now put aside
    ctx_.Charge(ids_.dram, ids_.dram_byte, bytes, begin, fetched);
    ctx_.Charge(units.plane, ids_.pixel, Count(pixels), begin, core.load_end);
    end_ = std::max(end_, core.load_end);
  }

  // Everything a vector touches runs in step with it; the receiving side is
  // a latency later.
  void ChargeStream(const Tile& tile, const CoreUnits& units, Picos begin,
                    Picos end) {
    const int64_t vectors = vectors_ * p_.passes();
    const Picos latency = FromSeconds(p_.latency_ns * 1e-9);
    const Picos out_begin = begin + latency, out_end = end + latency;
    ctx_.Charge(units.source, ids_.laser, Count(vectors * tile.rows()), begin,
                end);
    ctx_.Charge(units.source, ids_.mac, Count(vectors_ * tile.k * tile.n),
                begin, end, /*concurrent=*/true);
    ctx_.Charge(units.dac, ids_.dac, Count(vectors * tile.rows()), begin, end);
    ctx_.Charge(units.adc, ids_.adc, Count(vectors * tile.n), out_begin,
                out_end);
    ctx_.Charge(units.adc, ids_.tia, Count(vectors * tile.n), out_begin,
                out_end, /*concurrent=*/true);
    // Largest and scale of each input; scale and add of each output, and its
    // correction: offset and gain, then two taps and their sums.
    const int64_t of_output = p_.post_correction == "none"          ? 2
                              : p_.post_correction == "gain_offset" ? 4
                                                                    : 8;
    ctx_.Charge(units.digital, ids_.digital,
                Count(2 * vectors_ * tile.k + of_output * vectors * tile.n),
                out_begin, out_end);
    end_ = std::max(end_, out_end);
  }

  const Params& p_;
  const Ids& ids_;
  int64_t vectors_;
  const StepContext& ctx_;
  std::vector<Core> cores_;
  Picos dram_free_, end_;
};

}  // namespace

Picos ChargeTiles(const Machine& machine, std::span<const Tile> tiles,
                  int64_t vectors, bool bias, const StepContext& ctx) {
  Timeline timeline(machine, vectors, ctx);
  int64_t outputs = 0;
  for (const Tile& tile : tiles) {
    timeline.Run(tile);
    if (tile.k0 == 0) outputs += vectors * tile.n;
  }
  timeline.Finish();
  if (bias && outputs > 0) {
    // Added as the last tile's sums leave: no time of its own.
    const CoreUnits& units = machine.ids.cores[static_cast<size_t>(
        tiles.back().plane % machine.params.cores)];
    ctx.Charge(units.digital, machine.ids.bias, Count(outputs), timeline.end(),
               timeline.end(), /*concurrent=*/true);
  }
  return timeline.end();
}

}  // namespace triptych::optical
