// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/mesh/network/machine.h"
#include "emulators/mesh/network/noc_trace.h"
#include "emulators/mesh/noc.h"

namespace triptych::mesh {
namespace {

std::unexpected<Error> NotAllowed(std::string_view key, std::string_view text,
                                  std::string_view allowed) {
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: \"{}\" is not allowed; allowed {}", key, text, allowed));
}

// The core that has the NoC to itself stands at the second router of row and
// column; only whether the others share its row or column matters.
constexpr Place kCore = {1, 1};

Prediction Cycles(const Params& p, double cycles) {
  return {{"cycles", cycles}, {"seconds", cycles / p.clock.value}};
}

// Cycles of one core that does this on NoC 0 and waits for the end.
double RunAlone(const Params& p, std::vector<CoreOp> ops) {
  CoreProgram program;
  program.core = kCore;
  // The first issue, like the barrier, is in the measured round trip.
  if (!ops.empty()) ops.front().cost = 0;
  program.ops = std::move(ops);
  return RunPrograms(MachineConfigOf(p), {&program, 1}).front();
}

std::vector<CoreOp> Repeat(CoreOp op, int64_t times) {
  return std::vector<CoreOp>(static_cast<size_t>(times), op);
}

// A torus on which the core, others off its axes, and the banks have a place.
Status CheckTorus(const Params& p) {
  for (const auto& [key, routers] :
       {std::pair("noc.cols", p.noc_cols), {"noc.rows", p.noc_rows}}) {
    if (routers < 3) {
      return NotAllowed(key, fmt::format("{}", routers), "from 3");
    }
  }
  for (const auto& [key, col] : {std::pair("dram.left_col", p.dram_left_col),
                                 {"dram.right_col", p.dram_right_col}}) {
    if (col >= p.noc_cols) {
      return NotAllowed(key, fmt::format("{}", col), "less than noc.cols");
    }
  }
  return {};
}

// What a row says of one core's transfers.
struct Row {
  int64_t transactions = 1, bytes = 1;
  bool stateful = false;
};

// Transactions, above which a run would take minutes, and bytes of each.
constexpr int64_t kMostTransactions = 1 << 16;
constexpr int64_t kMostPackets = 1 << 20;

Result<Row> RowOf(const Params& p, const OpSpec& spec) {
  TRIPTYCH_TRY(CheckTorus(p));
  Row row;
  TRIPTYCH_ASSIGN(row.transactions, WholeNumber(spec, "transactions"));
  TRIPTYCH_ASSIGN(row.bytes, WholeNumber(spec, "bytes"));
  row.stateful = TextOf(spec, "stateful") == "1";
  const int64_t packets =
      row.transactions * CeilDiv(row.bytes, p.noc_packet_bytes);
  if (row.transactions > kMostTransactions || packets > kMostPackets) {
    return NotAllowed("transactions", TextOf(spec, "transactions"),
                      fmt::format("up to {}, in up to {} packets",
                                  kMostTransactions, kMostPackets));
  }
  return row;
}

Result<std::vector<CoreOp>> Single(const Params& p, const OpSpec& spec,
                                   const Row& row) {
  const std::string_view op = TextOf(spec, "op");
  const std::string_view path = TextOf(spec, "path");
  const bool read = op == "read", dram = TextOf(spec, "memory") == "dram";
  CoreOp one;
  one.bytes = row.bytes;
  one.kind = read ? CoreOp::Kind::kRead : CoreOp::Kind::kWrite;
  one.cost = read ? p.noc_read_issue_cycles : p.noc_write_issue_cycles;
  if (row.stateful) {
    one.cost = read ? p.noc_stateful_read_cycles : p.noc_stateful_write_cycles;
  }
  one.place = {kCore.x + 1, kCore.y + 1};
  if (dram) {
    if (!read) return NotAllowed("op", op, "read for memory = dram");
    one.cost = p.dram_bank_issue_cycles;
    one.place.x = static_cast<int32_t>(p.dram_left_col);
  } else if (path == "axis") {
    one.place.x = kCore.x;
  } else if (path != "diagonal") {
    return NotAllowed("path", path, "axis, diagonal");
  }
  one.packet_cost = one.cost;
  return Repeat(one, row.transactions);
}

