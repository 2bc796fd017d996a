// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/scalesim_memory.h"

#include <algorithm>
#include <deque>

#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

// Words [begin, end) of an operand in the order they are fetched in.
struct Span {
  int64_t begin = 0, end = 0;
};

// How an operand is cut into folds of `lines` lines of `lanes` words. The
// last fold has words in `last_lanes` of its lanes only.
struct FoldedOperand {
  int64_t folds = 0, lines = 0, lanes = 0, last_lanes = 0;

  int64_t words() const { return lines * ((folds - 1) * lanes + last_lanes); }
  // What is fetched: empty lanes travel as padding.
  int64_t padded_words() const { return lines * folds * lanes; }
};

FoldedOperand Folded(int64_t across, int64_t lines, int64_t lanes) {
  const int64_t folds = CeilDiv(across, lanes);
  return {folds, lines, lanes, across - (folds - 1) * lanes};
}

// sum over i in [0, n) of clamp(x - i, 0, top)
int64_t StaircaseSum(int64_t x, int64_t n, int64_t top) {
  // Lanes that have all `top`, then those on the slope, then those with none.
  const int64_t full = std::clamp<int64_t>(x - top + 1, 0, n);
  const int64_t some = std::clamp<int64_t>(x, full, n);
  const int64_t first = x - full, last = x - some + 1;
  const int64_t slope = some > full ? (first + last) * (some - full) / 2 : 0;
  return full * top + slope;
}

// An operand that streams: lane c passes the edge c steps late.
class Stream {
 public:
  explicit Stream(const FoldedOperand& operand) : o_(operand) {}

  // What the array asks for `step` steps after `fold` began.
  Span At(int64_t fold, int64_t step) const {
    const int64_t lanes = fold == o_.folds - 1 ? o_.last_lanes : o_.lanes;
    const int64_t low = std::max<int64_t>(0, step - o_.lines + 1);
    const int64_t high = std::min(step + 1, lanes);
    if (low >= high) return {};
    // In the order of the fetch, the lanes of a step stand side by side: first
    // those that have gone on to later folds, then those of this one.
    const int64_t all = fold * o_.lines + step;
    const int64_t begin = Before(all) + BusyLanes(all, low);
    return {begin, begin + high - low};
  }

 private:
  // Words that are fetched in steps before `step` of the whole operand.
  int64_t Before(int64_t step) const {
    const int64_t lines = o_.folds * o_.lines;
    return StaircaseSum(step, o_.last_lanes, lines) +
           StaircaseSum(step - o_.last_lanes, o_.lanes - o_.last_lanes,
                        lines - o_.lines);
  }
  // Of the first `lanes`, those that still have words at `step`.
  int64_t BusyLanes(int64_t step, int64_t lanes) const {
    const int64_t lines = o_.folds * o_.lines;
    const int64_t whole =
        std::min(lanes, o_.last_lanes) - std::max<int64_t>(0, step - lines + 1);
    const int64_t cut =
        lanes - std::max(o_.last_lanes, step - (lines - o_.lines) + 1);
    return std::max<int64_t>(0, whole) + std::max<int64_t>(0, cut);
  }

  FoldedOperand o_;
};

// An operand that stays, loaded a row of a block at a time.
Span StationaryRow(const FoldedOperand& o, int64_t block, int64_t row) {
  const int64_t lanes = block == o.folds - 1 ? o.last_lanes : o.lanes;
  const int64_t begin = block * o.lines * o.lanes + row * lanes;
  return {begin, begin + lanes};
}

class ReadPort {
 public:
  ReadPort(const FoldedOperand& operand, int64_t buffer_words, int64_t rate)
      : half_(std::max<int64_t>(1, buffer_words / 2)),
        fetch_cycles_(CeilDiv(half_, rate)),
        piece_words_(CeilDiv<int64_t>(buffer_words, 100)),
        pieces_(CeilDiv(operand.words(), piece_words_)),
        window_(std::min(CeilDiv(half_, piece_words_), pieces_)),
        advance_(std::min(window_, pieces_ - window_)),
        words_(std::min(half_, RoundUp(operand.padded_words(), rate))),
        arrival_(fetch_cycles_ - 1) {}

