// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/reader.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/text.h"
#include "tools/sweep/sqlite.h"

namespace triptych::sweep {
namespace {

constexpr int kFixed = 4;  // point, key, status, message: before the columns

Result<Sqlite> OpenStudy(const std::string& path) {
  TRIPTYCH_ASSIGN(Sqlite file, Sqlite::Open(path, Sqlite::Mode::kRead));
  const auto format =
      file.Integer("SELECT value FROM meta WHERE name = 'format'");
  if (!format || *format != 1) {
    return MakeError(ErrorCode::kInvalid,
                     path +
                         ": not a database of a study; allowed one that "
                         "`triptych sweep` made");
  }
  return file;
}

std::string_view TableOf(Tier tier) {
  return kTierNames[static_cast<size_t>(tier)];
}

Role RoleOf(std::string_view name) {
  return name == "axis"      ? Role::kAxis
         : name == "derived" ? Role::kDerived
                             : Role::kMeasure;
}

struct StoredColumn {
  Column column;
  bool is_text = false;
  std::string key;
};

Result<std::vector<StoredColumn>> ReadColumns(Sqlite& file) {
  TRIPTYCH_ASSIGN(
      Statement select,
      file.Prepare("SELECT c.name, role, unit, c.key, t.type = 'TEXT' FROM "
                   "columns c JOIN pragma_table_info('analytic') t ON t.name "
                   "= c.name ORDER BY position"));
  std::vector<StoredColumn> columns;
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, select.Step());
    if (!row) return columns;
    Column column;
    column.name = select.Text(0);
    column.role = RoleOf(select.Text(1));
    column.unit = select.Text(2);
    columns.push_back({std::move(column), select.Integer(4) != 0,
                       std::string(select.Text(3))});
  }
}

std::string HexOf(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return hex;
}

// ---- Cells as text ----

std::string NumberText(const Statement& row, int column) {
  if (row.IsInteger(column)) return fmt::format("{}", row.Integer(column));
  return fmt::format("{}", row.Double(column));
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

// Calls row(statement) for every row of both tiers, after head(statement).
template <class Head, class Each>
Status ForRows(const std::string& path, const Head& head, const Each& each) {
  TRIPTYCH_ASSIGN(Sqlite file, OpenStudy(path));
  for (const std::string_view tier : kTierNames) {
    TRIPTYCH_ASSIGN(
        Statement select,
        file.Prepare(fmt::format("SELECT * FROM {} ORDER BY point", tier)));
    if (tier == kTierNames[0]) head(select);
    for (;;) {
      TRIPTYCH_ASSIGN(const bool row, select.Step());
      if (!row) break;
      each(tier, select);
    }
  }
  return {};
}

// ---- One point ----

// The machine of a row: the only one, or that named in its first column.
Result<Config> MachineOf(Sqlite& file, Tier tier, const Statement& row,
                         const std::vector<StoredColumn>& columns,
                         std::string& label) {
  TRIPTYCH_ASSIGN(
      Statement select,
      file.Prepare("SELECT name, label, effective, detailed FROM machines "
                   "ORDER BY position"));
  const bool named = !columns.empty() && (columns[0].column.name == "target" ||
                                          columns[0].column.name == "preset");
  for (;;) {
    TRIPTYCH_ASSIGN(const bool more, select.Step());
    if (!more) {
      return MakeError(ErrorCode::kCorrupt,
                       file.path() + ": a point of a machine it does not have");
    }
    const std::string_view name = select.Text(0);
    label = select.Text(1);
    // A preset's column has what stands after the colon.
    if (!named || row.Text(kFixed) == name ||
        row.Text(kFixed) == name.substr(name.find(':') + 1)) {
      return Config::Parse(select.Text(tier == Tier::kAnalytic ? 2 : 3), label);
    }
  }
}

Result<std::string> EffectiveOf(Sqlite& file, Tier tier, const Statement& row,
                                const std::vector<StoredColumn>& columns) {
  std::string label;
  TRIPTYCH_ASSIGN(Config config, MachineOf(file, tier, row, columns, label));
  for (size_t i = 0; i < columns.size(); ++i) {
    const int at = kFixed + static_cast<int>(i);
    if (columns[i].key.empty() || row.IsNull(at)) continue;
    if (columns[i].is_text) {
      config.Set(columns[i].key, std::string(row.Text(at)));
      continue;
    }
    const auto known = config.entries().find(columns[i].key);
    const bool flag = known != config.entries().end() &&
                      std::holds_alternative<bool>(known->second.value);
    if (flag) {
      config.Set(columns[i].key, row.Integer(at) != 0);
    } else {
      config.Set(columns[i].key, row.Double(at));
    }
  }
  const size_t colon = label.find(':');
  const std::string target = label.substr(0, colon);
  const auto all = AllTargets();
  const auto entry = std::ranges::find(all, target, &TargetEntry::name);
  if (entry == all.end()) {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("{}: no target \"{}\"", file.path(), target));
  }
  TRIPTYCH_ASSIGN(const auto machine,
                  entry->make(label.substr(colon + 1), config));
  return fmt::format("target = \"{}\"\n{}", target,
                     machine->params().Effective());
}

}  // namespace

