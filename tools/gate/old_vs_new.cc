// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/old_vs_new.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::gate {
namespace {

namespace fs = std::filesystem;

// A file that is gone when this is.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::string pattern =
        (fs::temp_directory_path() / "triptych-gate-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    if (file >= 0) ::close(file);
    if (file >= 0) path_ = pattern;
  }
  ~TemporaryFile() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }  // "" if there is none

 private:
  std::string path_;
};

Status RunProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& a : arguments) {
    argv.push_back(const_cast<char*>(a.c_str()));  // execv's signature
  }
  argv.push_back(nullptr);
  pid_t child = 0;
  int status = 0;
  if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) !=
      0) {
    return MakeError(ErrorCode::kIo,
                     arguments[0] + ": cannot be run as a program");
  }
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return MakeError(ErrorCode::kIo, arguments[0] + ": is lost");
    }
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: gate: {}", arguments[0],
                  WIFEXITED(status)
                      ? fmt::format("exit code {}", WEXITSTATUS(status))
                      : fmt::format("signal {}", WTERMSIG(status))));
}

Result<Results> MeasureWithProgram(const Suite& suite, const Side& side,
                                   const MeasureOptions& options) {
  const TemporaryFile file;
  if (file.path().empty()) {
    return MakeError(ErrorCode::kIo, "no temporary file can be made in " +
                                         fs::temp_directory_path().string());
  }
  std::vector<std::string> arguments = {fs::absolute(side.build).string(),
                                        "gate",
                                        suite.file,
                                        "--measure",
                                        file.path(),
                                        "--threads",
                                        fmt::format("{}", options.threads)};
  if (options.seed) {
    arguments.insert(arguments.end(),
                     {"--seed", fmt::format("{}", *options.seed)});
  }
  if (!side.target.empty()) {
    arguments.insert(arguments.end(), {"-t", side.target});
  }
  for (const std::string& assignment : side.set) {
    arguments.insert(arguments.end(), {"--set", assignment});
  }
  TRIPTYCH_TRY(RunProgram(arguments));
  return ReadBaseline(file.path());
}

// What both sides of a row are called: the target, if it is the same, and
// what became of the preset.
void NameAlike(Results& old, Results& now) {
  if (old.rows.size() != now.rows.size()) return;
  for (size_t i = 0; i < now.rows.size(); ++i) {
    Row &o = old.rows[i], &n = now.rows[i];
    if (o.case_name != n.case_name || o.phase != n.phase || o.op != n.op) {
      return;
    }
  }
  for (size_t i = 0; i < now.rows.size(); ++i) {
    Row &o = old.rows[i], &n = now.rows[i];
    if (o.Label() == n.Label()) continue;
    const std::string preset = o.target == n.target
                                   ? o.preset + ">" + n.preset
                                   : o.Label() + ">" + n.Label();
    const std::string target = o.target == n.target ? n.target : "both";
    o.preset = n.preset = preset;
    o.target = n.target = target;
  }
}

void AddHostTimes(const Results& more, Results& all) {
  for (Row& row : all.rows) {
    const Row* again = more.FindRow(row);
    if (again == nullptr) continue;
    row.host_s.insert(row.host_s.end(), again->host_s.begin(),
                      again->host_s.end());
  }
}

}  // namespace

Side SideOf(const std::string& text, std::vector<std::string> set) {
  const bool program = fs::is_regular_file(text) && !text.ends_with(".toml") &&
                       ::access(text.c_str(), X_OK) == 0;
  Side side{.build = "", .target = "", .set = std::move(set)};
  (program ? side.build : side.target) = text;
  return side;
}

Result<Results> MeasureSide(const Suite& suite, const Side& side,
                            const MeasureOptions& options) {
  if (!side.build.empty()) return MeasureWithProgram(suite, side, options);
  Suite mine = suite;
  for (Case& c : mine.cases) {
    if (!side.target.empty()) c.targets = {side.target};
    c.set.insert(c.set.end(), side.set.begin(), side.set.end());
  }
  return Measure(mine, options);
}

Result<OldAndNew> MeasureBoth(const Suite& suite, const Side& old,
                              const Side& now, int repeats,
                              const MeasureOptions& options) {
  OldAndNew both;
  for (int i = 0; i < repeats; ++i) {
    TRIPTYCH_ASSIGN(Results o, MeasureSide(suite, old, options));
    TRIPTYCH_ASSIGN(Results n, MeasureSide(suite, now, options));
    if (i == 0) {
      both = {std::move(o), std::move(n)};
    } else {
      AddHostTimes(o, both.old);
      AddHostTimes(n, both.now);
    }
  }
  NameAlike(both.old, both.now);
  return both;
}

}  // namespace triptych::gate
