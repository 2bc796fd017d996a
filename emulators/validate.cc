// SPDX-License-Identifier: Apache-2.0
#include "emulators/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>

namespace triptych {
namespace {

constexpr std::string_view kMeasured = "measured_";

std::vector<std::string> Split(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const size_t comma = line.find(',');
    fields.emplace_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

bool IsMeasured(std::string_view column) {
  return column.starts_with(kMeasured);
}

OpSpec SpecOf(const Table& table, const Table::Row& row) {
  OpSpec spec;
  for (size_t c = 0; c < table.header.size(); ++c) {
    if (!IsMeasured(table.header[c]) && !row.fields[c].empty()) {
      spec[table.header[c]] = row.fields[c];
    }
  }
  return spec;
}

std::string KeysOf(const Table& table, const Table::Row& row) {
  std::string keys;
  for (size_t c = 0; c < table.header.size(); ++c) {
    if (IsMeasured(table.header[c]) || row.fields[c].empty()) continue;
    keys += fmt::format("{}{}={}", keys.empty() ? "" : " ", table.header[c],
                        row.fields[c]);
  }
  return keys;
}

// The share `fraction` of sorted values lies at or below this.
double Quantile(const std::vector<double>& sorted, double fraction) {
  const auto rank = static_cast<size_t>(
      std::ceil(fraction * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

// Ranks from 0; equal values have the mean of theirs.
std::vector<double> RanksOf(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (size_t from = 0; from < order.size();) {
    size_t to = from + 1;
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    const double rank = static_cast<double>(from + to - 1) / 2;
    for (; from < to; ++from) ranks[order[from]] = rank;
  }
  return ranks;
}

// Pearson's correlation of the ranks.
std::optional<double> RankCorrelation(const std::vector<RowScore>& rows) {
  if (rows.size() < 3) return std::nullopt;
  std::vector<double> measured, predicted;
  for (const RowScore& row : rows) {
    measured.push_back(row.measured);
    predicted.push_back(row.predicted);
  }
  const std::vector<double> a = RanksOf(measured), b = RanksOf(predicted);
  const double mean = static_cast<double>(rows.size() - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  if (aa == 0 || bb == 0) return std::nullopt;
  return ab / std::sqrt(aa * bb);
}

// The machines that rows ask for, each made once.
class Machines {
 public:
  Machines(std::string_view spec, std::span<const std::string> overrides)
      : spec_(spec),
        overrides_(overrides),
        by_row_(!spec.contains(':') && !spec.contains('/') &&
                !spec.ends_with(".toml")) {}

  Result<const Target*> For(const OpSpec& row) {
    std::string name = spec_;
    if (by_row_) {
      if (const Preset* preset = PresetOf(row)) {
        name += ":" + std::string(preset->name);
      }
    }
    auto& machine = machines_[name];
    if (machine == nullptr) {
      TRIPTYCH_ASSIGN(machine, MakeTarget(name, overrides_));
    }
    return machine.get();
  }

 private:
  // How well `field` names `preset`; 0: not at all. In full; two letters for
  // its first part ("bh-galaxy" of "blackhole-galaxy"); its last part; the
  // same with more behind it ("bh-p150x8"); its first part alone.
  static int Match(std::string_view field, std::string_view name) {
    if (field == name) return 5;
    const std::string_view first = name.substr(0, name.find('-'));
    const bool two_letters = field.size() > 3 && field[2] == '-' &&
                             first.starts_with(field[0]) &&
                             first.substr(1).contains(field[1]);
    const std::string_view last =
        first.size() < name.size() ? name.substr(first.size() + 1) : "";
    const std::string_view rest = two_letters ? field.substr(3) : "";
    if (two_letters && rest == last) return 4;
    const bool at_end = name.ends_with(field) && name.size() > field.size() &&
                        name[name.size() - field.size() - 1] == '-';
    if (at_end) return 3;
    if (two_letters && !last.empty() && rest.starts_with(last)) return 2;
    return two_letters || (field == first && !last.empty()) ? 1 : 0;
  }

  // The best match; of equal ones that of an earlier preset, but for presets
  // that are based on another, which may be of the same name.
  const Preset* PresetOf(const OpSpec& row) const {
    const Preset* best = nullptr;
    int best_match = 0;
    for (const Preset& preset : AllPresets()) {
      if (preset.target != spec_) continue;
      const bool based = preset.text.contains("\nbase = ");
      for (const auto& [column, field] : row) {
        const int match = 2 * Match(field, preset.name);
        if (match == 0 || match - (based ? 1 : 0) <= best_match) continue;
        best_match = match - (based ? 1 : 0);
        best = &preset;
      }
    }
    return best;
  }

  std::string spec_;
  std::span<const std::string> overrides_;
  bool by_row_;
  std::map<std::string, std::unique_ptr<Target>> machines_;
};

Result<Prediction> PredictRow(const Target& target, std::string_view kind,
                              const OpSpec& spec) {
  auto prediction = target.Predict(kind, spec);
  const bool shapes =
      spec.contains("m") && spec.contains("n") && spec.contains("k");
  if (!prediction && prediction.error().code == ErrorCode::kNotFound &&
      shapes && kind != "matmul") {
    return target.Predict("matmul", spec);
  }
  return prediction;
}

// Rows of a column by the measure that predicts it: the column's own, and
// measures that name it and say how else they came about, "cycles@how".
using Column = std::map<std::string, std::vector<RowScore>>;

// Adds what `prediction` says about the row to the columns' rows.
Status Compare(const Table& table, const Table::Row& row,
               const Prediction& prediction, std::string_view preset,
               std::vector<Column>& columns) {
  for (size_t c = 0; c < table.header.size(); ++c) {
    if (!IsMeasured(table.header[c]) || row.fields[c].empty()) continue;
    const std::string name = table.header[c].substr(kMeasured.size());
    for (auto at = prediction.lower_bound(name);
         at != prediction.end() && at->first.starts_with(name); ++at) {
      if (at->first != name && at->first[name.size()] != '@') continue;
      const auto measured = ParseNumber(row.fields[c]);
      if (!measured || *measured == 0) {
        return MakeError(
            ErrorCode::kInvalid,
            fmt::format("{}:{}: {}: {} is not allowed; allowed a "
                        "number other than 0",
                        table.path, row.line, table.header[c], row.fields[c]));
      }
      const std::vector<Bound> bounds = BoundsIn(prediction);
      const auto bound = [&](size_t i) {
        return i < bounds.size() ? bounds[i].part : std::string();
      };
      columns[c][at->first].push_back(
          {row.line, std::string(preset), KeysOf(table, row), *measured,
           at->second, 100 * (at->second - *measured) / std::abs(*measured),
           bound(0), bound(1)});
    }
  }
  return {};
}

}  // namespace

std::vector<Bound> BoundsIn(const Prediction& prediction) {
  constexpr std::string_view kPrefix = "bound_s.";
  std::vector<Bound> bounds;
  for (auto at = prediction.lower_bound(kPrefix);
       at != prediction.end() && at->first.starts_with(kPrefix); ++at) {
    bounds.push_back({at->first.substr(kPrefix.size()), at->second});
  }
  std::ranges::sort(bounds, std::greater<>(), &Bound::seconds);
  return bounds;
}

Result<Table> Table::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: cannot be opened", path));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return Parse(text, path);
}

Result<Table> Table::Parse(std::string_view text, std::string_view path) {
  Table table;
  table.path = path;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.front() == '#') {
      if (table.comment.empty()) table.comment = line.substr(1);
    } else if (table.header.empty()) {
      table.header = Split(line);
    } else {
      table.rows.push_back({number, Split(line)});
      const size_t fields = table.rows.back().fields.size();
      if (fields != table.header.size()) {
        return MakeError(
            ErrorCode::kInvalid,
            fmt::format("{}:{}: {} fields; allowed {}, as in "
                        "the header",
                        path, number, fields, table.header.size()));
      }
    }
  }
  if (table.rows.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: no rows; allowed a header and at least "
                                 "one row",
                                 path));
  }
  return table;
}

Score MakeScore(std::string measure, std::vector<RowScore> rows) {
  Score score;
  score.measure = std::move(measure);
  score.rows = static_cast<int64_t>(rows.size());
  score.rows_detail = std::move(rows);
  if (score.rows == 0) return score;
  std::vector<double> apes;
  for (const RowScore& row : score.rows_detail) {
    apes.push_back(std::abs(row.error_pct));
    score.mape_pct += apes.back() / static_cast<double>(score.rows);
  }
  std::ranges::sort(apes);
  score.median_ape_pct = Quantile(apes, 0.5);
  score.p90_ape_pct = Quantile(apes, 0.9);
  score.max_ape_pct = apes.back();
  score.rank_correlation = RankCorrelation(score.rows_detail);
  return score;
}

Result<Validation> Validate(std::string_view target,
                            std::span<const std::string> overrides,
                            const Table& table) {
  const std::filesystem::path path(table.path);
  const std::string kind = path.stem().string();
  Machines machines(target, overrides);
  Validation validation;
  std::vector<Column> columns(table.header.size());
  for (const Table::Row& row : table.rows) {
    OpSpec spec = SpecOf(table, row);
    TRIPTYCH_ASSIGN(const Target* machine, machines.For(spec));
    spec["table_dir"] = path.parent_path().string();
    const auto prediction = PredictRow(*machine, kind, spec);
    if (!prediction) {
      validation.unpredicted.push_back(fmt::format(
          "{}:{}: {}", table.path, row.line, prediction.error().message));
      continue;
    }
    TRIPTYCH_TRY(Compare(table, row, *prediction, machine->preset(), columns));
  }
  for (Column& column : columns) {
    for (auto& [measure, rows] : column) {
      validation.scores.push_back(MakeScore(measure, std::move(rows)));
    }
  }
  if (validation.scores.empty()) {
    return MakeError(ErrorCode::kUnsupported,
                     validation.unpredicted.empty()
                         ? fmt::format("{}: {} predicts none of its measures",
                                       table.path, target)
                         : validation.unpredicted.front());
  }
  return validation;
}

}  // namespace triptych
