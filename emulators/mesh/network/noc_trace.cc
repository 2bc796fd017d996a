// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/noc_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <tuple>

#include "kernels/base/rng.h"
#include "models/formats/json_tree.h"

namespace triptych::mesh {
namespace {

// Reads one file's events; every error says where.
class Reader {
 public:
  Reader(const std::string& path, std::string text, int32_t cols, int32_t rows)
      : path_(path), text_(std::move(text)), cols_(cols), rows_(rows) {}

  Result<NocTrace> Read() {
    TRIPTYCH_ASSIGN(const JsonValue root, ParseJson(text_, path_));
    if (root.kind != JsonValue::Kind::kList || root.list.empty()) {
      return Wrong(root, "events", root.Describe(), "a list of events");
    }
    for (const JsonValue& value : root.list) TRIPTYCH_TRY(Add(value));
    return Finish();
  }

 private:
  using Key = std::tuple<int32_t, int32_t, std::string>;

  std::unexpected<Error> Wrong(const JsonValue& at, std::string_view key,
                               std::string_view what,
                               std::string_view allowed) const {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:{}: {}: {}; allowed {}", path_,
                                 LineOf(text_, at.offset), key, what, allowed));
  }

  Result<int64_t> Whole(const JsonValue& event, std::string_view key,
                        int64_t least, int64_t most) const {
    const JsonValue* value = event.Find(key);
    if (value == nullptr || value->kind != JsonValue::Kind::kInteger ||
        value->integer < least || value->integer > most) {
      return Wrong(event, key, value == nullptr ? "missing" : value->Describe(),
                   fmt::format("a whole number {}..{}", least, most));
    }
    return value->integer;
  }

  Result<Place> At(const JsonValue& event, std::string_view x,
                   std::string_view y) const {
    TRIPTYCH_ASSIGN(const int64_t col, Whole(event, x, 0, cols_ - 1));
    TRIPTYCH_ASSIGN(const int64_t row, Whole(event, y, 0, rows_ - 1));
    return Place{static_cast<int32_t>(col), static_cast<int32_t>(row)};
  }

  static std::string TextOf(const JsonValue& event, std::string_view key) {
    const JsonValue* value = event.Find(key);
    return value == nullptr ? std::string() : value->text;
  }

  Status Add(const JsonValue& event) {
    constexpr int64_t kLatest = int64_t{1} << 53;
    TRIPTYCH_ASSIGN(const Place place, At(event, "sx", "sy"));
    TRIPTYCH_ASSIGN(const int64_t time, Whole(event, "timestamp", 0, kLatest));
    TraceEvent made;
    made.at = static_cast<double>(time);
    const std::string type = TextOf(event, "type");
    const std::string zone = TextOf(event, "zone");
    if (type == "READ") {
      TRIPTYCH_TRY(AddRead(event, made));
    } else if (type == "READ_BARRIER_START") {
      made.kind = TraceEvent::Kind::kBarrierStart;
    } else if (type == "READ_BARRIER_END") {
      made.kind = TraceEvent::Kind::kBarrierEnd;
    } else if (type.empty() && !zone.empty()) {
      if (zone.ends_with("-KERNEL") && TextOf(event, "zone_phase") == "begin") {
        made.kind = TraceEvent::Kind::kBegin;
      }
    } else {
      return Wrong(event, "type", fmt::format("\"{}\"", type),
                   "READ, READ_BARRIER_START, READ_BARRIER_END, or a zone");
    }
    cores_[{place.x, place.y, TextOf(event, "proc")}].push_back(made);
    return {};
  }

  Status AddRead(const JsonValue& event, TraceEvent& made) const {
    made.kind = TraceEvent::Kind::kRead;
    TRIPTYCH_ASSIGN(made.memory, At(event, "dx", "dy"));
    TRIPTYCH_ASSIGN(made.bytes, Whole(event, "num_bytes", 1, 1 << 26));
    const std::string noc = TextOf(event, "noc");
    if (noc != "NOC_0" && noc != "NOC_1") {
      return Wrong(event, "noc", fmt::format("\"{}\"", noc), "NOC_0, NOC_1");
    }
    made.noc = noc == "NOC_1" ? 1 : 0;
    return {};
  }

  NocTrace Finish() {
    NocTrace trace;
    double first = -1, last = 0;
    for (auto& [key, events] : cores_) {
      std::ranges::stable_sort(events, {}, &TraceEvent::at);
      first =
          first < 0 ? events.front().at : std::min(first, events.front().at);
      last = std::max(last, events.back().at);
      const auto& [x, y, proc] = key;
      trace.cores.push_back({{x, y}, proc, std::move(events)});
    }
    for (TraceCore& core : trace.cores) {
      for (TraceEvent& event : core.events) event.at -= first;
    }
    trace.cycles = last - first;
    return trace;
  }

