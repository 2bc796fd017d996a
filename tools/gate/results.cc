// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/gate/statistics.h"

namespace triptych::gate {
namespace {

// Members keep the order in which they are written: that is what is read.
using Json = nlohmann::ordered_json;

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

Json CostJson(const RowCost& cost) {
  Json json;
  if (cost.measured) {
    json["measured"] = true;
  } else {
    json["picos"] = cost.picos;
    json["cycles"] = cost.cycles;
  }
  json["energy_j"] = cost.energy_j;
  json["off_chip_bytes"] = cost.off_chip_bytes;
  json["internal_bytes"] = cost.internal_bytes;
  return json;
}

Json ErrorJson(const RowError& e) {
  Json json = {{"outputs", e.outputs},
               {"mean_square", e.mean_square},
               {"mean_square_stderr", e.mean_square_stderr},
               {"max_abs", e.max_abs},
               {"digest", Hex(e.digest)}};
  if (e.varies) json["varies"] = true;
  if (e.bit_exact) json["bit_exact"] = true;
  return json;
}

Json AccuracyJson(const RowAccuracy& a) {
  return {{"predictions", a.predictions},
          {"nll_nats_per_token", a.nll},
          {"kl_nats_per_token", a.kl},
          {"kl_stderr", a.kl_stderr},
          {"kl_over_seeds_stderr", a.kl_over_seeds_stderr},
          {"top1_agreement", a.top1},
          {"class", AccuracyClass(a.kl)},
          {"kl_blocks", a.kl_blocks}};
}

Json NamesJson(const Row& row) {
  return {{"case", row.case_name},
          {"target", row.target},
          {"preset", row.preset},
          {"phase", row.phase},
          {"op", row.op}};
}

Json RowJson(const Row& row, bool with_host_times) {
  Json json = NamesJson(row);
  if (row.cost) json["cost"] = CostJson(*row.cost);
  if (row.error) json["error"] = ErrorJson(*row.error);
  if (row.accuracy) json["accuracy"] = AccuracyJson(*row.accuracy);
  if (with_host_times && !row.host_s.empty()) json["host_s"] = row.host_s;
  return json;
}

// Takes members of one JSON object; the first that does not fit is kept.
class Members {
 public:
  Members(const Json& json, std::string where)
      : json_(json), where_(std::move(where)) {
    if (!json.is_object()) Fail("", "an object is needed");
  }

  Status status() const { return status_; }

  void Take(const char* key, std::string& out) {
    if (const Json* m = Member(key, &Json::is_string, "text")) {
      out = m->get<std::string>();
    }
  }
  void Take(const char* key, double& out) {
    if (const Json* m = Member(key, &Json::is_number, "a number")) {
      out = m->get<double>();
    }
  }
  void Take(const char* key, int64_t& out) {
    if (const Json* m =
            Member(key, &Json::is_number_integer, "a whole number")) {
      out = m->get<int64_t>();
    }
  }
  void Take(const char* key, uint64_t& out) {
    if (const Json* m =
            Member(key, &Json::is_number_unsigned, "a whole number from 0")) {
      out = m->get<uint64_t>();
    }
  }
  // Absent is false.
  void TakeFlag(const char* key, bool& out) {
    if (!Has(key)) return;
    if (const Json* m = Member(key, &Json::is_boolean, "true or false")) {
      out = m->get<bool>();
    }
  }
  void TakeHex(const char* key, uint64_t& out) {
    std::string text;
    Take(key, text);
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, out, 16);
    if (status_ && (parsed.ec != std::errc() || parsed.ptr != end)) {
      Fail(key, "hexadecimal digits are needed");
    }
  }
  template <class T>
  void TakeList(const char* key, std::vector<T>& out) {
    const Json* m = Member(key, &Json::is_array, "a list");
    if (m == nullptr) return;
    for (const Json& one : *m) {
      const bool fits =
          std::is_same_v<T, double> ? one.is_number() : one.is_string();
      if (!fits) {
        Fail(key, "an element has another type");
        return;
      }
      out.push_back(one.get<T>());
    }
  }
  // nullptr, and no failure, if there is none.
  const Json* Part(const char* key) const {
    return Has(key) ? &json_[key] : nullptr;
  }
  bool Has(const char* key) const {
    return json_.is_object() && json_.contains(key);
  }