  // Cycles that the array waits for `words`, asked for at `now`.
  int64_t Wait(const Span& words, int64_t now) {
    if (words.begin >= words.end || advance_ == 0) return 0;
    int64_t wait = 0;
    const int64_t last = (words.end - 1) / piece_words_;
    for (int64_t piece = words.begin / piece_words_; piece <= last; ++piece) {
      while (!Visible(piece)) wait += MoveOn(now + wait);
    }
    return wait;
  }
  int64_t words() const { return words_; }

 private:
  bool Visible(int64_t piece) const {
    const int64_t ahead = piece - first_;
    return (ahead < 0 ? ahead + pieces_ : ahead) < window_;
  }
  int64_t MoveOn(int64_t now) {
    first_ = (first_ + advance_) % pieces_;
    words_ += half_;
    const int64_t wait = std::max<int64_t>(0, arrival_ - now);
    arrival_ += fetch_cycles_ + 1;  // a cycle between two fetches
    return wait;
  }

  int64_t half_, fetch_cycles_;
  int64_t piece_words_, pieces_, window_, advance_;
  int64_t first_ = 0;  // piece of the window
  int64_t words_;      // fetched so far
  int64_t arrival_;    // of the half that is under way
};

class WritePort {
 public:
  WritePort(int64_t buffer_words, int64_t rate)
      : size_(buffer_words),
        half_(std::max<int64_t>(1, buffer_words / 2)),
        rate_(rate),
        free_(buffer_words) {}

  // Cycles that the array waits to give `count` words at `now`.
  int64_t Wait(int64_t count, int64_t now) {
    const int64_t start = now;
    const bool busy = now < idle_at_;
    if (free_ - count >= (busy ? 1 : size_ - half_)) {
      Put(count);
      return 0;
    }
    for (; count > 0; --count) {
      Put(1);
      if (now < idle_at_) {
        if (free_ <= 0) now = idle_at_;
      } else if (free_ < size_ - half_) {
        EndLine();
        const int64_t before = words_;
        idle_at_ = now + Drain() - 1;
        free_ += words_ - before;
      }
    }
    return now - start;
  }
  void DrainAll() {
    EndLine();
    while (!lines_.empty()) Drain();
  }
  int64_t words() const { return words_; }

 private:
  struct Lines {
    int64_t count, words_each;
  };
  void Put(int64_t count) {
    free_ -= count;
    open_ += count;
    if (open_ >= rate_) {
      AddLines({open_ / rate_, rate_});
      open_ %= rate_;
    }
  }
  void AddLines(Lines lines) {
    if (!lines_.empty() && lines_.back().words_each == lines.words_each) {
      lines_.back().count += lines.count;
    } else {
      lines_.push_back(lines);
    }
  }
  // A line that is not full goes as it is.
  void EndLine() {
    if (open_ > 0) AddLines({1, open_});
    open_ = 0;
  }
  // Sends half a buffer or what there is; returns the lines. All are as long
  // as the port is wide, only the last one's missing words are not counted.
  int64_t Drain() {
    int64_t sent = 0, last_words = rate_;
    for (int64_t left = CeilDiv(half_, rate_); left > 0 && !lines_.empty();) {
      const int64_t take = std::min(left, lines_.front().count);
      last_words = lines_.front().words_each;
      sent += take;
      left -= take;
      lines_.front().count -= take;
      if (lines_.front().count == 0) lines_.pop_front();
    }
    words_ += sent * rate_ - (rate_ - last_words);
    return sent;
  }

  int64_t size_, half_, rate_;
  int64_t free_;
  int64_t open_ = 0;         // words in the line being gathered
  std::deque<Lines> lines_;  // gathered, in order
  int64_t idle_at_ = 0;      // end of the drain under way
  int64_t words_ = 0;        // sent so far
};

// One dataflow: folds go along `inner` first. Streams begin at `lead`.
struct Schedule {
  FoldedOperand a, b;
  bool a_streams, b_streams;
  int64_t inner = 0, outer = 0;
  int64_t lead = 0;          // cycles to load what stays
  int64_t first_result = 0;  // cycle of a fold
  int64_t fold_cycles = 0;
  // Lanes and lines of a fold's results: by the last fold, and before.
  FoldedOperand results_across;
  int64_t result_lines = 0;
};

