// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/accuracy_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

using nlohmann::json;

std::string Value(const MeanError& m) {
  return fmt::format("{:.3e} +- {:.0e}", m.mean, m.stderr_of_mean);
}

// 95 % of what other seeds would give, or why there is no such thing.
std::string BySeed(const ScoredTarget& scored) {
  if (scored.deterministic) return "none: no noise";
  if (scored.kl_by_seed.count < 2) return "";
  return fmt::format("+- {:.1e} ({} seeds)", scored.kl_by_seed.HalfWidth(),
                     scored.kl_by_seed.count);
}

std::string Scores(const std::vector<ScoredTarget>& all) {
  bool seeds = false;
  for (const ScoredTarget& scored : all) seeds |= !BySeed(scored).empty();
  std::vector<std::string> header = {
      "target",        "predictions", "NLL nats/token", "perplexity",
      "KL nats/token", "top-1",       "class"};
  if (seeds) header.emplace_back("KL by seed, 95 %");
  Table table(header);
  for (const ScoredTarget& scored : all) {
    const Accuracy& a = scored.accuracy;
    std::vector<std::string> row = {
        scored.Label(),
        std::to_string(a.predictions),
        fmt::format("{:.6f} +- {:.3f}", a.nll_nats_per_token, a.nll_stderr),
        fmt::format("{:.4f}", a.perplexity),
        fmt::format("{:.3e} +- {:.0e}", a.kl_nats_per_token, a.kl_stderr),
        Percent(a.top1_agreement),
        std::string(a.accuracy_class)};
    if (seeds) row.push_back(BySeed(scored));
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string Operators(const ScoredTarget& scored) {
  Table table({"operator", "op", "nodes", "own rms", "own mean", "own max",
               "propagated rms", "max"});
  const std::vector<OpError> own = AcrossLayers(scored.own);
  const std::vector<OpError> all = AcrossLayers(scored.propagated);
  for (size_t i = 0; i < own.size(); ++i) {
    table.Add({own[i].name, own[i].op, std::to_string(own[i].nodes),
               fmt::format("{:.2e}", own[i].rms()),
               fmt::format("{:.2e}", own[i].mean_abs),
               fmt::format("{:.2e}", own[i].max_abs),
               fmt::format("{:.2e}", all[i].rms()),
               fmt::format("{:.2e}", all[i].max_abs)});
  }
  return fmt::format(
      "\n{}, errors by operator, over the rms of its outputs; own: with the "
      "reference's inputs:\n{}",
      scored.Label(), table.Text());
}

void AddRows(const std::vector<Attributed>& all, Table& table) {
  for (const Attributed& a : all) {
    table.Add(
        {a.name, a.op, std::to_string(a.nodes), Value(a.alone), Value(a.gain)});
  }
}

std::string Attributions(const ScoredTarget& scored) {
  const Attribution& report = *scored.attribution;
  Table table({"operator", "op", "nodes", "KL alone on the target",
               "KL less if on the host"});
  AddRows(report.operators, table);
  AddRows(report.layers, table);
  return fmt::format(
      "\n{}, KL by operator (all on the target {}, all on the host {}):\n{}",
      scored.Label(), Value(report.all), Value(report.none), table.Text());
}

json ErrorJson(const OpError& e) {
  return {{"outputs", e.outputs},
          {"rms", e.rms()},
          {"mean_square", e.mean_square},
          {"mean_square_stderr", e.mean_square_stderr},
          {"mean_abs", e.mean_abs},
          {"max_abs", e.max_abs}};
}

json OperatorsJson(const ScoredTarget& scored) {
  json rows = json::array();
  for (size_t i = 0; i < scored.own.size(); ++i) {
    const OpError& own = scored.own[i];
    rows.push_back({{"name", own.name},
                    {"op", own.op},
                    {"layer", own.layer},
                    {"own", ErrorJson(own)},
                    {"propagated", ErrorJson(scored.propagated[i])}});
  }
  return rows;
}

json AttributedJson(const std::vector<Attributed>& all) {
  json rows = json::array();
  for (const Attributed& a : all) {
    rows.push_back({{"name", a.name},
                    {"op", a.op},
                    {"layer", a.layer},
                    {"nodes", a.nodes},
                    {"kl_alone", a.alone.mean},
                    {"kl_alone_stderr", a.alone.stderr_of_mean},
                    {"kl_gain_on_host", a.gain.mean},
                    {"kl_gain_on_host_stderr", a.gain.stderr_of_mean}});
  }
  return rows;
}

}  // namespace

std::string TextOf(const std::vector<ScoredTarget>& all) {
  std::string text = Scores(all);
  for (const ScoredTarget& scored : all) {
    if (!scored.own.empty()) text += Operators(scored);
    if (scored.attribution) text += Attributions(scored);
  }
  return text;
}

json ToJson(const ScoredTarget& scored) {
  const Accuracy& a = scored.accuracy;
  json row = {{"target", scored.target},
              {"preset", scored.preset},
              {"nll_nats_per_token", a.nll_nats_per_token},
              {"nll_stderr", a.nll_stderr},
              {"reference_nll_nats_per_token", a.reference_nll_nats_per_token},
              {"perplexity", a.perplexity},
              {"kl_nats_per_token", a.kl_nats_per_token},
              {"kl_stderr", a.kl_stderr},
              {"kl_max", a.kl_max},
              {"top1_agreement", a.top1_agreement},
              {"predictions", a.predictions},
              {"class", a.accuracy_class}};
  if (scored.kl_by_seed.count > 1) {
    row["seeds"] = scored.kl_by_seed.count;
    row["deterministic"] = scored.deterministic;
    row["kl_half_width_95_by_seed"] = scored.kl_by_seed.HalfWidth();
    row["nll_half_width_95_by_seed"] = scored.nll_by_seed.HalfWidth();
  }
  if (!scored.own.empty()) row["operators"] = OperatorsJson(scored);
  if (scored.attribution) {
    const Attribution& report = *scored.attribution;
    row["attribution"] = {{"kl_all_on_target", report.all.mean},
                          {"kl_all_on_host", report.none.mean},
                          {"operators", AttributedJson(report.operators)},
                          {"layers", AttributedJson(report.layers)}};
  }
  return row;
}

}  // namespace triptych::cli
