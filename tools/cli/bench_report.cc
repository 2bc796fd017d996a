// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/shapes.h"
#include "bench/statistics.h"
#include "tools/cli/table.h"
#include "tools/report/assets.h"
#include "tools/report/charts/roofline.h"
#include "tools/report/page.h"

namespace triptych::cli {
namespace {

using bench::Outcome;
using bench::PeerOutcome;

// The f32 multiply-adds after the run against those before it; and how far a
// bandwidth may move while what it bounds still means something.
constexpr double kSamePeak = 0.97, kSameBandwidth = 0.05;

std::string JobName(const BenchJob& job) {
  return fmt::format("{}/{}", job.variant.op, job.variant.name);
}

std::string Giga(double rate) {
  return fmt::format("{:.{}f}", rate * 1e-9, rate < 10e9 ? 2 : 1);
}

// "0.98" of the best times; with a question mark if it counts as 1.
std::string RatioCell(const bench::Ratio& ratio) {
  return fmt::format("{:.3f}{}", ratio.of_best, ratio.decided() ? "" : "?");
}

std::string StateText(const bench::Calibration& c) {
  return fmt::format(
      "{:.1f} GFLOP/s of f32 multiply-adds, {:.1f} % in the median, with "
      "{:.0f} % of the core",
      c.best.value * 1e-9, 100 * c.steadiness, 100 * c.share);
}

std::string MachineText(const BenchRun& run) {
  return fmt::format(
      "{}, {:.2f} GHz, {}, {}; load {:.2f}; {} thread{}, {} operands\n"
      "before: {}\nafter: {}\n{}",
      run.machine.cpu, run.machine.clock.value * 1e-9, run.machine.simd_target,
      run.machine.compiler, run.machine.load, run.conditions.threads,
      run.conditions.threads == 1 ? "" : "s",
      run.conditions.cold ? "cold" : "hot", StateText(run.before),
      StateText(run.after),
      run.Steady() ? ""
                   : "NOT STEADY: these figures are no measurement, least of "
                     "all those of calls that take milliseconds\n");
}

std::string RecheckText(const BenchRun& run) {
  std::string text;
  for (const bench::Recheck& r : run.rechecks) {
    const double change = r.after / r.before - 1;
    text += fmt::format(
        "{}, {}: {} GB/s before, {} after{}\n", r.level,
        Si(static_cast<double>(r.set.value), "B"), Giga(r.before.value),
        Giga(r.after.value),
        std::abs(change) > kSameBandwidth
            ? ": what it bounds is no measurement of this machine alone"
            : "");
  }
  return text;
}

void AddRows(const BenchJob& job, const Outcome& o, Table& table) {
  std::vector<std::string> row = {ShapeName(job.variant, o.shape.shape)};
  if (!o.problem.empty()) {
    row.resize(10);
    row[6] = o.problem;
    table.Add(row);
    return;
  }
  row.push_back(Giga(o.rates.flops_per_second));
  row.push_back(Giga(o.rates.bytes_per_second));
  row.push_back(Percent(o.rates.peak_fraction));
  row.push_back(Percent(o.rates.roof_fraction));
  row.emplace_back(o.ceiling.bound);
  row.resize(10);
  if (o.peers.empty()) table.Add(row);
  for (size_t p = 0; p < o.peers.size(); ++p) {
    const PeerOutcome& peer = o.peers[p];
    row[6] = job.peers[p].peer->name;
    if (peer.problem.empty()) {
      row[7] =
          Giga(static_cast<double>(o.work.flops.value) / peer.times.best_s);
      row[8] = RatioCell(peer.ratio);
      row[9] = fmt::format("[{:.3f}, {:.3f}]", peer.ratio.low, peer.ratio.high);
    } else {
      row[7] = row[8] = row[9] = "-";
      row[6] += ": " + peer.problem;
    }
    table.Add(row);
    std::fill(row.begin(), row.begin() + 6, "");
  }
}

// The names of the lists of shapes, in order.
std::vector<std::string_view> ListsOf(const BenchJob& job) {
  std::vector<std::string_view> lists;
  for (const Outcome& o : job.outcomes) {
    if (std::ranges::find(lists, o.shape.list) == lists.end()) {
      lists.push_back(o.shape.list);
    }
  }
  return lists;
}

// "onednn, square: 0.98 (geometric mean of 6), worst 0.90 at m=64 ..."
std::string SummaryText(const BenchJob& job, size_t peer,
                        std::string_view list) {
  std::vector<bench::Ratio> ratios;
  std::vector<const Outcome*> outcomes;
  for (const Outcome& o : job.outcomes) {
    if (o.shape.list != list || !o.problem.empty() ||
        !o.peers[peer].problem.empty()) {
      continue;
    }
    ratios.push_back(o.peers[peer].ratio);
    outcomes.push_back(&o);
  }
  if (ratios.empty()) return "";
  const bench::Summary summary = bench::SummaryOf(ratios);
  return fmt::format(
      "{}/{}{}: {:.3f} (geometric mean of {}{}), worst {:.3f} at {}\n",
      job.peers[peer].peer->name, JobName(job),
      list.empty() ? "" : fmt::format(", {}", list), summary.geometric_mean,
      ratios.size(),
      summary.undecided == 0
          ? ""
          : fmt::format(", {} undecided counted as 1", summary.undecided),
      ratios[summary.worst].counted(),
      ShapeName(job.variant, outcomes[summary.worst]->shape.shape));
}

std::string JobText(const BenchJob& job) {
  std::string text = fmt::format("\n{}: ours{}\n", JobName(job),
                                 job.variant.dims == bench::kProductSizes
                                     ? ", weights packed before"
                                     : "");
  for (const bench::OpenPeer& peer : job.peers) {
    text += fmt::format("  {}: {}; {}\n", peer.peer->name,
                        peer.library->version(), peer.product.region);
  }
  Table table({"shape", "GFLOP/s", "GB/s", "of peak", "of roof", "bound by",
               "peer", "GFLOP/s", "ratio", "95 % of pairs"});
  for (const Outcome& o : job.outcomes) AddRows(job, o, table);
  text += table.Text();
  for (size_t p = 0; p < job.peers.size(); ++p) {
    for (const std::string_view list : ListsOf(job)) {
      text += SummaryText(job, p, list);
    }
  }
  return text;
}

nlohmann::json MachineJson(const BenchRun& run) {
  return {{"cpu", run.machine.cpu},
          {"clock_hz", run.machine.clock.value},
          {"simd_target", run.machine.simd_target},
          {"compiler", run.machine.compiler},
          {"load", run.machine.load},
          {"f32_flops_before", run.before.best.value},
          {"f32_flops_after", run.after.best.value},
          {"steadiness", std::min(run.before.steadiness, run.after.steadiness)},
          {"share_of_core", std::min(run.before.share, run.after.share)},
          {"steady", run.Steady()}};
}

nlohmann::json ShapeJson(const BenchRun& run, const BenchJob& job,
                         const Outcome& o) {
  nlohmann::json row = {{"op", job.variant.op},
                        {"variant", job.variant.name},
                        {"dtype", bench::ProductName(job.variant.arithmetic)},
                        {"shapes", o.shape.list},
                        {"threads", run.conditions.threads},
                        {"cold", run.conditions.cold},
                        {"problem", o.problem},
                        {"gflops", o.rates.flops_per_second * 1e-9},
                        {"gb_per_s", o.rates.bytes_per_second * 1e-9},
                        {"peak_fraction", o.rates.peak_fraction},
                        {"roof_fraction", o.rates.roof_fraction},
                        {"bound", o.ceiling.bound},
                        {"level", o.ceiling.level},
                        {"peak_gflops", o.ceiling.peak.value * 1e-9},
                        {"level_gb_per_s", o.ceiling.bandwidth.value * 1e-9},
                        {"best_s", o.times.best_s},
                        {"median_s", o.times.median_s},
                        {"rounds", o.rounds}};
  std::istringstream names{std::string(job.variant.dims)};
  std::string name;
  for (const size_t size : o.shape.shape) {
    names >> name;
    row[name] = size;
  }
  return row;
}

// Without a peer, the same keys and nothing in them.
void AddPeer(const BenchJob& job, const Outcome& o, size_t p,
             nlohmann::json& row) {
  for (const char* key :
       {"peer", "peer_version", "peer_region", "peer_gflops", "peer_best_s",
        "peer_median_s", "ratio", "ratio_of_pairs", "ratio_low", "ratio_high",
        "ratio_decided"}) {
    row[key] = nullptr;
  }
  if (p >= o.peers.size()) return;
  const PeerOutcome& peer = o.peers[p];
  row["peer"] = job.peers[p].peer->name;
  row["peer_version"] = job.peers[p].library->version();
  row["peer_region"] = job.peers[p].product.region;
  if (o.problem.empty()) row["problem"] = peer.problem;
  if (!o.problem.empty() || !peer.problem.empty()) return;
  row["peer_gflops"] =
      static_cast<double>(o.work.flops.value) / peer.times.best_s * 1e-9;
  row["peer_best_s"] = peer.times.best_s;
  row["peer_median_s"] = peer.times.median_s;
  row["ratio"] = peer.ratio.of_best;
  row["ratio_of_pairs"] = peer.ratio.of_pairs;
  row["ratio_low"] = peer.ratio.low;
  row["ratio_high"] = peer.ratio.high;
  row["ratio_decided"] = peer.ratio.decided();
}

// The roof of an arithmetic, a level and what is written; added if it is not
// there.
size_t RoofIndex(const BenchJob& job, const bench::Ceiling& ceiling,
                 report::RooflineChart& chart) {
  const StreamMix mix = ceiling.mix;
  const std::string name = fmt::format(
      "{}, {}{}", InfoOf(job.variant.arithmetic).name, ceiling.level,
      mix.writes == 0
          ? ""
          : fmt::format(", {} read : {} written", mix.reads, mix.writes));
  const auto at = std::ranges::find(chart.roofs, name, &report::Roof::name);
  if (at != chart.roofs.end()) {
    return static_cast<size_t>(at - chart.roofs.begin());
  }
  chart.roofs.push_back({name, ceiling.peak.value, ceiling.bandwidth.value});
  return chart.roofs.size() - 1;
}

void AddPoint(const BenchJob& job, const Outcome& o, bool name_job,
              report::RooflineChart& chart) {
  if (!o.problem.empty() || o.work.flops.value == 0) return;
  std::string name = ShapeName(job.variant, o.shape.shape);
  if (name_job) name = JobName(job) + " " + name;
  std::string note = fmt::format("bound by {}", o.ceiling.bound);
  for (size_t p = 0; p < o.peers.size(); ++p) {
    if (!o.peers[p].problem.empty()) continue;
    note += fmt::format("; {} of {}", RatioCell(o.peers[p].ratio),
                        job.peers[p].peer->name);
  }
  chart.points.push_back({std::move(name),
                          static_cast<double>(o.work.flops.value) /
                              static_cast<double>(o.work.bytes.value),
                          o.rates.flops_per_second,
                          RoofIndex(job, o.ceiling, chart), std::move(note)});
}

}  // namespace

bool BenchRun::Steady() const {
  const double change = after.best / before.best;
  return before.steady() && after.steady() && change >= kSamePeak &&
         change <= 1 / kSamePeak;
}

bool BenchRun::Right() const {
  for (const BenchJob& job : jobs) {
    for (const Outcome& o : job.outcomes) {
      if (!o.problem.empty()) return false;
      for (const PeerOutcome& peer : o.peers) {
        if (!peer.problem.empty()) return false;
      }
    }
  }
  return true;
}

std::string TextOf(const BenchRun& run) {
  std::string text = MachineText(run) + RecheckText(run);
  for (const BenchJob& job : run.jobs) text += JobText(job);
  return text;
}

nlohmann::json ToJson(const BenchRun& run) {
  nlohmann::json rows = nlohmann::json::array();
  const nlohmann::json machine = MachineJson(run);
  for (const BenchJob& job : run.jobs) {
    for (const Outcome& o : job.outcomes) {
      for (size_t p = 0; p < std::max<size_t>(o.peers.size(), 1); ++p) {
        nlohmann::json row = ShapeJson(run, job, o);
        AddPeer(job, o, p, row);
        row["machine"] = machine;
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

std::string RooflineSvg(const BenchRun& run) {
  report::RooflineChart chart;
  chart.title = "Kernels under the roof of this machine";
  chart.description = fmt::format(
      "{}, {} thread{}; a roof for each arithmetic and each level of memory "
      "that holds a point's operands, all measured in one process",
      run.machine.cpu, run.conditions.threads,
      run.conditions.threads == 1 ? "" : "s");
  chart.x = {"operations a byte of operands", "FLOP/B", true};
  chart.y = {"operations a second", "FLOP/s", true};
  for (const BenchJob& job : run.jobs) {
    for (const Outcome& o : job.outcomes) {
      AddPoint(job, o, run.jobs.size() > 1, chart);
    }
  }
  return chart.Draw("bench").Standalone(
      chart.title, chart.description,
      report::ResolveColours(report::kChartCss, report::kLightCss));
}

}  // namespace triptych::cli
