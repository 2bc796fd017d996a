// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/tile_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

using mesh::tile::Agent;
using mesh::tile::Chip;
using mesh::tile::CoreReport;
using mesh::tile::EngineStats;
using mesh::tile::kBabyCores;
using mesh::tile::kWaits;
using mesh::tile::RunReport;
using mesh::tile::TileReport;
using mesh::tile::Wait;
using nlohmann::json;

// Of the critical path, the latest so many segments are listed.
constexpr size_t kSegments = 200;

std::string NameOfCore(size_t core) {
  return std::string(
      mesh::riscv::NameOf(static_cast<mesh::riscv::BabyCore>(core)));
}

json CoreJson(const TileReport& tile, size_t core) {
  const CoreReport& r = tile.cores[core];
  json stalls = {{"operand", r.pipeline.wait_cycles - r.pipeline.memory_cycles},
                 {"memory", r.pipeline.memory_cycles},
                 {"fetch", r.pipeline.fetch_cycles},
                 {"branch", r.pipeline.branch_cycles}};
  for (size_t w = 0; w < kWaits; ++w) {
    stalls[std::string(NameOf(static_cast<Wait>(w)))] = r.waits[w];
  }
  return {{"tile", {tile.at.col, tile.at.row}},
          {"core", NameOfCore(core)},
          {"cycles", r.cycles},
          {"instructions", r.instructions},
          {"stall_cycles", stalls}};
}

json TileJson(const TileReport& tile, double cycles) {
  const EngineStats& e = tile.engine;
  json nocs = json::array();
  for (const auto& noc : tile.nocs) {
    nocs.push_back(
        {{"reads", noc.reads},
         {"read_bytes", noc.read_bytes},
         {"writes", noc.writes},
         {"written_bytes", noc.written_bytes},
         {"bytes_per_cycle",
          static_cast<double>(noc.read_bytes + noc.written_bytes) / cycles}});
  }
  return {{"tile", {tile.at.col, tile.at.row}},
          {"busy_cycles",
           {{"unpack", e.unpack},
            {"fpu", e.fpu},
            {"sfpu", e.sfpu},
            {"pack", e.pack}}},
          {"wait_cycles",
           {{"unpack_for_source_registers", e.wait_source},
            {"math_for_operands", e.wait_operand},
            {"math_for_dst", e.wait_dst},
            {"pack_for_dst", e.wait_packable}}},
          {"tile_products", e.products},
          {"unpacked_bytes", e.unpacked_bytes},
          {"packed_bytes", e.packed_bytes},
          {"noc", nocs}};
}

json PathJson(const Chip& chip, const RunReport& report) {
  json by = json::object(), segments = json::array();
  for (const auto& [what, cycles] : report.path.cycles) by[what] = cycles;
  for (const auto& s : report.path.segments) {
    if (segments.size() == kSegments) break;
    const auto at = chip.floorplan().CoordinatesOf(s.tile);
    segments.push_back({{"tile", {at.col, at.row}},
                        {"what", s.what},
                        {"begin", s.begin},
                        {"end", s.end}});
  }
  return {{"cycles", by},
          {"segments", report.path.segments.size()},
          {"latest_segments", segments}};
}

// Sums over all tiles, of one core and stall.
std::string StallText(const json& report) {
  std::map<std::string, std::map<std::string, double>> sums;
  std::map<std::string, double> instructions, cycles, last;
  for (const json& core : report["cores"]) {
    const std::string name = core["core"];
    instructions[name] += core["instructions"].get<double>();
    cycles[name] += core["cycles"].get<double>();
    last[name] = std::max(last[name], core["cycles"].get<double>());
    for (const auto& [stall, n] : core["stall_cycles"].items()) {
      sums[name][stall] += n.get<double>();
    }
  }
  Table table({"core", "ends at", "instructions", "waits, of its cycles"});
  for (const auto& [name, stalls] : sums) {
    std::vector<std::pair<double, std::string>> most;
    for (const auto& [stall, n] : stalls) most.emplace_back(-n, stall);
    std::ranges::sort(most);
    std::string text;
    for (const auto& [n, stall] : most) {
      const double part = -n / std::max(cycles[name], 1.0);
      if (part < 0.005) break;
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", stall,
                          Percent(part));
    }
    table.Add({name, fmt::format("{:.0f}", last[name]),
               fmt::format("{:.0f}", instructions[name]), text});
  }
  return table.Text();
}

std::string UnitText(const json& report) {
  const double cycles = std::max(report["cycles"].get<double>(), 1.0);
  const auto tiles = static_cast<double>(report["tiles"].size());
  Table table({"unit", "busy, mean", "busy, most"});
  for (const char* unit : {"unpack", "fpu", "sfpu", "pack"}) {
    double sum = 0, most = 0;
    for (const json& tile : report["tiles"]) {
      const double busy = tile["busy_cycles"][unit];
      sum += busy;
      most = std::max(most, busy);
    }
    table.Add({unit, Percent(sum / tiles / cycles), Percent(most / cycles)});
  }
  return table.Text();
}

}  // namespace

