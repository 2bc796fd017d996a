// accuracy: NLL, perplexity, KL and top-1 against the f64 reference, and a
// gate on them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/accuracy.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "kernels/base/parallel.h"
#include "tools/cli/json_output.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

constexpr int kSelfTokensByDefault = 256;

// What a target may lose against its baseline before the gate fails: KL up
// by a tenth (and by more than its own standard error), or a lower class.
constexpr double kKlMargin = 0.10;

Result<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::vector<Segment>> Segments(const Model& model,
                                      const AccuracyOptions& o) {
  const Tokenizer& tokenizer = model.file.tokenizer;
  if (o.text.empty()) {
    const int64_t wanted =
        o.self_tokens > 0 ? o.self_tokens : kSelfTokensByDefault;
    const int32_t bos = tokenizer.empty() ? 1 : tokenizer.special().bos;
    return SelfSegments(
        model.graph, *model.weights, bos,
        std::min(wanted, model.file.config.context - 1), o.seed);
  }
  if (tokenizer.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     o.model + ": has no tokenizer inside; name one with "
                               "--tokenizer");
  }
  TRIPTYCH_ASSIGN(const std::string text, ReadText(o.text));
  return o.protocol == "story" ? StorySegments(text, tokenizer)
                               : ChunkSegments(text, tokenizer, o.context);
}

struct Row {
  std::string name;  // "mesh:blackhole-p150"
  std::string target, preset;
  Accuracy accuracy;
  std::string failure;  // against the baseline; "" is a pass
};

nlohmann::json ToJson(const Row& row) {
  const Accuracy& a = row.accuracy;
  return {{"target", row.target},
          {"preset", row.preset},
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
}

// Compares `row` with its line in the baseline.
std::string Judge(const Row& row, const nlohmann::json& baseline) {
  for (const nlohmann::json& old : baseline.at("results")) {
    if (old.at("target") != row.target || old.at("preset") != row.preset) {
      continue;
    }
    const Accuracy& a = row.accuracy;
    const double before = old.at("kl_nats_per_token");
    const double rise = a.kl_nats_per_token - before;
    if (rise > kKlMargin * before && rise > a.kl_stderr) {
      return fmt::format("KL rose from {:.3e} to {:.3e} nats/token, more than "
                         "{:.0f} % and its standard error {:.1e}",
                         before, a.kl_nats_per_token, 100 * kKlMargin,
                         a.kl_stderr);
    }
    if (old.at("predictions") != a.predictions) {
      return fmt::format("the baseline scored {} predictions, this run {}",
                         old.at("predictions").get<int64_t>(), a.predictions);
    }
    return {};
  }
  return "the baseline has no such target; --accept adds it";
}

Status Gate(const AccuracyOptions& o, std::vector<Row>& rows) {
  if (o.baseline.empty() || o.accept) return {};
  TRIPTYCH_ASSIGN(const std::string text, ReadText(o.baseline));
  const auto baseline = nlohmann::json::parse(text, nullptr, false);
  if (baseline.is_discarded() || !baseline.contains("results")) {
    return MakeError(ErrorCode::kCorrupt,
                     o.baseline + ": is no JSON with \"results\", as "
                                  "accuracy --accept writes it");
  }
  for (Row& row : rows) row.failure = Judge(row, baseline);
  return {};
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

Status WriteJunit(const std::string& path, const std::vector<Row>& rows) {
  if (path.empty()) return {};
  size_t failures = 0;
  std::string cases;
  for (const Row& row : rows) {
    cases += fmt::format("  <testcase classname=\"accuracy\" name=\"{}\">",
                         XmlEscape(row.name));
    if (!row.failure.empty()) {
      ++failures;
      cases += fmt::format("<failure message=\"{}\"/>",
                           XmlEscape(row.failure));
    }
    cases += "</testcase>\n";
  }
  std::ofstream file(path, std::ios::binary);
  file << fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<testsuite name=\"triptych accuracy\" tests=\"{}\" "
                      "failures=\"{}\">\n{}</testsuite>\n",
                      rows.size(), failures, cases);
  file.close();
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be written");
  return {};
}

Result<std::vector<Row>> RunAll(const Model& model, const AccuracyOptions& o) {
  TRIPTYCH_ASSIGN(auto segments, Segments(model, o));
  TRIPTYCH_ASSIGN(const AccuracyTest test,
                  AccuracyTest::Make(model.graph, *model.weights,
                                     std::move(segments)));
  std::vector<std::string> specs = o.targets;
  if (specs.empty()) specs = {"cpu"};
  std::vector<Row> rows;
  for (const std::string& spec : specs) {
    TRIPTYCH_ASSIGN(const auto target,
                    MakeTarget(spec, OverridesFor(spec, o.set)));
    TRIPTYCH_ASSIGN(const auto program,
                    target->Compile(model.graph, &*model.weights));
    const int threads = o.threads > 0 ? o.threads : MaxThreads();
    TRIPTYCH_ASSIGN(Accuracy accuracy, test.Run(*program, o.seed, threads));
    rows.push_back({fmt::format("{}:{}", target->name(), target->preset()),
                    std::string(target->name()), std::string(target->preset()),
                    accuracy,
                    ""});
  }
  return rows;
}

std::string TableOf(const std::vector<Row>& rows) {
  Table table({"target", "predictions", "NLL nats/token", "perplexity",
               "KL nats/token", "top-1", "class"});
  for (const Row& row : rows) {
    const Accuracy& a = row.accuracy;
    table.Add({row.name, std::to_string(a.predictions),
               fmt::format("{:.6f} +- {:.3f}", a.nll_nats_per_token,
                           a.nll_stderr),
               fmt::format("{:.4f}", a.perplexity),
               fmt::format("{:.3e} +- {:.0e}", a.kl_nats_per_token,
                           a.kl_stderr),
               Percent(a.top1_agreement), std::string(a.accuracy_class)});
  }
  return table.Text();
}

}  // namespace

int AccuracyCommand(const AccuracyOptions& options) {
  if (options.accept && options.baseline.empty()) {
    return Fail({ErrorCode::kInvalid,
                 "accuracy: --accept needs --baseline FILE to write"});
  }
  const auto model =
      OpenModel(options.model, options.tokenizer, {.all_logits = true});
  if (!model) return Fail(model.error());
  if (!(*model)->weights) {
    return Fail({ErrorCode::kInvalid,
                 options.model + ": is a shape without weights"});
  }
  auto rows = RunAll(**model, options);
  if (!rows) return Fail(rows.error());
  if (auto s = Gate(options, *rows); !s) return Fail(s.error());
  nlohmann::json results = nlohmann::json::array();
  for (const Row& row : *rows) results.push_back(ToJson(row));
  Print(options.json, TableOf(*rows));
  if (auto s = WriteJson(options.json, "accuracy", results); !s) {
    return Fail(s.error());
  }
  if (options.accept) {
    if (auto s = WriteJson(options.baseline, "accuracy", results); !s) {
      return Fail(s.error());
    }
  }
  if (auto s = WriteJunit(options.junit, *rows); !s) return Fail(s.error());
  int status = kOk;
  for (const Row& row : *rows) {
    if (row.failure.empty()) continue;
    fmt::print(stderr, "triptych: {}: {}\n", row.name, row.failure);
    status = kGateFailed;
  }
  return status;
}

}  // namespace triptych::cli
