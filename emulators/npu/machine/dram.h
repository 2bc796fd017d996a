// LPDDR4X/5/5X memory: channels with banks and row buffers, and when the
// bursts of a transfer arrive.
//
// Every channel works on its own: it opens rows (tRCD after a precharge of
// tRP, tRC between two of a bank, tRRD and tFAW between those of a channel),
// moves bursts over one data bus (tCCD_L between two of a bank group), turns
// the bus round between reads and writes, and is away for tRFC every tREFI.
// Writes wait in a buffer of the channel until a batch of them is worth the
// turn. Addresses: `interleave_bytes` a channel in turn; in a channel,
// neighbouring bursts alternate over `bank_interleave` banks of different
// groups (a page set), then come the other sets, then the next row, whose
// sets are turned by a hash of the row's number, so that streams at a round
// distance do not keep meeting in one bank.
//
// A transfer is served in slices of at most the bursts a DMA channel may have
// on the way (window.h). A slice is a list of runs (bursts of one page set of
// one channel); runs are served in the order they come. Two levels share all
// of that and differ in what they walk:
//   kBursts  each burst finds its own time
//   kRows    a run whose rows are open takes one step, in closed form
// kIdeal has the pins' rate and the latency alone.
//
// Times are picoseconds from the start of the machine. Sources of the default
// figures: see the presets.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_DRAM_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_DRAM_H_

#include <cstdint>
#include <vector>

#include "emulators/npu/machine/divisor.h"
#include "emulators/npu/machine/window.h"
#include "emulators/npu/params.h"

namespace triptych::npu {

enum class DramLevel : uint8_t { kRows, kBursts, kIdeal };
// "rows", "bursts" or "ideal"; aborts on anything else.
DramLevel DramLevelOf(const DramParams& dram);

// Contiguous bytes of a transfer.
struct DramPiece {
  uint64_t address = 0;
  uint32_t bytes = 0;
};

struct DramCounts {
  uint64_t read_bytes = 0, write_bytes = 0;  // as asked for
  uint64_t bursts = 0;       // moved whole, however little of one is wanted
  uint64_t activations = 0;  // rows opened
  uint64_t refreshes = 0;    // of channels
  uint64_t turns = 0;        // of a bus, read to write or back
};

// Not thread-safe. Results depend on the calls and their order alone.
class Dram {
 public:
  Dram(const DramParams& params, int64_t outstanding);

  // Closes all rows and empties the buffers; time 0 is `phase` after a
  // refresh.
  void Reset(int64_t phase);

  // Bytes of a slice: what a port may have on the way.
  uint32_t slice_bytes() const { return slice_bytes_; }
  uint32_t burst_bytes() const { return burst_bytes_; }
  const Divisor& burst_size() const { return burst_size_; }

  // Serves the next slice of a transfer: at most slice_bytes(), rounded up to
  // bursts, in pieces, asked for as the window has room, one every `pace` ps.
  // Calls come in the order of window.next(). The result says when the data of
  // the first and last burst is there (a read) or taken (a write); the latency
  // is in it.
  Span Serve(Window& window, const DramPiece* pieces, int count, bool write,
             int64_t pace);

  // Writes all that waits in the buffers; when the last of it is done.
  int64_t Drain(int64_t time);

  const DramCounts& counts() const { return counts_; }
  // Time that data was on the buses, of all channels together, ps.
  int64_t bus_ps() const {
    return static_cast<int64_t>(counts_.bursts) * burst_;
  }
  int channels() const { return static_cast<int>(channels_.size()); }

 private:
  struct Bank {
    int64_t row = -1;
    int64_t activated;  // time of the last activation
    int64_t columns;    // from when on bursts of the open row may start
    int64_t precharge;  // not before this
    int64_t last_data;  // when the last burst's data started
  };
  // Bursts of one page set of one channel, and when they are asked for.
  struct Run {
    uint32_t set = 0, column = 0, bursts = 0;  // column: in bursts
    int64_t row = 0;
    bool starts = true;  // no continuation of the run before it
    Span asked;
  };
  struct Channel {
    int64_t bus_free = 0;  // end of the last data
    bool writing = false;  // what the last data was
    int64_t refresh_at = 0;
    int64_t recent[4] = {};  // the last activations, oldest at `oldest`
    int oldest = 0;
    uint32_t waiting_bursts = 0;
    std::vector<Run> waiting;  // writes
    std::vector<Bank> banks;   // set * interleave + position
  };

  Run Locate(uint64_t burst, uint32_t* channel) const;
  // The banks that a run's bursts alternate over, and which one of them a
  // column lies in.
  Bank* SetOf(Channel& channel, const Run& run) const {
    return &channel.banks[run.set * bank_interleave_];
  }
  uint64_t PositionOf(uint32_t column) const {
    return position_.Remainder(column);
  }
  Span ServeIdeal(Window& window, uint32_t bursts, int64_t pace);
  Span ServeRun(Channel& channel, const Run& run, bool write);
  Span ServeRead(Channel& channel, const Run& run);
  uint32_t EvenWrites(const Channel& channel) const;
  Span AcceptWrite(Channel& channel, const Run& run);
  void Flush(Channel& channel);
  void FlushIdle(Channel& channel, int64_t until);
  int64_t OneBurst(Channel& channel, Bank& bank, int64_t row, int64_t asked,
                   bool write);
  bool StreamRun(Channel& channel, const Run& run, bool write, Span* data);
  void OpenRow(Channel& channel, Bank& bank, int64_t row, int64_t asked);
  void Refresh(Channel& channel, int64_t time);
  int64_t BusFree(const Channel& channel, bool write) const;
  DramLevel level_;
  uint32_t burst_bytes_, slice_bytes_, bank_interleave_;
  // Bursts of a channel before the next one's; of one row of a page set.
  Divisor position_, burst_size_, interleave_bursts_, set_bursts_, sets_,
      channel_count_;
  // ps
  int64_t burst_, same_group_, step_, activate_, precharge_, row_cycle_,
      activate_gap_, four_activates_, read_latency_, write_latency_,
      write_recovery_, read_to_precharge_, write_to_read_, read_to_write_,
      refresh_, refresh_every_, latency_;
  int64_t row_active_;
  uint32_t batch_bursts_;
  std::vector<Channel> channels_;
  int64_t ideal_free_ = 0;
  DramCounts counts_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_DRAM_H_
