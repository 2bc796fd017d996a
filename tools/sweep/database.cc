// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <utility>

#include "tools/sweep/worker.h"

namespace triptych::sweep {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCommitNs = 200'000'000;
constexpr int kFormat = 1;  // of the file

constexpr std::string_view TableOf(Tier tier) {
  return kTierNames[static_cast<size_t>(tier)];
}

struct ColumnSpec {
  std::string name;
  std::string_view role, type;
  std::string unit, key;
};

std::vector<ColumnSpec> ColumnsOf(const Study& study) {
  std::vector<ColumnSpec> columns;
  for (const Axis& axis : study.axes) {
    if (!axis.varies()) continue;
    const std::string_view type = axis.kind == AxisKind::kText     ? "TEXT"
                                  : axis.kind == AxisKind::kNumber ? "REAL"
                                                                   : "INTEGER";
    columns.push_back({axis.name, "axis", type, axis.unit, axis.key});
  }
  for (size_t i = 0; i < study.measures(); ++i) {
    columns.push_back({std::string(kMeasures[i].name), "measure", "REAL",
                       std::string(kMeasures[i].unit), ""});
  }
  columns.push_back({std::string(kBoundMeasure), "measure", "TEXT", "", ""});
  for (const Formula& formula : study.formulas.derived()) {
    columns.push_back({formula.name, "derived", "REAL", formula.unit, ""});
  }
  return columns;
}

std::string SchemaOf(const Study& study) {
  std::string columns;
  for (const ColumnSpec& column : ColumnsOf(study)) {
    columns += fmt::format(", {} {}", SqlName(column.name), column.type);
  }
  std::string sql =
      "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
      "CREATE TABLE columns(position INTEGER PRIMARY KEY, name TEXT, "
      "role TEXT, unit TEXT, key TEXT);"
      "CREATE TABLE objectives(position INTEGER PRIMARY KEY, name TEXT, "
      "maximise INTEGER);"
      "CREATE TABLE machines(position INTEGER PRIMARY KEY, name TEXT, "
      "label TEXT, effective TEXT, detailed TEXT);";
  for (const std::string_view tier : kTierNames) {
    sql += fmt::format(
        "CREATE TABLE {}(point INTEGER PRIMARY KEY, key BLOB NOT NULL, "
        "status TEXT NOT NULL, message TEXT{});",
        tier, columns);
  }
  return sql +
         "CREATE VIEW points AS SELECT 'analytic' AS tier, * FROM analytic "
         "UNION ALL SELECT 'detailed', * FROM detailed;";
}

// The first line in which two texts differ, from 1.
size_t FirstDifference(std::string_view a, std::string_view b) {
  const auto [end, _] = std::ranges::mismatch(a, b);
  return 1 + static_cast<size_t>(std::count(a.begin(), end, '\n'));
}

Result<std::string> Meta(Sqlite& file, std::string_view name) {
  return file.Text(
      fmt::format("SELECT value FROM meta WHERE name = '{}'", name));
}

}  // namespace

// ---- FileLock ----

// Whether the file that is open is the one at `path`: whoever held the lock
// before removed its file, and may have done so after it was opened here.
static bool IsAt(int fd, const std::string& path) {
  struct stat open_one = {}, named = {};
  return ::fstat(fd, &open_one) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

Result<FileLock> FileLock::Take(const std::string& path) {
  FileLock lock;
  lock.path_ = path + ".lock";
  do {
    if (lock.fd_ >= 0) ::close(std::exchange(lock.fd_, -1));
    lock.fd_ = ::open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock.fd_ < 0) {
      return MakeError(ErrorCode::kIo, path + ": cannot be written");
    }
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(std::exchange(lock.fd_, -1));
      return MakeError(ErrorCode::kIo,
                       path +
                           ": another process is writing it; allowed one, or "
                           "a file for each --shard");
    }
  } while (!IsAt(lock.fd_, lock.path_));
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

// ---- Rewriting ----

Status Rewrite(Sqlite from, const std::string& to) {
  const std::string part = to + ".part";
  std::error_code ignored;
  fs::remove(part, ignored);
  // Counts how often a schema was written; the copy goes on counting.
  TRIPTYCH_TRY(from.Run("PRAGMA schema_version = 1"));
  TRIPTYCH_ASSIGN(Statement vacuum, from.Prepare("VACUUM INTO ?"));
  vacuum.Bind(1, std::string_view(part));
  TRIPTYCH_TRY(vacuum.Step());
  const int fd = ::open(part.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!synced) return MakeError(ErrorCode::kIo, part + ": cannot be written");
  // Everything is in the new file; a log beside it would be taken for its own.
  TRIPTYCH_TRY(from.Run("PRAGMA wal_checkpoint(TRUNCATE)"));
  {
    // The statement is the first to go: a connection with one stays open.
    const Sqlite closed = std::move(from);
    const Statement last = std::move(vacuum);
  }
  fs::remove(to + "-wal", ignored);
  fs::remove(to + "-shm", ignored);
  std::error_code failed;
  fs::rename(part, to, failed);
  if (failed) return MakeError(ErrorCode::kIo, to + ": cannot be written");
  return {};
}

