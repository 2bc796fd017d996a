// Several files of one study as one.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "tools/sweep/database.h"

namespace triptych::sweep {
namespace {

namespace fs = std::filesystem;

// What files must agree in.
constexpr std::string_view kSame[] = {"format", "study", "model_version",
                                      "points"};

// Copies tables, their columns and what describes them from the attached
// database `input`.
Status CopyFrame(Sqlite& merged) {
  TRIPTYCH_ASSIGN(Statement schema,
                  merged.Prepare("SELECT sql FROM input.sqlite_schema WHERE "
                                 "sql IS NOT NULL ORDER BY rowid"));
  std::string sql;
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, schema.Step());
    if (!row) break;
    sql += std::string(schema.Text(0)) + ";";
  }
  schema.Reset();
  TRIPTYCH_TRY(merged.Run(sql));
  for (const char* table : {"meta", "columns", "objectives", "machines"}) {
    TRIPTYCH_TRY(merged.Run(
        fmt::format("INSERT INTO main.{0} SELECT * FROM input.{0}", table)));
  }
  return {};
}

Status CheckSame(Sqlite& merged, const std::string& first,
                 const std::string& path) {
  for (const std::string_view name : kSame) {
    TRIPTYCH_ASSIGN(
        const int64_t differs,
        merged.Integer(fmt::format(
            "SELECT count(*) FROM main.meta a JOIN input.meta b USING(name) "
            "WHERE name = '{}' AND a.value IS NOT b.value",
            name)));
    if (differs == 0) continue;
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: its {} is not that of {}; allowed files "
                    "of one study and one version",
                    path, name == "study" ? "study" : name, first));
  }
  return {};
}

// Runs `body` while the file `path` is attached as `input`.
template <class Body>
Status WithInput(Sqlite& merged, const std::string& path, const Body& body) {
  // Attaching would make a file that is not there.
  TRIPTYCH_ASSIGN(Sqlite probe, Sqlite::Open(path, Sqlite::Mode::kRead));
  TRIPTYCH_ASSIGN(
      const int64_t ours,
      probe.Integer("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'"));
  if (ours != 1) {
    return MakeError(ErrorCode::kInvalid, path + ": not a database of a study");
  }
  {
    TRIPTYCH_ASSIGN(Statement attach, merged.Prepare("ATTACH ? AS input"));
    attach.Bind(1, std::string_view(path));
    TRIPTYCH_TRY(attach.Step());
  }
  TRIPTYCH_TRY(merged.Run("BEGIN"));
  TRIPTYCH_TRY(body());
  TRIPTYCH_TRY(merged.Run("COMMIT"));
  return merged.Run("DETACH input");
}

}  // namespace

Result<Merged> Merge(const std::string& out,
                     std::span<const std::string> inputs) {
  TRIPTYCH_ASSIGN(const FileLock lock, FileLock::Take(out));
  const std::string work = out + ".merge";
  std::error_code ignored;
  fs::remove(work, ignored);
  TRIPTYCH_ASSIGN(Sqlite merged, Sqlite::Open(work, Sqlite::Mode::kCreate));
  // Nothing to keep if this is cut short: no journal.
  TRIPTYCH_TRY(
      merged.Run("PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; "
                 "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536"));
  const auto all = [&]() -> Status {
    // Points that are ok first: of those that several files have, they count.
    for (const char* which : {"= 'ok'", "<> 'ok'"}) {
      for (const std::string& input : inputs) {
        const bool first = &input == &inputs.front() && which[0] == '=';
        TRIPTYCH_TRY(WithInput(merged, input, [&]() -> Status {
          if (first) TRIPTYCH_TRY(CopyFrame(merged));
          TRIPTYCH_TRY(CheckSame(merged, inputs.front(), input));
          for (const std::string_view tier : kTierNames) {
            TRIPTYCH_TRY(merged.Run(fmt::format(
                "INSERT OR IGNORE INTO main.{0} SELECT * FROM input.{0} "
                "WHERE status {1} ORDER BY point",
                tier, which)));
          }
          return {};
        }));
      }
    }
    return {};
  };
  const Status status = all();
  Merged result;
  if (status) {
    TRIPTYCH_ASSIGN(const int64_t points,
                    merged.Integer("SELECT count(*) FROM analytic"));
    TRIPTYCH_ASSIGN(
        const int64_t expected,
        merged.Integer("SELECT value FROM meta WHERE name = 'points'"));
    result = {static_cast<uint64_t>(points), static_cast<uint64_t>(expected)};
    TRIPTYCH_TRY(Rewrite(std::move(merged), out));
  }
  fs::remove(work, ignored);
  if (!status) return std::unexpected(status.error());
  return result;
}

}  // namespace triptych::sweep
