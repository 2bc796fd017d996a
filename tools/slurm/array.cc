// SPDX-License-Identifier: Apache-2.0
#include "tools/slurm/array.h"

#include <fmt/format.h>

#include <algorithm>

namespace triptych::slurm {
namespace {

// A file name in sbatch's --output, where % begins a replacement symbol.
std::string OutputPattern(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '%') out += '%';
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

class Follower {
 public:
  Follower(const Client& client, const ArrayJob& job, const std::string& script,
           const Surroundings& world)
      : client_(client),
        job_(job),
        script_(script),
        world_(world),
        tries_(static_cast<size_t>(job.tasks)),
        done_(static_cast<size_t>(job.tasks)) {}

  Result<Outcome> Run() {
    bool answered = false;  // before that, a silence is the user's error
    for (int silence = 0;;) {
      const auto queue = client_.Queue(job_.name);
      if (queue) {
        answered = true;
        silence = 0;
        TRIPTYCH_TRY(Reconcile(*queue));
      } else if (!answered || ++silence > kMaxSilence) {
        return std::unexpected(queue.error());
      }
      world_.show(outcome_.standing);
      if (outcome_.complete() || !world_.pause()) return outcome_;
    }
  }

 private:
  // The queue was read first: a task that is not in it has ended, so what it
  // left behind is all that it will leave.
  Status Reconcile(const std::vector<QueuedTask>& queue) {
    std::vector<bool> queued(done_.size());
    Standing now;
    for (const QueuedTask& task : queue) {
      if (task.task < 0 || task.task >= job_.tasks) continue;
      if (task.stuck()) {
        world_.say(fmt::format("task {}: {}; starting it anew", task.task,
                               task.reason));
        TRIPTYCH_TRY(client_.Cancel(task));
        continue;
      }
      if (queued[static_cast<size_t>(task.task)]) continue;
      queued[static_cast<size_t>(task.task)] = true;
      ++(task.running() ? now.running : now.waiting);
    }
    std::vector<int> missing;
    for (int task = 0; task < job_.tasks; ++task) {
      const auto i = static_cast<size_t>(task);
      if (queued[i]) continue;
      Work work = Work::kDone;  // and what is done stays so
      if (!done_[i]) {
        TRIPTYCH_ASSIGN(work, world_.look(task));
      }
      done_[i] = work == Work::kDone;
      now.done += done_[i] ? 1 : 0;
      now.running += work == Work::kHeld ? 1 : 0;
      if (work == Work::kMissing) missing.push_back(task);
    }
    now.waiting += static_cast<int>(missing.size());
    outcome_.standing = now;
    return missing.empty() ? Status() : Submit(missing);
  }

  Status Submit(const std::vector<int>& tasks) {
    for (const int task : tasks) {
      int& tries = tries_[static_cast<size_t>(task)];
      if (tries == kMaxTries) {
        return MakeError(
            ErrorCode::kInvalid,
            fmt::format("task {}: ended {} times before its work was done; "
                        "its log: {}.{}",
                        task, kMaxTries, job_.logs, task));
      }
      ++(tries == 0 ? outcome_.submitted : outcome_.resubmitted);
      ++tries;
    }
    TRIPTYCH_ASSIGN(const std::string id, client_.Submit(script_, tasks));
    outcome_.jobs.push_back(id);
    world_.say(fmt::format("submitted job {}: tasks {}", id, ArraySpec(tasks)));
    return {};
  }

  const Client& client_;
  const ArrayJob& job_;
  const std::string& script_;
  const Surroundings& world_;
  std::vector<int> tries_;  // submissions of this call
  std::vector<bool> done_;
  Outcome outcome_;
};

}  // namespace

std::string ShellQuote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string BatchScript(const ArrayJob& job) {
  std::string script = "#!/bin/sh\n";
  const auto option = [&script](std::string_view name, std::string_view value) {
    if (!value.empty()) script += fmt::format("#SBATCH --{}={}\n", name, value);
  };
  option("job-name", job.name);
  option("cpus-per-task", std::to_string(job.cpus));
  option("partition", job.partition);
  option("time", job.time);
  option("output", fmt::format("\"{}.%a\"", OutputPattern(job.logs)));
  script +=
      "#SBATCH --open-mode=append\n"
      "#SBATCH --requeue\n"
      "TASK=$SLURM_ARRAY_TASK_ID\n";
  return script + job.command + "\n";
}

Result<Outcome> Follow(const Client& client, const ArrayJob& job,
                       const std::string& script, const Surroundings& world) {
  return Follower(client, job, script, world).Run();
}

}  // namespace triptych::slurm