// ---- Database ----

Result<Database> Database::Open(const std::string& path, const Study& study,
                                const Plan& plan) {
  TRIPTYCH_ASSIGN(FileLock lock, FileLock::Take(path));
  TRIPTYCH_ASSIGN(Sqlite file, Sqlite::Open(path, Sqlite::Mode::kCreate));
  Database database(std::move(lock), std::move(file));
  database.path_ = path;
  database.study_ = &study;
  database.plan_ = &plan;
  TRIPTYCH_ASSIGN(
      const int64_t objects,
      database.file_->Integer("SELECT count(*) FROM sqlite_schema"));
  if (objects == 0) {
    TRIPTYCH_TRY(database.Create());
  } else {
    TRIPTYCH_TRY(database.CheckSame());
    TRIPTYCH_ASSIGN(const std::string mode,
                    database.file_->Text("PRAGMA journal_mode"));
    database.writing_ = mode == "wal";  // it was not finished
  }
  return database;
}

Status Database::Create() {
  TRIPTYCH_TRY(file_->Run("PRAGMA page_size = 8192"));
  TRIPTYCH_TRY(BeginWriting());
  TRIPTYCH_TRY(file_->Run("BEGIN"));
  TRIPTYCH_TRY(file_->Run(SchemaOf(*study_)));
  const auto insert = [&](const std::string& table, auto... values) -> Status {
    std::string marks;
    for (size_t i = 0; i < sizeof...(values); ++i) marks += i ? ",?" : "?";
    TRIPTYCH_ASSIGN(
        Statement statement,
        file_->Prepare(fmt::format("INSERT INTO {} VALUES({})", table, marks)));
    int at = 0;
    (statement.Bind(++at, values), ...);
    TRIPTYCH_TRY(statement.Step());
    return {};
  };
  using View = std::string_view;
  TRIPTYCH_TRY(insert("meta", View("format"), int64_t{kFormat}));
  TRIPTYCH_TRY(insert("meta", View("name"), View(study_->name)));
  TRIPTYCH_TRY(insert("meta", View("about"), View(study_->about)));
  TRIPTYCH_TRY(insert("meta", View("design"),
                      View(kDesignNames[static_cast<size_t>(study_->design)])));
  TRIPTYCH_TRY(insert("meta", View("study"), View(study_->text)));
  TRIPTYCH_TRY(
      insert("meta", View("model_version"), View(study_->model_version)));
  TRIPTYCH_TRY(
      insert("meta", View("points"), static_cast<int64_t>(plan_->points())));
  int64_t position = 0;
  for (const ColumnSpec& c : ColumnsOf(*study_)) {
    TRIPTYCH_TRY(insert("columns", position++, View(c.name), c.role,
                        View(c.unit), View(c.key)));
  }
  position = 0;
  for (const Objective& o : study_->objectives) {
    TRIPTYCH_TRY(
        insert("objectives", position++, View(o.column), int64_t{o.maximise}));
  }
  position = 0;
  for (const Machine& m : study_->machines) {
    TRIPTYCH_TRY(insert("machines", position++, View(m.name), View(m.label),
                        View(m.effective), View(m.detailed)));
  }
  return file_->Run("COMMIT");
}

Status Database::CheckSame() {
  const auto format =
      file_->Integer("SELECT value FROM meta WHERE name = 'format'");
  if (!format || *format != kFormat) {
    return MakeError(ErrorCode::kInvalid,
                     path_ +
                         ": not a database of a study; allowed a new file, "
                         "or one that `triptych sweep` made");
  }
  TRIPTYCH_ASSIGN(const std::string text, Meta(*file_, "study"));
  if (text != study_->text) {
    TRIPTYCH_ASSIGN(const std::string name, Meta(*file_, "name"));
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: holds study \"{}\" as it was when line {} of {} was "
                    "another; allowed the same text, or another --db",
                    path_, name, FirstDifference(study_->text, text),
                    study_->file));
  }
  TRIPTYCH_ASSIGN(const std::string version, Meta(*file_, "model_version"));
  const std::string& here = study_->model_version;
  if (version == here) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: holds answers of model version {:.12}, this is {:.12}: "
                  "the machines, models or presets have changed; allowed "
                  "another --db",
                  path_, version, here));
}

// NORMAL in WAL mode: consistent after any end of the process, and no sync a
// commit; only a loss of power may undo the last commits.
Status Database::BeginWriting() {
  writing_ = true;
  return file_->Run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
      "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -65536");
}

