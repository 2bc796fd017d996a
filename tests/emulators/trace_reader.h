// A reader of both forms of a timeline that shares no code with the writers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_TRACE_READER_H_
#define TRIPTYCH_TESTS_EMULATORS_TRACE_READER_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace triptych {

struct ReadSlice {
  std::string process, thread, name, category, action;
  uint64_t count = 0;
  double energy_j = 0;
  int64_t begin_ns = 0, end_ns = 0;  // rounded down
  size_t depth = 0;                  // slices of its thread that are open
  friend auto operator<=>(const ReadSlice&, const ReadSlice&) = default;
};

// (process, counter, unit) and its steps (ns, value).
using ReadCounters = std::map<std::tuple<std::string, std::string, std::string>,
                              std::vector<std::pair<int64_t, double>>>;

struct Timeline {
  std::vector<ReadSlice> slices;  // sorted
  ReadCounters counters;
  size_t names = 0;  // texts spelled out as the name of a slice
};

// Each aborts the test case where the bytes are not a timeline: malformed, of
// an unknown field, with a time that goes back on its thread, with slices that
// do not nest or are not closed.
Timeline ReadJsonTrace(const std::string& text);
Timeline ReadPerfettoTrace(std::string_view bytes);

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_TRACE_READER_H_
