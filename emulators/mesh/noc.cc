// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/noc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace triptych::mesh {
namespace {

// n transfers of `bytes` each: the first takes `latency`; those behind it
// follow as fast as they are issued and as the data streams.
double Queue(double latency, double n, double issue, double bytes,
             double rate) {
  return latency + std::max((n - 1) * issue, n * bytes / rate);
}

std::unexpected<Error> NotAllowed(std::string_view key, std::string_view text,
                                  std::string_view allowed) {
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: \"{}\" is not allowed; allowed {}", key, text, allowed));
}

Result<double> DramCycles(const Params& p, const OpSpec& spec, double n,
                          double bytes) {
  if (TextOf(spec, "op") != "read") {
    return NotAllowed("op", TextOf(spec, "op"), "read for memory = dram");
  }
  return Queue(p.dram_latency_cycles, n, p.dram_bank_issue_cycles, bytes,
               p.dram_bank_bytes_per_cycle);
}

Result<double> L1Cycles(const Params& p, const OpSpec& spec, double n,
                        double bytes) {
  const std::string_view op = TextOf(spec, "op"), path = TextOf(spec, "path");
  double issue = p.noc_scatter_issue_cycles;
  bool axis = false;
  if (op == "read" || op == "write") {
    if (path != "axis" && path != "diagonal") {
      return NotAllowed("path", path, "axis, diagonal");
    }
    axis = path == "axis";
    issue = op == "read" ? p.noc_read_issue_cycles : p.noc_write_issue_cycles;
    if (TextOf(spec, "stateful") == "1") issue = p.noc_stateful_issue_cycles;
  } else if (op != "unicast_1_to_n") {
    return NotAllowed("op", op, "read, write, unicast_1_to_n");
  }
  return Queue(RoundTrip(p, axis), n, issue, bytes, p.noc_bytes_per_cycle);
}

}  // namespace

double RoundTrip(const Params& p, bool axis) {
  const double cols = static_cast<double>(p.noc_cols);
  const double rows = static_cast<double>(p.noc_rows);
  // On one axis the other ring is not entered; which of the two a row of the
  // table means is not recorded: the column, as its readings say.
  return p.noc_endpoint_cycles + p.noc_hop_cycles * (axis ? rows : cols + rows);
}

double ReadPagesCycles(const Params& p, double pages, double page_bytes) {
  return p.dram_latency_cycles +
         pages *
             std::max(p.dram_issue_cycles, page_bytes / p.noc_bytes_per_cycle);
}

double MulticastCycles(const Params& p, double bytes) {
  return p.noc_handshake_cycles + bytes / p.noc_multicast_bytes_per_cycle;
}

Result<Prediction> PredictNocLatency(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t n, WholeNumber(spec, "transactions"));
  TRIPTYCH_ASSIGN(const int64_t bytes, WholeNumber(spec, "bytes"));
  const bool dram = TextOf(spec, "memory") == "dram";
  const auto count = static_cast<double>(n);
  const auto size = static_cast<double>(bytes);
  TRIPTYCH_ASSIGN(const double cycles, dram ? DramCycles(p, spec, count, size)
                                            : L1Cycles(p, spec, count, size));
  return Prediction{{"cycles", cycles}, {"seconds", cycles / p.clock.value}};
}

Result<Prediction> PredictDramLatency(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t n, WholeNumber(spec, "transactions"));
  TRIPTYCH_ASSIGN(const int64_t bytes, WholeNumber(spec, "bytes"));
  TRIPTYCH_ASSIGN(const int64_t banks, WholeNumber(spec, "banks"));
  const double rate =
      std::min(p.noc_bytes_per_cycle, static_cast<double>(std::min(n, banks)) *
                                          p.dram_bank_bytes_per_cycle);
  const double cycles =
      Queue(p.dram_latency_cycles, static_cast<double>(n), p.dram_issue_cycles,
            static_cast<double>(bytes), rate);
  return Prediction{{"cycles", cycles}, {"seconds", cycles / p.clock.value}};
}

Result<int64_t> WholeNumber(const OpSpec& spec, std::string_view key) {
  const std::string_view text = TextOf(spec, key);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end && value >= 1 &&
      value <= int64_t{1} << 31) {
    return value;
  }
  return NotAllowed(key, text,
                    fmt::format("a whole number 1..{}", int64_t{1} << 31));
}

std::string_view TextOf(const OpSpec& spec, std::string_view key) {
  const auto found = spec.find(key);
  return found == spec.end() ? std::string_view() : found->second;
}

}  // namespace triptych::mesh