// Worker tiles, row by row, in other rows and columns than the core.
std::vector<Place> Workers(const MachineConfig& config, int64_t count) {
  std::vector<Place> places;
  for (int32_t y = kCore.y + 1; y < config.rows; ++y) {
    for (int32_t x = kCore.x + 1; x < config.cols; ++x) {
      const Place place = {x, y};
      if (config.IsDram(place)) continue;
      places.push_back(place);
      if (std::ssize(places) == count) return places;
    }
  }
  return places;
}

// All of a destination's writes, then the next one's.
Result<std::vector<CoreOp>> Scatter(const Params& p, const OpSpec& spec,
                                    const Row& row) {
  TRIPTYCH_ASSIGN(const int64_t count, WholeNumber(spec, "destinations"));
  const auto places = Workers(MachineConfigOf(p), count);
  if (std::ssize(places) != count || count > row.transactions) {
    return NotAllowed(
        "destinations", TextOf(spec, "destinations"),
        fmt::format("up to {}, and to the transactions", places.size()));
  }
  std::vector<CoreOp> ops;
  int64_t left = row.transactions;
  for (int64_t i = 0; i < count; ++i) {
    CoreOp one;
    one.kind = CoreOp::Kind::kWrite;
    one.place = places[static_cast<size_t>(i)];
    one.bytes = row.bytes;
    one.cost = p.noc_scatter_issue_cycles;
    one.packet_cost = p.noc_write_issue_cycles;
    const int64_t mine = left / (count - i);
    for (int64_t k = 0; k < mine; ++k) {
      ops.push_back(one);
      one.cost = p.noc_write_issue_cycles;
    }
    left -= mine;
  }
  return ops;
}

// To the tiles below the core in its column, itself the first if it is one of
// the receivers; else to a column beside it.
Result<std::vector<CoreOp>> Column(const Params& p, const OpSpec& spec,
                                   const Row& row) {
  TRIPTYCH_ASSIGN(const int64_t count, WholeNumber(spec, "destinations"));
  if (count >= p.noc_rows) {
    return NotAllowed("destinations", TextOf(spec, "destinations"),
                      fmt::format("up to {}", p.noc_rows - 1));
  }
  const std::string_view loopback = TextOf(spec, "loopback");
  if (loopback != "0" && loopback != "1") {
    return NotAllowed("loopback", loopback, "0, 1");
  }
  CoreOp one;
  one.kind = CoreOp::Kind::kMulticast;
  one.bytes = row.bytes;
  one.place = {loopback == "1" ? kCore.x : kCore.x + 1, kCore.y};
  one.last = {one.place.x, kCore.y + static_cast<int32_t>(count) - 1};
  one.cost = one.packet_cost = p.noc_write_issue_cycles;
  return Repeat(one, row.transactions);
}

// Where banks stand: half of them down each of DRAM's columns.
Place BankPlace(const Params& p, int64_t bank) {
  const int64_t left = (p.dram_banks + 1) / 2;
  const int64_t col = bank < left ? p.dram_left_col : p.dram_right_col;
  // Below the row of kCore: that row would be the shorter way of an axis.
  const int64_t first = std::min<int64_t>(kCore.y + 1, p.noc_rows - 1);
  const int64_t row =
      first + (bank < left ? bank : bank - left) * (p.noc_rows - first) / left;
  return {static_cast<int32_t>(col), static_cast<int32_t>(row)};
}

}  // namespace

Result<Prediction> PredictNocLatency(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const Row row, RowOf(p, spec));
  const std::string_view op = TextOf(spec, "op");
  std::vector<CoreOp> ops;
  if (op == "read" || op == "write") {
    TRIPTYCH_ASSIGN(ops, Single(p, spec, row));
  } else if (op == "unicast_1_to_n") {
    TRIPTYCH_ASSIGN(ops, Scatter(p, spec, row));
  } else if (op == "multicast_column") {
    TRIPTYCH_ASSIGN(ops, Column(p, spec, row));
  } else {
    return NotAllowed("op", op,
                      "read, write, unicast_1_to_n, multicast_column");
  }
  return Cycles(p, RunAlone(p, std::move(ops)));
}