 private:
  const Json* Member(const char* key, bool (Json::*is)() const noexcept,
                     const char* needed) {
    if (!Has(key)) {
      Fail(key, "is missing");
    } else if (!(json_[key].*is)()) {
      Fail(key, fmt::format("{} is needed", needed));
    } else {
      return &json_[key];
    }
    return nullptr;
  }
  void Fail(const char* key, std::string_view what) {
    if (!status_) return;
    status_ = MakeError(
        ErrorCode::kCorrupt,
        fmt::format("{}: {}: {}; `triptych gate --accept` writes this file",
                    where_, key, what));
  }

  const Json& json_;
  std::string where_;
  Status status_;
};

Result<RowCost> ReadCost(const Json& json, const std::string& where) {
  Members m(json, where);
  RowCost cost;
  m.TakeFlag("measured", cost.measured);
  if (!cost.measured) {
    m.Take("picos", cost.picos);
    m.Take("cycles", cost.cycles);
  }
  m.Take("energy_j", cost.energy_j);
  m.Take("off_chip_bytes", cost.off_chip_bytes);
  m.Take("internal_bytes", cost.internal_bytes);
  TRIPTYCH_TRY(m.status());
  return cost;
}

Result<RowError> ReadError(const Json& json, const std::string& where) {
  Members m(json, where);
  RowError e;
  m.Take("outputs", e.outputs);
  m.Take("mean_square", e.mean_square);
  m.Take("mean_square_stderr", e.mean_square_stderr);
  m.Take("max_abs", e.max_abs);
  m.TakeHex("digest", e.digest);
  m.TakeFlag("varies", e.varies);
  m.TakeFlag("bit_exact", e.bit_exact);
  TRIPTYCH_TRY(m.status());
  return e;
}

Result<RowAccuracy> ReadAccuracy(const Json& json, const std::string& where) {
  Members m(json, where);
  RowAccuracy a;
  m.Take("predictions", a.predictions);
  m.Take("nll_nats_per_token", a.nll);
  m.Take("kl_nats_per_token", a.kl);
  m.Take("kl_stderr", a.kl_stderr);
  m.Take("kl_over_seeds_stderr", a.kl_over_seeds_stderr);
  m.Take("top1_agreement", a.top1);
  m.TakeList("kl_blocks", a.kl_blocks);
  TRIPTYCH_TRY(m.status());
  return a;
}

Result<Row> ReadRow(const Json& json, const std::string& where) {
  Members m(json, where);
  Row row;
  m.Take("case", row.case_name);
  m.Take("target", row.target);
  m.Take("preset", row.preset);
  m.Take("phase", row.phase);
  m.Take("op", row.op);
  TRIPTYCH_TRY(m.status());
  if (const Json* part = m.Part("cost")) {
    TRIPTYCH_ASSIGN(row.cost, ReadCost(*part, where + ": cost"));
  }
  if (const Json* part = m.Part("error")) {
    TRIPTYCH_ASSIGN(row.error, ReadError(*part, where + ": error"));
  }
  if (const Json* part = m.Part("accuracy")) {
    TRIPTYCH_ASSIGN(row.accuracy, ReadAccuracy(*part, where + ": accuracy"));
  }
  if (const Json* part = m.Part("host_s"); part != nullptr) {
    m.TakeList("host_s", row.host_s);
    TRIPTYCH_TRY(m.status());
  }
  return row;
}

Result<CaseInfo> ReadCase(const Json& json, const std::string& where) {
  Members m(json, where);
  CaseInfo info;
  m.Take("name", info.name);
  m.Take("settings", info.settings);
  m.Take("seed", info.seed);
  m.Take("seeds", info.seeds);
  TRIPTYCH_TRY(m.status());
  return info;
}

// Each element of a list, by `read`.
template <class T>
Status ReadAll(const Json& document, const char* key, const std::string& file,
               Result<T> (*read)(const Json&, const std::string&),
               std::vector<T>& out) {
  if (!document.contains(key) || !document[key].is_array()) {
    return MakeError(
        ErrorCode::kCorrupt,
        fmt::format("{}: {}: a list is needed; `triptych gate --accept` "
                    "writes this file",
                    file, key));
  }
  for (const Json& one : document[key]) {
    TRIPTYCH_ASSIGN(
        T value, read(one, fmt::format("{}: {}[{}]", file, key, out.size())));
    out.push_back(std::move(value));
  }
  return {};
}

// The lines of a list, each an element.
template <class T, class ToLine>
std::string Lines(const std::vector<T>& all, const ToLine& to_line) {
  std::string text;
  for (const T& one : all) {
    text += (text.empty() ? "\n  " : ",\n  ") + to_line(one);
  }
  return "[" + text + (all.empty() ? "]" : "\n ]");
}

}  // namespace

