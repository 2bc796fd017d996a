// Chrome's trace events, as Perfetto and chrome://tracing read them: complete
// events and counters, microseconds with fractions.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <vector>

#include "emulators/trace_sink.h"
#include "kernels/base/text.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

// Picoseconds as microseconds, exactly.
std::string Micros(Picos t) {
  return fmt::format("{}.{:06}", t.value / 1000000, t.value % 1000000);
}

class JsonSink : public TraceSink {
 public:
  explicit JsonSink(std::ostream& out) : out_(out) {
    out_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
  }
  ~JsonSink() override { out_ << "\n]}\n"; }

  void Process(const Track& track) override {
    track_ = &track;
    ++pid_;
    Name("process_name", 0, track.name);
  }

  uint32_t Thread(std::string_view name) override {
    Name("thread_name", ++tid_, name);
    return tid_;
  }

  // A counter has no event of its own: its name and unit are in each value.
  uint32_t Counter(std::string_view name, std::string_view unit) override {
    counters_.push_back(fmt::format(
        "{{\"ph\":\"C\",\"name\":{},\"pid\":{},\"args\":{{{}:", Quoted(name),
        pid_, Quoted(unit)));
    return static_cast<uint32_t>(counters_.size() - 1);
  }

  void Begin(uint32_t thread, const Charge& charge) override {
    const Node& node = track_->graph->node(charge.node);
    Event(fmt::format(
        "{{\"ph\":\"X\",\"name\":{},\"cat\":{},\"pid\":{},\"tid\":{},"
        "\"ts\":{},\"dur\":{},\"args\":{{\"action\":{},\"count\":{},"
        "\"energy_j\":{}}}}}",
        Quoted(node.name), Quoted(node.op->name), pid_, thread,
        Micros(charge.begin), Micros(charge.end - charge.begin),
        Quoted(ActionOf(*track_, charge).name), charge.count,
        EnergyOf(*track_, charge).value));
  }

  void End(uint32_t, Picos) override {}  // a complete event has its length

  void Count(uint32_t counter, Picos at, double value) override {
    Event(fmt::format("{}{}}},\"ts\":{}}}", counters_[counter], value,
                      Micros(at)));
  }

 private:
  void Name(std::string_view what, uint32_t tid, std::string_view name) {
    Event(
        fmt::format("{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},"
                    "\"args\":{{\"name\":{}}}}}",
                    what, pid_, tid, Quoted(name)));
  }

  void Event(std::string_view json) {
    out_ << (first_ ? "\n" : ",\n") << json;
    first_ = false;
  }

  std::ostream& out_;
  const Track* track_ = nullptr;
  int pid_ = 0;
  uint32_t tid_ = 0;
  std::vector<std::string> counters_;  // an event up to its value
  bool first_ = true;
};

}  // namespace

std::unique_ptr<TraceSink> MakeJsonSink(std::ostream& out) {
  return std::make_unique<JsonSink>(out);
}

}  // namespace triptych