Result<Prediction> PredictDramLatency(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const Row row, RowOf(p, spec));
  TRIPTYCH_ASSIGN(const int64_t banks, WholeNumber(spec, "banks"));
  if (banks > p.dram_banks) {
    return NotAllowed("banks", TextOf(spec, "banks"),
                      fmt::format("up to {}", p.dram_banks));
  }
  std::vector<CoreOp> ops;
  for (int64_t i = 0; i < row.transactions; ++i) {
    CoreOp one;
    one.place = BankPlace(p, i % banks);
    one.bytes = row.bytes;
    one.cost = one.packet_cost = p.dram_issue_cycles;
    ops.push_back(one);
  }
  return Cycles(p, RunAlone(p, std::move(ops)));
}

namespace {

// How readers of a bandwidth case go about it.
struct BandwidthCase {
  std::string_view name;
  int64_t under_way;  // blocks that a reader has asked for and not got
  bool beside;        // readers share a row with their bank
};
constexpr std::array kBandwidthCases = {
    BandwidthCase{"read_microbenchmark_bank_adjacent", 8, true},
    BandwidthCase{"read_barrier_per_block", 1, false},
    BandwidthCase{"read_16k_packets_2_transaction_ids", 2, false},
    BandwidthCase{"read_16k_packets_2_transaction_ids_bank_adjacent", 2, true},
    BandwidthCase{"dram_sharded_decode_matmul", 1, true},
    BandwidthCase{"dram_sharded_decode_matmul_2_to_3_readers", 1, true},
};

Result<BandwidthCase> CaseOf(const OpSpec& spec) {
  const std::string_view text = TextOf(spec, "case");
  std::string names;
  for (const BandwidthCase& row : kBandwidthCases) {
    if (row.name == text) return row;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return NotAllowed("case", text, names);
}

// Blocks that each reader reads: enough that start and end do not matter.
constexpr int64_t kBlocks = 64;

Place ReaderPlace(const Params& p, const BandwidthCase& how, int64_t bank,
                  int64_t reader) {
  const Place place = BankPlace(p, bank);
  const auto offset = static_cast<int32_t>(1 + reader);
  if (how.beside) {
    return {(place.x + offset) % static_cast<int32_t>(p.noc_cols), place.y};
  }
  // One after another along the rows of worker tiles.
  const auto workers = Workers(MachineConfigOf(p), p.cores());
  if (workers.empty()) return kCore;
  return workers[static_cast<size_t>(bank + reader * p.dram_banks) %
                 workers.size()];
}

}  // namespace

Result<Prediction> PredictDramBandwidth(const Params& params,
                                        const OpSpec& spec) {
  Params p = params;
  TRIPTYCH_TRY(CheckTorus(p));
  TRIPTYCH_ASSIGN(const BandwidthCase how, CaseOf(spec));
  int64_t readers = 1, page = p.noc_packet_bytes;
  for (const auto& [key, value] :
       {std::pair("readers_per_bank", &readers), {"page_bytes", &page}}) {
    if (TextOf(spec, key).empty()) continue;
    TRIPTYCH_ASSIGN(*value, WholeNumber(spec, key));
  }
  if (readers * p.dram_banks > p.cores() || page > p.noc_packet_bytes) {
    return NotAllowed("readers_per_bank", TextOf(spec, "readers_per_bank"),
                      "as many as there are tiles, and pages of one packet");
  }
  if (!TextOf(spec, "peak_gb_per_s").empty()) {
    TRIPTYCH_ASSIGN(const int64_t peak, WholeNumber(spec, "peak_gb_per_s"));
    p.dram_gb_per_s = static_cast<double>(peak);
  }
  MachineConfig config = MachineConfigOf(p);
  // A stream spreads over all channels of a bank, unlike repeated reads of
  // one place, which dram.bank_bytes_per_cycle is of.
  config.dram_rate = config.bank_rate;
  std::vector<CoreProgram> programs;
  for (int64_t i = 0; i < p.dram_banks * readers; ++i) {
    const int64_t bank = i % p.dram_banks;
    CoreProgram program;
    program.core = ReaderPlace(p, how, bank, i / p.dram_banks);
    CoreOp read, wait;
    read.place = BankPlace(p, bank);
    read.bytes = page;
    read.cost = p.dram_issue_cycles;
    wait.kind = CoreOp::Kind::kBarrier;
    wait.under_way = how.under_way - 1;
    for (int64_t block = 0; block < kBlocks; ++block) {
      program.ops.push_back(read);
      program.ops.push_back(wait);
    }
    programs.push_back(std::move(program));
  }
  const double cycles = std::ranges::max(RunPrograms(config, programs));
  const double per_core = static_cast<double>(kBlocks * page) / cycles;
  const double rate = per_core * static_cast<double>(programs.size());
  const double gb_per_s = rate * p.clock.value / 1e9;
  return Prediction{{"gb_per_s", gb_per_s},
                    {"b_per_cycle_per_core", per_core},
                    {"fraction_of_peak_pct", 100 * gb_per_s / p.dram_gb_per_s}};
}

Result<Prediction> PredictNocTrace(const Params& p, const OpSpec& spec) {
  if (p.trace_read_cycles == 0) {
    return MakeError(ErrorCode::kNotFound,
                     "trace.read_cycles: 0, so traces of this machine are not "
                     "predicted; allowed a preset that has it measured");
  }
  const std::string file(TextOf(spec, "file"));
  if (file.empty()) return NotAllowed("file", file, "a trace in JSON");
  std::filesystem::path path =
      std::filesystem::path(TextOf(spec, "table_dir")) / file;
  if (!std::filesystem::exists(path)) {
    const char* shared = std::getenv("TRIPTYCH_SHARED");
    const auto other =
        std::filesystem::path(shared != nullptr ? shared : "../shared") /
        "validation" / "mesh" / file;
    if (std::filesystem::exists(other)) path = other;
  }
  const MachineConfig config = MachineConfigOf(p);
  TRIPTYCH_ASSIGN(const NocTrace trace,
                  LoadNocTrace(path.string(), config.cols, config.rows));
  // The table counts so many cycles less than from first to last event.
  constexpr double kNotCounted = 20;
  const TraceCosts costs = TraceCostsOf(p);
  const auto run = [&](IssueTimes times) {
    return RunNocTrace(config, costs, trace, times) - kNotCounted;
  };
  return Prediction{
      {"cycles", run(IssueTimes::kPredicted)},
      {"cycles@recorded_issue_times", run(IssueTimes::kRecorded)}};
}

Result<Prediction> PredictFabricLatency(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t bytes, WholeNumber(spec, "payload_bytes"));
  TRIPTYCH_ASSIGN(const int64_t hops, WholeNumber(spec, "hops"));
  const std::string_view op = TextOf(spec, "op");
  if (op != "write" && op != "write_atomic") {
    return NotAllowed("op", op, "write, write_atomic");
  }
  const double hop = p.fabric_hop_ns;
  if (hop == 0 || p.fabric_ethernet_gb_per_s == 0) {
    return MakeError(ErrorCode::kNotFound,
                     "fabric.hop_ns: 0, so this machine's fabric is not "
                     "predicted; allowed a preset that has it measured");
  }
  // GB/s are bytes a nanosecond.
  const auto size = static_cast<double>(bytes);
  const double copy = size / (p.noc_bytes_per_cycle * p.clock.value / 1e9);
  double ns = static_cast<double>(hops) *
              (hop + size / p.fabric_ethernet_gb_per_s + copy);
  if (op == "write_atomic") ns += p.fabric_atomic_ns + copy;
  return Prediction{{"ns", ns}, {"seconds", ns * 1e-9}};
}

Result<Prediction> PredictFabricBandwidth(const Params& p, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t bytes, WholeNumber(spec, "packet_bytes"));
  const std::string_view op = TextOf(spec, "op");
  const std::string_view pattern = TextOf(spec, "pattern");
  if (op != "write" && op != "write_atomic" && op != "scatter_write") {
    return NotAllowed("op", op, "write, write_atomic, scatter_write");
  }
  double ns = p.fabric_packet_ns;
  if (ns == 0 || p.fabric_ethernet_gb_per_s == 0) {
    return MakeError(ErrorCode::kNotFound,
                     "fabric.packet_ns: 0, so this machine's fabric is not "
                     "predicted; allowed a preset that has it measured");
  }
  if (op == "write_atomic") {
    ns += pattern.contains("multicast") ? p.fabric_multicast_atomic_ns
                                        : p.fabric_atomic_packet_ns;
  }
  if (pattern.contains("exchange")) ns += p.fabric_exchange_ns;
  const auto size = static_cast<double>(bytes);
  ns = std::max(ns, size / p.fabric_ethernet_gb_per_s);
  return Prediction{{"gb_per_s_per_link", size / ns}};
}

}  // namespace triptych::mesh