Result<Results> ReadResults(const std::string& path, Tier tier) {
  TRIPTYCH_ASSIGN(Sqlite file, OpenStudy(path));
  Results results;
  TRIPTYCH_ASSIGN(results.study,
                  file.Text("SELECT value FROM meta WHERE name = 'name'"));
  TRIPTYCH_ASSIGN(results.about,
                  file.Text("SELECT value FROM meta WHERE name = 'about'"));
  TRIPTYCH_ASSIGN(results.design,
                  file.Text("SELECT value FROM meta WHERE name = 'design'"));
  TRIPTYCH_ASSIGN(std::vector<StoredColumn> columns, ReadColumns(file));
  TRIPTYCH_ASSIGN(Statement goals,
                  file.Prepare("SELECT name, maximise FROM objectives ORDER "
                               "BY position"));
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, goals.Step());
    if (!row) break;
    results.objectives.push_back(
        {std::string(goals.Text(0)), goals.Integer(1) != 0});
  }
  TRIPTYCH_ASSIGN(Statement select,
                  file.Prepare(fmt::format("SELECT * FROM {} ORDER BY point",
                                           TableOf(tier))));
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, select.Step());
    if (!row) break;
    const std::string_view status = select.Text(2);
    if (status != "ok") {
      ++(status == "invalid" ? results.invalid : results.failed);
      continue;
    }
    results.numbers.push_back(static_cast<uint32_t>(select.Integer(0)));
    for (size_t i = 0; i < columns.size(); ++i) {
      const int at = kFixed + static_cast<int>(i);
      if (columns[i].is_text) {
        columns[i].column.texts.emplace_back(select.Text(at));
      } else {
        columns[i].column.numbers.push_back(select.Double(at));
      }
    }
  }
  results.points = results.numbers.size();
  for (StoredColumn& stored : columns) {
    results.columns.push_back(std::move(stored.column));
  }
  return results;
}

Status ExportCsv(const std::string& path, std::ostream& out) {
  const auto head = [&](const Statement& row) {
    out << "tier";
    for (int i = 0; i < row.columns(); ++i) out << ',' << CsvField(row.Name(i));
    out << '\n';
  };
  return ForRows(path, head, [&](std::string_view tier, const Statement& row) {
    out << tier;
    for (int i = 0; i < row.columns(); ++i) {
      out << ',';
      if (row.IsNull(i)) continue;
      out << (i == 1          ? HexOf(row.Text(i))
              : row.IsText(i) ? CsvField(row.Text(i))
                              : NumberText(row, i));
    }
    out << '\n';
  });
}

Status ExportNdjson(const std::string& path, std::ostream& out) {
  std::vector<std::string> names;
  const auto head = [&](const Statement& row) {
    for (int i = 0; i < row.columns(); ++i) {
      names.push_back(Quoted(row.Name(i)));
    }
  };
  return ForRows(path, head, [&](std::string_view tier, const Statement& row) {
    out << "{\"tier\":\"" << tier << '"';
    for (int i = 0; i < row.columns(); ++i) {
      out << ',' << names[static_cast<size_t>(i)] << ':';
      if (i == 1) {
        out << '"' << HexOf(row.Text(i)) << '"';
      } else if (row.IsText(i)) {
        out << Quoted(row.Text(i));
      } else if (row.IsNull(i) || !std::isfinite(row.Double(i))) {
        out << "null";
      } else {
        out << NumberText(row, i);
      }
    }
    out << "}\n";
  });
}

Result<PointReport> ReadPoint(const std::string& path, Tier tier,
                              uint32_t number) {
  TRIPTYCH_ASSIGN(Sqlite file, OpenStudy(path));
  TRIPTYCH_ASSIGN(const std::vector<StoredColumn> columns, ReadColumns(file));
  TRIPTYCH_ASSIGN(Statement row,
                  file.Prepare(fmt::format("SELECT * FROM {} WHERE point = ?",
                                           TableOf(tier))));
  row.Bind(1, int64_t{number});
  TRIPTYCH_ASSIGN(const bool there, row.Step());
  if (!there) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: no point {} in the {} tier", path, number,
                                 TableOf(tier)));
  }
  PointReport report;
  for (int i = 0; i < row.columns(); ++i) {
    if (row.IsNull(i)) continue;
    report.columns += fmt::format("{} = {}\n", row.Name(i),
                                  i == 1          ? HexOf(row.Text(i))
                                  : row.IsText(i) ? std::string(row.Text(i))
                                                  : NumberText(row, i));
  }
  // An invalid point may be of a machine that cannot be.
  auto effective = EffectiveOf(file, tier, row, columns);
  report.effective = effective ? std::move(*effective)
                               : "# " + effective.error().message + "\n";
  return report;
}

}  // namespace triptych::sweep
