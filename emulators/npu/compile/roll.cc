// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/roll.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "emulators/npu/compile/builder.h"

namespace triptych::npu {
namespace {

using Segments = std::span<const std::vector<Command>>;

bool IsTransfer(const Command& c) {
  return c.opcode == Opcode::kLoad || c.opcode == Opcode::kGather ||
         c.opcode == Opcode::kStore;
}

// What two rounds of a loop must agree in.
struct Bare {
  Command command;
  explicit Bare(const Command& c) : command(c) {
    if (IsTransfer(c)) command.operands.dma.offset = 0;
    if (c.opcode == Opcode::kMark) command.operands.mark.id = 0;
  }
};
bool SameBare(const Command& left, const Command& right) {
  const Command a = Bare(left).command, b = Bare(right).command;
  return a.opcode == b.opcode && a.flags == b.flags && a.wait == b.wait &&
         a.signal == b.signal && a.cores == b.cores &&
         a.operands.words == b.operands.words;
}

bool SameBare(const std::vector<Command>& a, const std::vector<Command>& b) {
  return std::ranges::equal(
      a, b, [](const Command& x, const Command& y) { return SameBare(x, y); });
}

int64_t OffsetDelta(const Command& from, const Command& to) {
  return int64_t{to.operands.dma.offset} - from.operands.dma.offset;
}

// Segments [first, first + period) again and again, `times` in all.
struct Run {
  size_t first = 0, period = 0, times = 1;
  size_t end() const { return first + period * times; }
};

class Roller {
 public:
  explicit Roller(Segments segments) : segments_(segments) {
    // Segments that agree have one number.
    for (size_t i = 0; i < segments.size(); ++i) {
      size_t kind = i;
      for (size_t j = 0; j < i; ++j) {
        if (kinds_[j] == j && SameBare(segments[j], segments[i])) {
          kind = j;
          break;
        }
      }
      kinds_.push_back(kind);
    }
  }

  std::vector<Command> Stream() {
    Emit(0, segments_.size());
    return std::move(out_);
  }

 private:
  // Amounts by which the transfers of `run`'s first round move to the next;
  // nullopt if some may not move.
  using Amounts = std::map<int64_t, uint8_t>;
  std::optional<Amounts> AmountsOf(const Run& run) const {
    Amounts amounts;
    uint32_t used = 1;  // register 0 is 0
    int depth = 0, deepest = 0;
    for (size_t s = 0; s < run.period; ++s) {
      const std::vector<Command>& now = segments_[run.first + s];
      const std::vector<Command>& next = segments_[run.first + run.period + s];
      for (size_t i = 0; i < now.size(); ++i) {
        const Command& c = now[i];
        if (c.opcode == Opcode::kSet || c.opcode == Opcode::kAdd ||
            c.opcode == Opcode::kAddCore) {
          used |= uint32_t{1} << c.operands.reg.reg;
        }
        if (c.opcode == Opcode::kLoop) deepest = std::max(deepest, ++depth);
        if (c.opcode == Opcode::kEnd) --depth;
        if (!IsTransfer(c)) continue;
        const int64_t delta = OffsetDelta(c, next[i]);
        if (delta == 0) continue;
        if (c.operands.dma.base != 0) return std::nullopt;
        amounts.try_emplace(delta, uint8_t{0});
      }
    }
    if (deepest >= kLoopDepth) return std::nullopt;
    uint8_t reg = kFarRegister;
    for (auto& [delta, mine] : amounts) {
      do {
        if (--reg == 0) return std::nullopt;
      } while ((used >> reg & 1) != 0);
      mine = reg;
    }
    return amounts;
  }

  // Whether round `n` moves from the one before as the first does to the
  // second.
  bool Continues(const Run& run, size_t n) const {
    for (size_t s = 0; s < run.period; ++s) {
      const size_t at = run.first + n * run.period + s;
      if (kinds_[at] != kinds_[run.first + s]) return false;
      if (n < 2) continue;
      const auto& a = segments_[run.first + s];
      const auto& b = segments_[run.first + run.period + s];
      const auto& c = segments_[at - run.period];
      const auto& d = segments_[at];
      for (size_t i = 0; i < a.size(); ++i) {
        if (IsTransfer(a[i]) &&
            OffsetDelta(a[i], b[i]) != OffsetDelta(c[i], d[i])) {
          return false;
        }
      }
    }
    return true;
  }

  // The run in [first, last) that saves the most commands.
  std::optional<Run> Best(size_t first, size_t last) const {
    std::optional<Run> best;
    size_t most = 0;
    for (size_t start = first; start < last; ++start) {
      size_t size = 0;  // commands of one round
      for (size_t period = 1; start + 2 * period <= last; ++period) {
        size += segments_[start + period - 1].size();
        if (kinds_[start] != kinds_[start + period]) continue;
        Run run{start, period, 1};
        while (run.end() + period <= last && Continues(run, run.times)) {
          ++run.times;
        }
        const size_t saved = size * (run.times - 1);
        if (run.times >= 2 && saved > most && AmountsOf(run)) {
          best = run;
          most = saved;
        }
      }
    }
    return best;
  }

  void Emit(size_t first, size_t last) {
    if (first == last) return;
    const std::optional<Run> run = Best(first, last);
    if (!run) {
      for (size_t s = first; s < last; ++s) {
        out_.insert(out_.end(), segments_[s].begin(), segments_[s].end());
      }
      return;
    }
    Emit(first, run->first);
    EmitLoop(*run);
    Emit(run->end(), last);
  }

  void Control(Opcode opcode, uint8_t reg, int64_t value) {
    Command command;
    command.opcode = opcode;
    command.operands.reg = {reg, {}, value};
    out_.push_back(command);
  }

  void EmitLoop(const Run& run) {
    const Amounts amounts = *AmountsOf(run);
    for (const auto& [delta, reg] : amounts) Control(Opcode::kSet, reg, 0);
    Command loop;
    loop.opcode = Opcode::kLoop;
    loop.operands.loop = {static_cast<uint32_t>(run.times)};
    out_.push_back(loop);
    for (size_t s = 0; s < run.period; ++s) {
      const auto& now = segments_[run.first + s];
      const auto& next = segments_[run.first + run.period + s];
      for (size_t i = 0; i < now.size(); ++i) {
        out_.push_back(now[i]);
        if (!IsTransfer(now[i])) continue;
        const int64_t delta = OffsetDelta(now[i], next[i]);
        if (delta != 0) out_.back().operands.dma.base = amounts.at(delta);
      }
    }
    for (const auto& [delta, reg] : amounts) Control(Opcode::kAdd, reg, delta);
    Command end;
    end.opcode = Opcode::kEnd;
    out_.push_back(end);
  }

  Segments segments_;
  std::vector<size_t> kinds_;
  std::vector<Command> out_;
};

}  // namespace

std::vector<Command> RollSegments(Segments segments) {
  return Roller(segments).Stream();
}

}  // namespace triptych::npu