Schedule ScheduleOf(Dataflow flow, const GemmSize& g, const ArraySize& array) {
  const int64_t skew = array.rows + array.cols - 2;
  Schedule s;
  if (flow == Dataflow::kOutput) {
    s.a = Folded(g.m, g.k, array.rows);
    s.b = Folded(g.n, g.k, array.cols);
    s.a_streams = s.b_streams = true;
    s.inner = s.a.folds;
    s.outer = s.b.folds;
    s.first_result = g.k - 1;
    s.fold_cycles = g.k + skew;
    s.results_across = s.b;
    return s;
  }
  const bool weights_stay = flow == Dataflow::kWeight;
  const int64_t streamed = weights_stay ? g.m : g.n;
  const FoldedOperand stream = Folded(g.k, streamed, array.rows);
  const FoldedOperand block = Folded(weights_stay ? g.n : g.m, g.k, array.cols);
  s.a = weights_stay ? stream : block;
  s.b = weights_stay ? block : stream;
  s.a_streams = weights_stay;
  s.b_streams = !weights_stay;
  s.inner = stream.folds;
  s.outer = block.folds;
  s.lead = array.rows;
  s.first_result = 2 * array.rows - 1;
  s.fold_cycles = array.rows + streamed + skew;
  s.results_across = block;
  s.result_lines = streamed;
  return s;
}

// Words in step `step` of results that leave `lanes` lanes, lane c being c
// steps late, `lines` from each.
int64_t Leaving(int64_t step, int64_t lanes, int64_t lines) {
  if (step < 0) return 0;
  return std::max<int64_t>(
      0, std::min(step + 1, lanes) - std::max<int64_t>(0, step - lines + 1));
}

class Run {
 public:
  Run(Dataflow flow, const GemmSize& gemm, const ArraySize& array,
      const ScaleSimMemory& memory)
      : s_(ScheduleOf(flow, gemm, array)),
        rows_(array.rows),
        a_stream_(s_.a),
        b_stream_(s_.b),
        a_port_(s_.a, memory.a_words, memory.words_per_cycle),
        b_port_(s_.b, memory.b_words, memory.words_per_cycle),
        c_port_(memory.c_words, memory.words_per_cycle) {}

  ScaleSimRun All() {
    for (int64_t outer = 0; outer < s_.outer; ++outer) {
      for (int64_t inner = 0; inner < s_.inner; ++inner) Fold(outer, inner);
    }
    c_port_.DrainAll();
    return {cycle_ + stall_, stall_, a_port_.words(), b_port_.words(),
            c_port_.words()};
  }

 private:
  void Fold(int64_t outer, int64_t inner) {
    const int64_t lanes = LanesOf(s_.results_across, outer);
    const int64_t lines =
        s_.result_lines > 0 ? s_.result_lines : LanesOf(s_.a, inner);
    for (int64_t t = 0; t < s_.fold_cycles; ++t, ++cycle_) {
      const int64_t now = cycle_ + stall_;
      const int64_t a =
          a_port_.Wait(s_.a_streams ? Streamed(a_stream_, inner, t)
                                    : Loaded(s_.a, outer, inner, t),
                       now);
      // Where both stream, B's folds go with the outer loop.
      const int64_t b_fold = s_.a_streams ? outer : inner;
      const int64_t b =
          b_port_.Wait(s_.b_streams ? Streamed(b_stream_, b_fold, t)
                                    : Loaded(s_.b, outer, inner, t),
                       now);
      const int64_t c =
          c_port_.Wait(Leaving(t - s_.first_result, lanes, lines), now);
      stall_ += std::max({a, b, c});
    }
  }
  static int64_t LanesOf(const FoldedOperand& o, int64_t fold) {
    return fold == o.folds - 1 ? o.last_lanes : o.lanes;
  }
  Span Streamed(const Stream& stream, int64_t fold, int64_t t) const {
    return t < s_.lead ? Span{} : stream.At(fold, t - s_.lead);
  }
  // The array is filled from its far row.
  Span Loaded(const FoldedOperand& o, int64_t block, int64_t fold,
              int64_t t) const {
    const int64_t row = (fold + 1) * rows_ - 1 - t;
    return t < s_.lead && row < o.lines ? StationaryRow(o, block, row) : Span{};
  }

  Schedule s_;
  int64_t rows_;
  Stream a_stream_, b_stream_;
  ReadPort a_port_, b_port_;
  WritePort c_port_;
  int64_t cycle_ = 0, stall_ = 0;
};

}  // namespace

ScaleSimRun RunScaleSim(Dataflow flow, const GemmSize& gemm,
                        const ArraySize& array, const ScaleSimMemory& memory) {
  return Run(flow, gemm, array, memory).All();
}

}  // namespace triptych::npu