json TileReportJson(const Chip& chip, const RunReport& report) {
  const double clock = chip.config().params.clock.value;
  const auto cycles = static_cast<double>(std::max<uint64_t>(report.cycles, 1));
  json cores = json::array(), tiles = json::array();
  for (const TileReport& tile : report.tiles) {
    for (size_t c = 0; c < kBabyCores; ++c) cores.push_back(CoreJson(tile, c));
    tiles.push_back(TileJson(tile, cycles));
  }
  json result = {{"grid", {chip.floorplan().cols(), chip.floorplan().rows()}},
                 {"cycles", report.cycles},
                 {"seconds", static_cast<double>(report.cycles) / clock},
                 {"instructions", report.instructions},
                 {"timing_only", chip.config().timing_only},
                 {"transfers", report.transfers},
                 {"dram_read_bytes", report.dram_read_bytes},
                 {"dram_written_bytes", report.dram_written_bytes},
                 {"cores", cores},
                 {"tiles", tiles}};
  if (chip.config().keep_history) {
    result["critical_path"] = PathJson(chip, report);
    result["history_left_out"] = report.history_left_out;
  }
  return result;
}

std::string TileReportText(const json& report) {
  const double cycles = std::max(report["cycles"].get<double>(), 1.0);
  std::string text = fmt::format(
      "{} cycles ({}), {} instructions, {} transfers, DRAM {} read, {} "
      "written\nemulated in {:.3f} s: {} cycles a second\n\n{}\n{}",
      report["cycles"].get<uint64_t>(),
      Si(report["seconds"].get<double>(), "s"),
      report["instructions"].get<uint64_t>(),
      report["transfers"].get<uint64_t>(),
      Si(report["dram_read_bytes"].get<double>(), "B"),
      Si(report["dram_written_bytes"].get<double>(), "B"),
      report["host_wall_s"].get<double>(),
      Si(report["cycles_per_host_s"].get<double>(), ""), StallText(report),
      UnitText(report));
  if (!report.contains("critical_path")) return text;
  if (const uint64_t n = report["history_left_out"]; n > 0) {
    text += fmt::format(
        "\n{} waits and marks are more than is kept: a timeline ends early{}\n",
        n,
        report["critical_path"]["cycles"].empty()
            ? ", and there is no critical path"
            : "");
  }
  if (report["critical_path"]["cycles"].empty()) return text;
  Table table({"critical path", "cycles", "of all"});
  std::vector<std::pair<double, std::string>> most;
  for (const auto& [what, n] : report["critical_path"]["cycles"].items()) {
    most.emplace_back(-n.get<double>(), what);
  }
  std::ranges::sort(most);
  for (const auto& [n, what] : most) {
    table.Add({what, fmt::format("{:.0f}", -n), Percent(-n / cycles)});
  }
  return text + "\n" + table.Text();
}

void WriteTileTrace(const Chip& chip, std::ostream& out) {
  const double us = 1e6 / chip.config().params.clock.value;
  bool first = true;
  const auto write = [&](const json& event) {
    out << (first ? "\n" : ",\n") << event.dump();
    first = false;
  };
  const auto name = [&](const char* what, size_t pid, size_t tid,
                        const std::string& text) {
    write({{"ph", "M"},
           {"pid", pid},
           {"tid", tid},
           {"name", what},
           {"args", {{"name", text}}}});
  };
  const auto slice = [&](size_t pid, size_t tid, std::string_view what,
                         double begin, double end) {
    write({{"ph", "X"},
           {"pid", pid},
           {"tid", tid},
           {"name", what},
           {"ts", begin * us},
           {"dur", (end - begin) * us}});
  };
  out << R"({"displayTimeUnit":"ns","traceEvents":[)";
  for (size_t i = 0; i < chip.tiles(); ++i) {
    const mesh::tile::Tile& tile = chip.tile(i);
    name("process_name", i, 0, tile.name());
    for (size_t a = 0; a < mesh::tile::kAgents; ++a) {
      name("thread_name", i, a,
           std::string(mesh::tile::NameOfAgent(static_cast<Agent>(a))));
    }
    for (const auto& span : tile.spans().entries()) {
      slice(i, span.core, NameOf(span.wait), static_cast<double>(span.begin),
            static_cast<double>(span.end));
    }
    for (const auto& span : tile.engine().spans().entries()) {
      slice(i, AgentOf(span.thread), mesh::tile::NameOfOp(span.op), span.begin,
            span.end);
    }
    for (const auto& mark : tile.marks().entries()) {
      write({{"ph", "i"},
             {"s", "t"},
             {"pid", i},
             {"tid", mark.core},
             {"name", fmt::format("mark {}", mark.value & 0x3fffffff)},
             {"ts", static_cast<double>(mark.cycle) * us}});
    }
  }
  out << "\n]}\n";
}

}  // namespace triptych::cli