std::string Row::Id() const {
  return fmt::format("{}/{}:{}/{}/{}", case_name, target, preset, phase,
                     op.empty() ? "all" : op);
}

const CaseInfo* Results::FindCase(std::string_view name) const {
  const auto found = std::ranges::find(cases, name, &CaseInfo::name);
  return found == cases.end() ? nullptr : &*found;
}

const Row* Results::FindRow(const Row& like) const {
  const std::string id = like.Id();
  const auto found = std::ranges::find(rows, id, &Row::Id);
  return found == rows.end() ? nullptr : &*found;
}

std::vector<Row> RowsOfTargets(const Results& all, const Results& some,
                               bool there) {
  std::vector<Row> rows;
  for (const Row& row : all.rows) {
    const bool has = std::ranges::any_of(some.rows, [&](const Row& other) {
      return other.case_name == row.case_name && other.Label() == row.Label();
    });
    if (has == there) rows.push_back(row);
  }
  return rows;
}

RowAccuracy AccuracyOf(std::span<const std::vector<TokenScore>> repeats) {
  RowAccuracy row;
  if (repeats.empty() || repeats[0].empty()) return row;
  const size_t count = repeats[0].size();
  const size_t blocks = std::min(kBlocks, count);
  row.predictions = static_cast<int64_t>(count);
  row.kl_blocks.assign(blocks, 0.0);
  std::vector<double> means;
  const auto n = static_cast<double>(repeats.size());
  for (const std::vector<TokenScore>& scores : repeats) {
    const Accuracy a = SummaryOf(scores);
    means.push_back(a.kl_nats_per_token);
    row.nll += a.nll_nats_per_token / n;
    row.kl += a.kl_nats_per_token / n;
    row.kl_stderr += a.kl_stderr / n;
    row.top1 += a.top1_agreement / n;
    for (size_t b = 0; b < blocks; ++b) {
      const size_t first = count * b / blocks;
      const size_t last = count * (b + 1) / blocks;
      for (size_t i = first; i < last; ++i) {
        row.kl_blocks[b] +=
            scores[i].kl / static_cast<double>(last - first) / n;
      }
    }
  }
  row.kl_over_seeds_stderr = MeanOf(means).stderr_of_mean;
  return row;
}

nlohmann::json ToJson(const Row& row) {
  return nlohmann::json::parse(RowJson(row, true).dump());
}

std::string BaselineText(const Results& results, bool with_host_times) {
  const auto reason = [](const std::string& r) { return Json(r).dump(); };
  const auto info = [](const CaseInfo& c) {
    return Json{{"name", c.name},
                {"settings", c.settings},
                {"seed", c.seed},
                {"seeds", c.seeds}}
        .dump();
  };
  const auto row = [&](const Row& r) {
    return RowJson(r, with_host_times).dump();
  };
  return fmt::format(
      "{{\n \"reasons\": {},\n \"cases\": {},\n \"rows\": {}\n}}\n",
      Lines(results.reasons, reason), Lines(results.cases, info),
      Lines(results.rows, row));
}

Result<Results> ParseBaseline(std::string_view text, const std::string& file) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return MakeError(ErrorCode::kCorrupt,
                     file +
                         ": is no JSON object, as `triptych gate --accept` "
                         "writes it");
  }
  Results results;
  TRIPTYCH_TRY(ReadAll(document, "cases", file, ReadCase, results.cases));
  TRIPTYCH_TRY(ReadAll(document, "rows", file, ReadRow, results.rows));
  Members m(document, file);
  m.TakeList("reasons", results.reasons);
  TRIPTYCH_TRY(m.status());
  return results;
}

Result<Results> ReadBaseline(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return ParseBaseline(std::string(std::istreambuf_iterator<char>(file), {}),
                       path);
}

size_t LineOfRow(std::string_view text, const Row& row) {
  // As BaselineText() begins the row, without its brace.
  const std::string start = NamesJson(row).dump();
  const size_t at = text.find(start.substr(0, start.size() - 1));
  if (at == std::string_view::npos) return 1;
  return 1 + static_cast<size_t>(std::ranges::count(text.substr(0, at), '\n'));
}

}  // namespace triptych::gate
