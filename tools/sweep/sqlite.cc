// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>

namespace triptych::sweep {
namespace {

constexpr int kBusyMs = 10'000;  // patience with another reader or writer

std::unexpected<Error> Failure(sqlite3* database, const std::string& path) {
  return MakeError(ErrorCode::kIo,
                   fmt::format("{}: {}", path, sqlite3_errmsg(database)));
}

}  // namespace

std::string SqlName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

// ---- Statement ----

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::Bind(int parameter, double value) {
  // SQLite takes a NaN for NULL; said here so that nobody has to know.
  if (std::isnan(value)) return BindNull(parameter);
  sqlite3_bind_double(handle_.get(), parameter, value);
}
void Statement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(handle_.get(), parameter, value);
}
void Statement::Bind(int parameter, std::string_view text) {
  sqlite3_bind_text(handle_.get(), parameter, text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}
void Statement::BindBlob(int parameter, std::span<const uint8_t> bytes) {
  sqlite3_bind_blob(handle_.get(), parameter, bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_STATIC);
}
void Statement::BindNull(int parameter) {
  sqlite3_bind_null(handle_.get(), parameter);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Failure(sqlite3_db_handle(handle_.get()), path_);
}
void Statement::Reset() { sqlite3_reset(handle_.get()); }

double Statement::Double(int column) const {
  if (IsNull(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(handle_.get(), column);
}
int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}
std::string_view Statement::Text(int column) const {
  const auto* text = sqlite3_column_text(handle_.get(), column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}
bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}
bool Statement::IsText(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_TEXT;
}
bool Statement::IsInteger(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_INTEGER;
}
int Statement::columns() const { return sqlite3_column_count(handle_.get()); }
std::string Statement::Name(int column) const {
  return sqlite3_column_name(handle_.get(), column);
}

// ---- Sqlite ----

void Sqlite::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Result<Sqlite> Sqlite::Open(const std::string& path, Mode mode) {
  const int flags = mode == Mode::kRead ? SQLITE_OPEN_READONLY
                    : mode == Mode::kWrite
                        ? SQLITE_OPEN_READWRITE
                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  Sqlite database;
  database.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return Failure(handle, path);
  sqlite3_busy_timeout(handle, kBusyMs);
  return database;
}

Status Sqlite::Run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    return Failure(handle_.get(), path_);
  }
  return {};
}

Result<Statement> Sqlite::Prepare(const std::string& sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(
          handle_.get(), sql.c_str(), static_cast<int>(sql.size()),
          SQLITE_PREPARE_PERSISTENT, &handle, nullptr) != SQLITE_OK) {
    return Failure(handle_.get(), path_);
  }
  Statement statement;
  statement.handle_.reset(handle);
  statement.path_ = path_;
  return statement;
}

Result<std::string> Sqlite::Text(const std::string& sql) {
  TRIPTYCH_ASSIGN(Statement statement, Prepare(sql));
  TRIPTYCH_ASSIGN(const bool row, statement.Step());
  return row ? std::string(statement.Text(0)) : std::string();
}

Result<int64_t> Sqlite::Integer(const std::string& sql) {
  TRIPTYCH_ASSIGN(Statement statement, Prepare(sql));
  TRIPTYCH_ASSIGN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

}  // namespace triptych::sweep