Result<std::vector<uint32_t>> Database::Numbers(Tier tier) {
  TRIPTYCH_ASSIGN(Statement select,
                  file_->Prepare(fmt::format(
                      "SELECT point FROM {} ORDER BY point", TableOf(tier))));
  std::vector<uint32_t> numbers;
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, select.Step());
    if (!row) return numbers;
    numbers.push_back(static_cast<uint32_t>(select.Integer(0)));
  }
}

Result<Database::Counts> Database::Count(Tier tier) {
  TRIPTYCH_ASSIGN(
      Statement select,
      file_->Prepare(fmt::format(
          "SELECT status, count(*) FROM {} GROUP BY status", TableOf(tier))));
  Counts counts{};
  for (;;) {
    TRIPTYCH_ASSIGN(const bool row, select.Step());
    if (!row) return counts;
    const auto status = std::ranges::find(kStatusNames, select.Text(0));
    if (status == std::end(kStatusNames)) {
      return MakeError(ErrorCode::kCorrupt, fmt::format("{}: a status \"{}\"",
                                                        path_, select.Text(0)));
    }
    counts[static_cast<size_t>(status - std::begin(kStatusNames))] =
        static_cast<uint64_t>(select.Integer(1));
  }
}

Status Database::Forget(Tier tier, PointStatus status, const Shard& shard) {
  const std::string where = fmt::format(
      "FROM {} WHERE status = '{}' AND point % {} = {}", TableOf(tier),
      kStatusNames[static_cast<size_t>(status)], shard.count, shard.index);
  TRIPTYCH_ASSIGN(const int64_t count,
                  file_->Integer("SELECT count(*) " + where));
  if (count == 0) return {};
  if (!writing_) TRIPTYCH_TRY(BeginWriting());
  return file_->Run("DELETE " + where);
}

void Database::BindAxes(Statement& insert, uint32_t number, int& at) {
  plan_->At(number, point_);
  for (size_t a = 0; a < study_->axes.size(); ++a) {
    const Axis& axis = study_->axes[a];
    if (!axis.varies()) continue;
    const double value = point_.values[a];
    if (std::isnan(value)) {
      insert.BindNull(++at);
    } else if (axis.kind == AxisKind::kText) {
      insert.Bind(++at,
                  std::string_view(axis.texts[static_cast<size_t>(value)]));
    } else if (axis.kind == AxisKind::kNumber) {
      insert.Bind(++at, value);
    } else {
      insert.Bind(++at, static_cast<int64_t>(value));
    }
  }
}

Status Database::Add(Tier tier, const Row& row) {
  if (!writing_) TRIPTYCH_TRY(BeginWriting());
  auto& insert = insert_[static_cast<size_t>(tier)];
  if (!insert) {
    std::string marks = "?";
    for (size_t i = 0; i < ColumnsOf(*study_).size() + 3; ++i) marks += ",?";
    TRIPTYCH_ASSIGN(Statement statement,
                    file_->Prepare(fmt::format("INSERT INTO {} VALUES({})",
                                               TableOf(tier), marks)));
    insert.emplace(std::move(statement));
  }
  if (!in_transaction_) {
    TRIPTYCH_TRY(file_->Run("BEGIN"));
    in_transaction_ = true;
    began_ns_ = NowNs();
  }
  int at = 0;
  insert->Bind(++at, int64_t{row.number});
  insert->BindBlob(++at, row.key);
  insert->Bind(++at, kStatusNames[static_cast<size_t>(row.status)]);
  if (row.message.empty()) {
    insert->BindNull(++at);
  } else {
    insert->Bind(++at, std::string_view(row.message));
  }
  BindAxes(*insert, row.number, at);
  for (size_t i = 0; i < study_->measures(); ++i) {
    insert->Bind(++at, row.measures[i]);
  }
  if (row.bound.empty()) {
    insert->BindNull(++at);
  } else {
    insert->Bind(++at, std::string_view(row.bound));
  }
  for (const double value : row.derived) insert->Bind(++at, value);
  const auto done = insert->Step();
  insert->Reset();
  if (!done) return std::unexpected(done.error());
  return {};
}

Status Database::Commit() {
  if (!in_transaction_) return {};
  in_transaction_ = false;
  return file_->Run("COMMIT");
}

Status Database::CommitIfDue() {
  if (!in_transaction_ || NowNs() - began_ns_ < kCommitNs) return {};
  return Commit();
}

Status Database::Suspend() {
  TRIPTYCH_TRY(Commit());
  if (!writing_) return {};
  return file_->Run("PRAGMA wal_checkpoint(TRUNCATE)");
}

Status Database::Finish() {
  TRIPTYCH_TRY(Commit());
  if (!writing_) return {};
  writing_ = false;
  for (auto& insert : insert_) insert.reset();
  TRIPTYCH_TRY(Rewrite(*std::exchange(file_, std::nullopt), path_));
  TRIPTYCH_ASSIGN(Sqlite again, Sqlite::Open(path_, Sqlite::Mode::kWrite));
  file_.emplace(std::move(again));
  return {};
}

}  // namespace triptych::sweep
