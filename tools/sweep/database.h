// Results that survive: one SQLite file a study (or a shard of it).
//
//   meta(name, value)      format, name, about, study (its text),
//                          model_version, points (of the design, to be had)
//   columns(position, name, role, unit, key)
//                          of the tables below; `key` of a parameter's axis
//   objectives(position, name, maximise)
//   machines(name, label, effective, detailed)
//                          with the whole configuration of each, as TOML, in
//                          the one tier and in the other
//   analytic, detailed     one row a point: point (its number), key, status,
//                          message, then the columns
//   points                 a view of both, with a column `tier`
//
// While points are added the file is in WAL mode, and a commit comes several
// times a second: what ends the process, if it is not the machine's power,
// loses the rows since. A finished file is rewritten whole, in the order of
// points, and holds no time, host or path: the same study gives the same
// bytes, whoever computed which part of it when.
//
// The number of a point is the row's id, so that rows go to the end of a
// table and not into the middle of an index of hashes. Within a file number
// and key say the same; the key is there for whoever joins several studies.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_DATABASE_H_
#define TRIPTYCH_TOOLS_SWEEP_DATABASE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/point.h"
#include "tools/sweep/runner.h"
#include "tools/sweep/sqlite.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

// Held while a file is written; beside it as "F.lock".
class FileLock {
 public:
  // Error: another process holds it.
  static Result<FileLock> Take(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  FileLock() = default;
  std::string path_;
  int fd_ = -1;
};

// Rewrites the open database `from` to `to`, whole and in order, and puts it
// there in one step. `from` may be `to`.
Status Rewrite(Sqlite from, const std::string& to);

// The one writer of a file.
class Database {
 public:
  // Opens or makes `path`. Errors: another process writes it; it is of
  // another study (a changed study is another one: points that are there
  // would not have its columns) or of another model version. Keeps pointers
  // to the study and the plan.
  static Result<Database> Open(const std::string& path, const Study& study,
                               const Plan& plan);

  // Numbers of the points that are there, rising.
  Result<std::vector<uint32_t>> Numbers(Tier tier);
  // How many there are of each status.
  using Counts = std::array<uint64_t, std::size(kStatusNames)>;
  Result<Counts> Count(Tier tier);

  // Takes out points of a status, to be done again.
  Status Forget(Tier tier, PointStatus status);
  Status Add(Tier tier, const Row& row);
  // Commits if the last commit is a while ago.
  Status CommitIfDue();
  // Commits, and leaves a file that can be opened again.
  Status Suspend();
  // Commits and rewrites; nothing is done to a file that is as it was.
  Status Finish();

  const std::string& path() const { return path_; }

 private:
  Database(FileLock lock, Sqlite file)
      : lock_(std::move(lock)), file_(std::move(file)) {}
  Status Create();
  Status CheckSame();
  Status BeginWriting();
  Status Commit();
  void BindAxes(Statement& insert, uint32_t number, int& at);

  std::string path_;
  const Study* study_ = nullptr;
  const Plan* plan_ = nullptr;
  FileLock lock_;
  std::optional<Sqlite> file_;
  // Statements go before the file does.
  std::array<std::optional<Statement>, 2> insert_;
  bool writing_ = false;  // in WAL mode: to be rewritten
  bool in_transaction_ = false;
  int64_t began_ns_ = 0;
  Point point_;  // scratch
};

// Merges files of one study: OUT holds what any of them holds, and equals the
// file of a single run if they have all points. Of a point that several have,
// one that is ok counts. Errors: files of different studies or versions.
struct Merged {
  uint64_t points = 0;    // in the analytic tier
  uint64_t expected = 0;  // of the design
};
Result<Merged> Merge(const std::string& out,
                     std::span<const std::string> inputs);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_DATABASE_H_
