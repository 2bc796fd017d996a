// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/gate.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "kernels/base/text.h"
#include "tools/cli/output.h"

namespace triptych::cli {
namespace {

using nlohmann::json;

// What KL may rise before the gate fails: above the last digits that another
// compiler moves, below what a lost bit costs (a factor of four).
constexpr double kKlMargin = 0.10;

// A line of a baseline.
struct Recorded {
  std::string target, preset;
  double kl_nats_per_token = 0;
  int64_t predictions = 0;
};

// Member `key` of `row`, if it is there and `is` says that it fits.
template <class T>
Status Take(const json& row, const char* key, bool (json::*is)() const noexcept,
            const std::string& where, T& out) {
  const auto found = row.find(key);
  if (found == row.end() || !((*found).*is)()) {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("{}: {}: is missing or of another type; "
                                 "`accuracy --accept` writes it",
                                 where, key));
  }
  out = found->template get<T>();
  return {};
}

Result<Recorded> ParseRecorded(const json& row, const std::string& where) {
  Recorded r;
  TRIPTYCH_TRY(Take(row, "target", &json::is_string, where, r.target));
  TRIPTYCH_TRY(Take(row, "preset", &json::is_string, where, r.preset));
  TRIPTYCH_TRY(Take(row, "kl_nats_per_token", &json::is_number, where,
                    r.kl_nats_per_token));
  TRIPTYCH_TRY(
      Take(row, "predictions", &json::is_number_integer, where, r.predictions));
  return r;
}

Result<std::vector<Recorded>> ReadBaseline(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  const json document = json::parse(std::istreambuf_iterator<char>(file), {},
                                    nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("results") ||
      !document["results"].is_array()) {
    return MakeError(ErrorCode::kCorrupt,
                     path +
                         ": is no JSON with an array \"results\", as "
                         "`accuracy --accept` writes it");
  }
  std::vector<Recorded> all;
  for (const json& row : document["results"]) {
    TRIPTYCH_ASSIGN(
        Recorded recorded,
        ParseRecorded(row, fmt::format("{}: results[{}]", path, all.size())));
    all.push_back(std::move(recorded));
  }
  return all;
}

std::string Judge(const ScoredTarget& scored,
                  const std::vector<Recorded>& baseline) {
  const Accuracy& a = scored.accuracy;
  for (const Recorded& old : baseline) {
    if (old.target != scored.target || old.preset != scored.preset) continue;
    if (old.predictions != a.predictions) {
      return fmt::format("the baseline scored {} predictions, this run {}",
                         old.predictions, a.predictions);
    }
    const double rise = a.kl_nats_per_token - old.kl_nats_per_token;
    if (rise <= kKlMargin * old.kl_nats_per_token || rise <= a.kl_stderr) {
      return "";
    }
    return fmt::format(
        "KL rose from {:.3e} to {:.3e} nats/token, more than "
        "{:.0f} % and its standard error {:.1e}",
        old.kl_nats_per_token, a.kl_nats_per_token, 100 * kKlMargin,
        a.kl_stderr);
  }
  return "the baseline has no such target; --accept adds it";
}

}  // namespace

json ToJson(const ScoredTarget& scored) {
  const Accuracy& a = scored.accuracy;
  return {{"target", scored.target},
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
}

Status JudgeByBaseline(const std::string& path,
                       std::vector<ScoredTarget>& scored) {
  TRIPTYCH_ASSIGN(const std::vector<Recorded> baseline, ReadBaseline(path));
  for (ScoredTarget& one : scored) one.failure = Judge(one, baseline);
  return {};
}

Status WriteJunit(const std::string& path,
                  const std::vector<ScoredTarget>& scored) {
  size_t failures = 0;
  std::string cases;
  for (const ScoredTarget& one : scored) {
    cases += fmt::format("  <testcase classname=\"accuracy\" name=\"{}\">",
                         EscapeXml(one.Label()));
    if (!one.failure.empty()) {
      ++failures;
      cases += fmt::format("<failure message=\"{}\"/>", EscapeXml(one.failure));
    }
    cases += "</testcase>\n";
  }
  return WriteFile(path, [&](std::ostream& out) {
    out << fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuite name=\"triptych accuracy\" tests=\"{}\" "
        "failures=\"{}\">\n{}</testsuite>\n",
        scored.size(), failures, cases);
  });
}

}  // namespace triptych::cli
