// SPDX-License-Identifier: Apache-2.0
#include "emulators/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "models/ops/op.h"

namespace triptych {
namespace {

// Text in JSON quotes.
std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Picoseconds as microseconds, exactly.
std::string Micros(Picos t) {
  return fmt::format("{}.{:06}", t.value / 1000000, t.value % 1000000);
}

// Slices of one thread: each begins at or after the one before, and ends
// within every one that is still open.
struct Lane {
  std::vector<const Charge*> slices;
  std::vector<Picos> open;  // ends, outermost first

  bool Take(const Charge& charge) {
    while (!open.empty() && open.back() <= charge.begin) open.pop_back();
    if (!open.empty() && open.back() < charge.end) return false;
    open.push_back(charge.end);
    slices.push_back(&charge);
    return true;
  }
};

std::vector<Lane> LanesOf(std::vector<const Charge*> charges) {
  // The longer of two that begin together is the outer one; of equal ones the
  // one that was charged first (they are in one array).
  std::ranges::sort(charges, {}, [](const Charge* c) {
    return std::tuple(c->begin, -c->end.value, c);
  });
  std::vector<Lane> lanes;
  for (const Charge* charge : charges) {
    const auto taken = std::ranges::find_if(
        lanes, [&](Lane& lane) { return lane.Take(*charge); });
    if (taken == lanes.end()) lanes.emplace_back().Take(*charge);
  }
  return lanes;
}

class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {
    out_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
  }
  ~Writer() { out_ << "\n]}\n"; }

  void Process(int pid, const Track& track) {
    Name("process_name", pid, 0, track.name);
    std::map<UnitId, std::vector<const Charge*>> by_unit;
    for (const Charge& charge : track.ledger->charges()) {
      by_unit[charge.unit].push_back(&charge);
    }
    int tid = 0;
    for (auto& [unit, charges] : by_unit) {
      const std::string& name =
          track.target->units()[static_cast<size_t>(unit)].name;
      int number = 0;
      for (const Lane& lane : LanesOf(std::move(charges))) {
        ++tid;
        Name("thread_name", pid, tid,
             number == 0 ? name : fmt::format("{} +{}", name, number));
        ++number;
        for (const Charge* charge : lane.slices) {
          Slice(pid, tid, track, *charge);
        }
      }
    }
  }

 private:
  void Name(std::string_view what, int pid, int tid, std::string_view name) {
    Event(
        fmt::format("{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},"
                    "\"args\":{{\"name\":{}}}}}",
                    what, pid, tid, Quote(name)));
  }

  void Slice(int pid, int tid, const Track& track, const Charge& charge) {
    const Node& node = track.graph->node(charge.node);
    const Action& action =
        track.target->actions()[static_cast<size_t>(charge.action)];
    Event(fmt::format(
        "{{\"ph\":\"X\",\"name\":{},\"cat\":{},\"pid\":{},\"tid\":{},"
        "\"ts\":{},\"dur\":{},\"args\":{{\"action\":{},\"count\":{},"
        "\"energy_j\":{}}}}}",
        Quote(node.name), Quote(node.op->name), pid, tid, Micros(charge.begin),
        Micros(charge.end - charge.begin), Quote(action.name), charge.count,
        action.energy.value * static_cast<double>(charge.count)));
  }

  void Event(std::string_view json) {
    out_ << (first_ ? "\n" : ",\n") << json;
    first_ = false;
  }

  std::ostream& out_;
  bool first_ = true;
};

}  // namespace

void WriteTrace(std::ostream& out, const std::vector<Track>& tracks) {
  Writer writer(out);
  int pid = 0;
  for (const Track& track : tracks) writer.Process(++pid, track);
}

}  // namespace triptych
