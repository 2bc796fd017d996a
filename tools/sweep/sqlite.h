// SQLite with errors that are values and handles that close themselves.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_SQLITE_H_
#define TRIPTYCH_TOOLS_SWEEP_SQLITE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace triptych::sweep {

// "name" as an identifier of SQL, quoted.
std::string SqlName(std::string_view name);

// A prepared statement. Parameters are numbered from 1, columns from 0.
// Bound texts and blobs must live until the next Reset.
class Statement {
 public:
  void Bind(int parameter, double value);  // NaN is NULL
  void Bind(int parameter, int64_t value);
  void Bind(int parameter, std::string_view text);
  void BindBlob(int parameter, std::span<const uint8_t> bytes);
  void BindNull(int parameter);
  // True if there is a row.
  Result<bool> Step();
  void Reset();

  double Double(int column) const;  // NaN of NULL
  int64_t Integer(int column) const;
  std::string_view Text(int column) const;  // until the next Step
  bool IsNull(int column) const;
  bool IsText(int column) const;
  bool IsInteger(int column) const;
  int columns() const;
  std::string Name(int column) const;

 private:
  friend class Sqlite;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  std::string path_;
};

class Sqlite {
 public:
  enum class Mode { kRead, kWrite, kCreate };
  // Errors start with `path`.
  static Result<Sqlite> Open(const std::string& path, Mode mode);
  Status Run(const std::string& sql);
  Result<Statement> Prepare(const std::string& sql);
  // The first column of the first row; "" if there is no row.
  Result<std::string> Text(const std::string& sql);
  // The same as a number; 0 if there is no row.
  Result<int64_t> Integer(const std::string& sql);
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_SQLITE_H_
