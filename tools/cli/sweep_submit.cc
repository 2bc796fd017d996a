// sweep submit: a study as a job array of Slurm.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/slurm/array.h"
#include "tools/sweep/database.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/study.h"

namespace triptych::cli {
namespace {

namespace fs = std::filesystem;
using sweep::Database;
using sweep::Plan;
using sweep::Shard;
using sweep::Study;
using sweep::Tier;

std::atomic<int> interrupted = 0;

// Ctrl-C ends the following, not what is followed.
void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int number) { interrupted = number; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

// As the signal would have ended us, so that a script sees why.
[[noreturn]] void EndBySignal(int number) {
  std::signal(number, SIG_DFL);
  std::raise(number);
  std::abort();  // a signal that is blocked
}

// False if interrupted.
bool Pause(double seconds) {
  constexpr timespec kMoment = {.tv_sec = 0, .tv_nsec = 50'000'000};
  for (double slept = 0; slept < seconds && interrupted == 0; slept += 0.05) {
    ::nanosleep(&kMoment, nullptr);
  }
  return interrupted == 0;
}

std::string ShardPath(const std::string& db, int shard) {
  return fmt::format("{}.shard-{}", db, shard);
}

// Whether the database at `path` has all of `shard`'s points. A file that is
// not there has none.
Result<slurm::Work> LookInto(const std::string& path, const Study& study,
                             const Plan& plan, const Shard& shard) {
  if (!fs::exists(path)) return slurm::Work::kMissing;
  if (!sweep::FileLock::Take(path)) return slurm::Work::kHeld;
  TRIPTYCH_ASSIGN(Database database, Database::Open(path, study, plan));
  TRIPTYCH_ASSIGN(const auto there, database.Numbers(Tier::kAnalytic));
  return std::ranges::includes(there, plan.Numbers(shard))
             ? slurm::Work::kDone
             : slurm::Work::kMissing;
}

// What the tasks of `options` run. Everything is absolute: a task starts in
// whatever folder the cluster likes.
slurm::ArrayJob JobOf(const SweepSubmitOptions& options) {
  const std::string db = fs::absolute(options.db).lexically_normal();
  const std::string study = fs::absolute(options.study).lexically_normal();
  const std::string triptych = fs::read_symlink("/proc/self/exe");
  return {
      // The same work has the same name, whoever asks from where.
      .name = fmt::format("triptych-{}-{}", sweep::Sha256Hex(db).substr(0, 12),
                          options.tasks),
      .command = fmt::format(
          "exec {} sweep {} --db {}.shard-\"$TASK\" --shard \"$TASK\"/{} "
          "--threads {}",
          slurm::ShellQuote(triptych), slurm::ShellQuote(study),
          slurm::ShellQuote(db), options.tasks, options.cpus),
      .tasks = options.tasks,
      .cpus = options.cpus,
      .logs = db + ".log",
      .partition = options.partition,
      .time = options.time,
  };
}

slurm::Surroundings SurroundingsOf(const SweepSubmitOptions& options,
                                   const Study& study, const Plan& plan) {
  const auto count = static_cast<uint64_t>(options.tasks);
  return {
      .look =
          [&options, &study, &plan, count](int task) {
            return LookInto(ShardPath(options.db, task), study, plan,
                            {static_cast<uint64_t>(task), count});
          },
      .show =
          [last = slurm::Standing()](const slurm::Standing& now) mutable {
            if (now == last) return;
            last = now;
            fmt::print(stderr, "{} done, {} running, {} waiting\n", now.done,
                       now.running, now.waiting);
          },
      .say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); },
      .pause = [&options] { return options.wait && Pause(options.poll_s); },
  };
}

Result<slurm::Outcome> RunArray(const SweepSubmitOptions& options,
                                const Study& study, const Plan& plan) {
  CatchInterrupts();
  const slurm::ArrayJob job = JobOf(options);
  const std::string script = options.db + ".sbatch";
  TRIPTYCH_TRY(WriteFile(
      script, [&](std::ostream& out) { out << slurm::BatchScript(job); }));
  return slurm::Follow(slurm::Client(slurm::RunProgram), job, script,
                       SurroundingsOf(options, study, plan));
}

Result<sweep::Merged> MergeShards(const SweepSubmitOptions& options) {
  std::vector<std::string> shards;
  for (int task = 0; task < options.tasks; ++task) {
    shards.push_back(ShardPath(options.db, task));
  }
  return sweep::Merge(options.db, shards);
}

nlohmann::json ToJson(const SweepSubmitOptions& options,
                      const slurm::Outcome& outcome, uint64_t points) {
  return {{"tasks", options.tasks},
          {"complete", outcome.standing.done},
          {"running", outcome.standing.running},
          {"waiting", outcome.standing.waiting},
          {"submitted", outcome.submitted},
          {"resubmitted", outcome.resubmitted},
          {"jobs", outcome.jobs},
          {"merged", outcome.complete()},
          {"points", points}};
}

// What is left when this command ends before its jobs do.
int LeaveJobs(const SweepSubmitOptions& options,
              const slurm::Outcome& outcome) {
  const slurm::Standing& s = outcome.standing;
  const std::string where =
      fmt::format("{} of {} tasks done, {} running, {} waiting", s.done,
                  options.tasks, s.running, s.waiting);
  if (interrupted != 0) {
    fmt::print(stderr,
               "{}: interrupted; the jobs go on. The same command comes back "
               "to them.\n",
               where);
    EndBySignal(interrupted);
  }
  Print(options.json, where +
                          "; the same command looks again, with --wait "
                          "until all is merged\n");
  return kOk;
}

}  // namespace

Result<int> SweepSubmitCommand(const SweepSubmitOptions& options) {
  if (!options.slurm) {
    return MakeError(ErrorCode::kInvalid,
                     "sweep submit: to what? allowed: --slurm (other "
                     "schedulers: sweep --shard i/n, then sweep merge)");
  }
  TRIPTYCH_TRY(CheckWritable(options.db));
  TRIPTYCH_ASSIGN(const Study study, sweep::LoadStudy(options.study));
  TRIPTYCH_ASSIGN(const Plan plan, Plan::Make(study));
  slurm::Outcome outcome{.standing = {.done = options.tasks}, .jobs = {}};
  TRIPTYCH_ASSIGN(const slurm::Work whole,
                  LookInto(options.db, study, plan, Shard()));
  if (whole != slurm::Work::kDone) {
    TRIPTYCH_ASSIGN(outcome, RunArray(options, study, plan));
    if (outcome.complete()) TRIPTYCH_TRY(MergeShards(options));
  }
  TRIPTYCH_TRY(WriteJson(
      options.json, "sweep submit",
      nlohmann::json::array({ToJson(options, outcome, plan.points())})));
  if (!outcome.complete()) return LeaveJobs(options, outcome);
  Print(options.json,
        fmt::format("{}: {} points of {} tasks{}\n", options.db, plan.points(),
                    options.tasks,
                    outcome.resubmitted > 0
                        ? fmt::format(", {} of them submitted again",
                                      outcome.resubmitted)
                        : ""));
  return kOk;
}

}  // namespace triptych::cli
