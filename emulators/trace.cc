// The walk that is the same for every form of a timeline: charges to threads
// whose slices nest, and to counters.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <tuple>

#include "emulators/trace_sink.h"

namespace triptych {
namespace {

// ---- Slices ----

// One thread: each slice begins at or after the one before, and ends within
// every one that is still open.
class Lane {
 public:
  Lane(TraceSink& sink, std::string_view name)
      : sink_(sink), thread_(sink.Thread(name)) {}

  // False if the charge ends outside a slice that is still open.
  bool Take(const Charge& charge) {
    CloseUntil(charge.begin);
    if (!open_.empty() && open_.back() < charge.end) return false;
    open_.push_back(charge.end);
    sink_.Begin(thread_, charge);
    return true;
  }

  void Close() {
    while (!open_.empty()) CloseInnermost();
  }

 private:
  void CloseUntil(Picos now) {
    while (!open_.empty() && open_.back() <= now) CloseInnermost();
  }

  void CloseInnermost() {
    sink_.End(thread_, open_.back());
    open_.pop_back();
  }

  TraceSink& sink_;
  uint32_t thread_;
  std::vector<Picos> open_;  // ends, outermost first
};

// By unit, then in order of time. The longer of two that begin together is the
// outer one; of equal ones the one that was charged first (they are in one
// array).
std::vector<const Charge*> Sorted(std::span<const Charge> charges) {
  std::vector<const Charge*> sorted;
  sorted.reserve(charges.size());
  for (const Charge& charge : charges) sorted.push_back(&charge);
  std::ranges::sort(sorted, {}, [](const Charge* c) {
    return std::tuple(c->unit, c->begin, -c->end.value, c);
  });
  return sorted;
}

void WriteSlices(const Track& track, TraceSink& sink) {
  const auto sorted = Sorted(track.ledger->charges());
  for (auto from = sorted.begin(); from != sorted.end();) {
    const UnitId unit = (*from)->unit;
    const auto to = std::find_if(from, sorted.end(), [unit](const Charge* c) {
      return c->unit != unit;
    });
    const std::string& name =
        track.target->units()[static_cast<size_t>(unit)].name;
    std::vector<Lane> lanes;
    for (; from != to; ++from) {
      const bool taken = std::ranges::any_of(
          lanes, [&](Lane& lane) { return lane.Take(**from); });
      if (taken) continue;
      lanes.emplace_back(sink, lanes.empty()
                                   ? name
                                   : fmt::format("{} +{}", name, lanes.size()));
      lanes.back().Take(**from);
    }
    for (Lane& lane : lanes) lane.Close();
  }
}

// ---- Counters ----

// Steps enough for a wide screen, and a bound on the size of the file. They
// begin at whole nanoseconds, which every form can say.
constexpr int64_t kMaxSteps = 4096;

// What charges deposited over time: amounts by step, each charge's spread
// evenly from its begin to its end.
class Deposits {
 public:
  explicit Deposits(Picos makespan)
      : width_(std::max<int64_t>(
                   1, CeilDiv(makespan.value, kMaxSteps * kPicosPerNano)) *
               kPicosPerNano),
        amounts_(static_cast<size_t>(makespan.value / width_ + 1)) {}

  void Add(const Charge& charge, double amount) {
    const int64_t begin = charge.begin.value;
    const int64_t end = charge.end.value;
    if (begin == end) {
      amounts_[StepOf(begin)] += amount;
      return;
    }
    const double rate = amount / static_cast<double>(end - begin);
    for (int64_t at = begin; at < end;) {
      const int64_t until = std::min(end, (at / width_ + 1) * width_);
      amounts_[StepOf(at)] += rate * static_cast<double>(until - at);
      at = until;
    }
  }

  // The rate per second, wherever it changes, and zero at the end.
  void Write(TraceSink& sink, uint32_t counter) const {
    double last = -1;
    for (size_t i = 0; i <= amounts_.size(); ++i) {
      const double rate =
          i < amounts_.size() ? amounts_[i] / Seconds(Picos(width_)) : 0;
      if (rate == last) continue;
      sink.Count(counter, Picos(static_cast<int64_t>(i) * width_), rate);
      last = rate;
    }
  }

 private:
  size_t StepOf(int64_t at) const { return static_cast<size_t>(at / width_); }

  int64_t width_;  // picoseconds
  std::vector<double> amounts_;
};

double BytesOf(const Track& track, const Charge& charge, ActionClass kind) {
  const Action& action = ActionOf(track, charge);
  return action.kind == kind
             ? static_cast<double>(action.bytes.value * charge.count)
             : 0;
}

void WriteCounter(const Track& track, TraceSink& sink, std::string_view name,
                  std::string_view unit,
                  const std::function<double(const Charge&)>& amount) {
  Deposits deposits(track.ledger->makespan());
  for (const Charge& charge : track.ledger->charges()) {
    if (const double given = amount(charge); given > 0) {
      deposits.Add(charge, given);
    }
  }
  deposits.Write(sink, sink.Counter(name, unit));
}

void WriteCounters(const Track& track, TraceSink& sink) {
  WriteCounter(track, sink, "power", "W", [&](const Charge& charge) {
    return EnergyOf(track, charge).value;
  });
  WriteCounter(track, sink, "off-chip", "B/s", [&](const Charge& charge) {
    return BytesOf(track, charge, ActionClass::kOffChip);
  });
  WriteCounter(track, sink, "on-chip", "B/s", [&](const Charge& charge) {
    return BytesOf(track, charge, ActionClass::kMove);
  });
}

}  // namespace

size_t CountSlices(const std::vector<Track>& tracks) {
  size_t slices = 0;
  for (const Track& track : tracks) slices += track.ledger->charges().size();
  return slices;
}

void WriteTrace(std::ostream& out, const std::vector<Track>& tracks,
                TraceFormat format) {
  const bool perfetto =
      format == TraceFormat::kPerfetto ||
      (format == TraceFormat::kAuto && CountSlices(tracks) > kMaxJsonSlices);
  const auto sink = perfetto ? MakePerfettoSink(out) : MakeJsonSink(out);
  for (const Track& track : tracks) {
    sink->Process(track);
    if (track.ledger->charges().empty()) continue;
    WriteCounters(track, *sink);
    WriteSlices(track, *sink);
  }
}

}  // namespace triptych
