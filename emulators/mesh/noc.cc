// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/noc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace triptych::mesh {
namespace {

std::unexpected<Error> NotAllowed(std::string_view key, std::string_view text,
                                  std::string_view allowed) {
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: \"{}\" is not allowed; allowed {}", key, text, allowed));
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