  std::string path_, text_;
  int32_t cols_, rows_;
  std::map<Key, std::vector<TraceEvent>> cores_;
};

}  // namespace

Result<NocTrace> LoadNocTrace(const std::string& path, int32_t cols,
                              int32_t rows) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: cannot be opened", path));
  }
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return Reader(path, std::move(text), cols, rows).Read();
}

namespace {

// Cycles of a core from what it did before, a begin or a barrier's end, to
// this.
double CostOf(const TraceCosts& costs, const TraceEvent& event, bool dram,
              const TraceEvent* before, const TraceEvent* last_read) {
  using Kind = TraceEvent::Kind;
  if (event.kind == Kind::kBarrierStart) return costs.barrier;
  if (before == nullptr || before->kind == Kind::kBegin) {
    return costs.first_read + (dram ? costs.new_tile : 0);
  }
  if (before->kind == Kind::kBarrierEnd) return costs.barrier;
  if (dram) return costs.read;
  const bool other = last_read != nullptr && last_read->memory != event.memory;
  return costs.shard_read + (other ? costs.new_tile : 0);
}

// The order of a trace, with the costs of programs or the recorded times.
CoreProgram ProgramOf(const MachineConfig& config, const TraceCosts& costs,
                      const TraceCore& core, IssueTimes times) {
  using Kind = TraceEvent::Kind;
  CoreProgram program;
  program.core = core.place;
  // Recording the end takes as long as the rest; its time is taken halfway.
  program.barrier_cost = costs.barrier / 2;
  const TraceEvent* before = nullptr;
  const TraceEvent* last_read = nullptr;
  for (const TraceEvent& event : core.events) {
    if (event.kind == Kind::kRead || event.kind == Kind::kBarrierStart) {
      const bool dram = config.IsDram(event.memory);
      CoreOp op;
      op.kind = event.kind == Kind::kRead ? CoreOp::Kind::kRead
                                          : CoreOp::Kind::kBarrier;
      op.place = event.memory;
      op.bytes = event.bytes;
      op.cost = CostOf(costs, event, dram, before, last_read);
      if (times == IssueTimes::kRecorded) op.at = event.at;
      program.ops.push_back(op);
      if (event.kind == Kind::kRead) {
        program.noc = event.noc;
        last_read = &event;
      }
    }
    // A begin in the middle is the profiler's, not the kernel's.
    const bool again = event.kind == Kind::kBegin && before != nullptr;
    if (event.kind != Kind::kMark && !again) before = &event;
  }
  return program;
}

}  // namespace

TraceCosts TraceCostsOf(const Params& p) {
  return {.first_read = p.trace_first_read_cycles,
          .read = p.trace_read_cycles,
          .shard_read = p.trace_shard_read_cycles,
          .new_tile = p.trace_new_tile_cycles,
          .barrier = p.trace_barrier_cycles,
          .skew = p.trace_skew_cycles};
}

namespace {

double LastEnd(const MachineConfig& config,
               std::span<const CoreProgram> programs) {
  return std::ranges::max(RunPrograms(config, programs));
}

// Launches whose mean is predicted. Which of two packets is first at a router
// decides who waits, and that hangs on a cycle or two of a core's start: a
// single launch is one draw.
constexpr uint64_t kLaunches = 8;

}  // namespace

double RunNocTrace(const MachineConfig& config, const TraceCosts& costs,
                   const NocTrace& trace, IssueTimes times) {
  std::vector<CoreProgram> programs;
  for (const TraceCore& core : trace.cores) {
    programs.push_back(ProgramOf(config, costs, core, times));
  }
  if (times == IssueTimes::kRecorded) return LastEnd(config, programs);
  double sum = 0;
  for (uint64_t launch = 0; launch < kLaunches; ++launch) {
    Rng rng(launch);
    const TraceCore* before = nullptr;
    for (size_t i = 0; i < programs.size(); ++i) {
      // A tile's second core (the list has them together) is started later.
      const TraceCore& core = trace.cores[i];
      const bool second = before != nullptr && before->place == core.place;
      before = &core;
      programs[i].start =
          costs.skew * (0.5 + rng.Uniform() + (second ? 0.5 : 0.0));
    }
    sum += LastEnd(config, programs);
  }
  return sum / static_cast<double>(kLaunches);
}

}  // namespace triptych::mesh
