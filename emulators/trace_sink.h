// What a timeline is made of, for the two forms it is written in.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TRACE_SINK_H_
#define TRIPTYCH_EMULATORS_TRACE_SINK_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string_view>

#include "emulators/trace.h"

namespace triptych {

// Perfetto's clock; the ledger's is finer.
inline constexpr int64_t kPicosPerNano = 1000;

// Receives a timeline piece by piece and keeps none of it. What is opened
// belongs to the process before it. Times of one thread or counter never go
// back, and Begin and End of a thread are balanced.
class TraceSink {
 public:
  virtual ~TraceSink() = default;  // completes the file

  // The track outlives the sink.
  virtual void Process(const Track& track) = 0;
  // Both return an id that is good for this sink.
  virtual uint32_t Thread(std::string_view name) = 0;
  virtual uint32_t Counter(std::string_view name, std::string_view unit) = 0;

  virtual void Begin(uint32_t thread, const Charge& charge) = 0;
  virtual void End(uint32_t thread, Picos at) = 0;
  // `value` from `at` until the next one.
  virtual void Count(uint32_t counter, Picos at, double value) = 0;
};

std::unique_ptr<TraceSink> MakeJsonSink(std::ostream& out);
std::unique_ptr<TraceSink> MakePerfettoSink(std::ostream& out);

inline const Action& ActionOf(const Track& track, const Charge& charge) {
  return track.target->actions()[static_cast<size_t>(charge.action)];
}

inline Joules EnergyOf(const Track& track, const Charge& charge) {
  return ActionOf(track, charge).energy * static_cast<double>(charge.count);
}

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TRACE_SINK_H_
