// Job arrays on a cluster that is made of a few vectors.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tools/slurm/array.h"
#include "tools/slurm/client.h"
#include "tools/slurm/run_program.h"

namespace triptych::slurm {
namespace {

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Runs two tasks at a time, each for one pause.
class FakeCluster {
 public:
  struct Task {
    std::string job;
    int task;
    std::string state = "PENDING", reason = "None";
  };
  std::vector<Task> queue;
  std::vector<std::string> submissions;  // values of --array
  std::map<int, bool> done;
  std::function<bool(int)> lose = [](int) { return false; };  // when it ends
  int silent = 0;  // so many squeues fail
  int held = -1;   // a task whose process outlived its job

  Runner Run() {
    return
        [this](const std::vector<std::string>& argv) { return Answer(argv); };
  }

  Result<Work> Look(int task) {
    if (held == task) return Work::kHeld;
    return done[task] ? Work::kDone : Work::kMissing;
  }

  void Tick() {
    std::erase_if(queue, [this](const Task& task) {
      if (task.state != "RUNNING") return false;
      done[task.task] = !lose(task.task);
      return true;
    });
    int started = 0;
    for (Task& task : queue) {
      if (task.reason == "None" && started++ < 2) task.state = "RUNNING";
    }
  }

 private:
  Result<ProgramOutput> Answer(const std::vector<std::string>& argv) {
    if (argv[0] == "squeue") {
      if (silent-- > 0) return ProgramOutput{1, "", "no controller\n"};
      CHECK(argv[2] == "--name=work");
      std::string out;
      for (const Task& t : queue) {
        out += t.job + "|" + std::to_string(t.task) + "|" + t.state + "|" +
               t.reason + "\n";
      }
      return ProgramOutput{0, out, ""};
    }
    if (argv[0] == "scancel") {
      std::erase_if(queue, [&](const Task& t) {
        return argv[1] == t.job + "_" + std::to_string(t.task);
      });
      return ProgramOutput{};
    }
    REQUIRE(argv[0] == "sbatch");
    REQUIRE(argv.back() == "work.sh");
    const std::string job = std::to_string(100 + submissions.size());
    submissions.push_back(argv[2].substr(argv[2].find('=') + 1));
    for (const int task : Expand(submissions.back())) {
      queue.push_back({job, task});
    }
    return ProgramOutput{0, job + ";cluster\n", ""};
  }

  static std::vector<int> Expand(const std::string& spec) {
    std::vector<int> tasks;
    for (size_t at = 0; at < spec.size();) {
      size_t used = 0;
      const int first = std::stoi(spec.substr(at), &used);
      at += used;
      int last = first;
      if (at < spec.size() && spec[at] == '-') {
        last = std::stoi(spec.substr(at + 1), &used);
        at += 1 + used;
      }
      for (int task = first; task <= last; ++task) tasks.push_back(task);
      ++at;  // the comma
    }
    return tasks;
  }
};

struct Followed {
  Result<Outcome> outcome;
  std::vector<Standing> standings;
  std::vector<std::string> said;
};

Followed FollowOn(FakeCluster& cluster, int tasks, int max_pauses = 1000) {
  Followed f;
  const ArrayJob job{.name = "work", .tasks = tasks, .logs = "work.log"};
  const Surroundings world{
      .look = [&](int task) { return cluster.Look(task); },
      .show = [&](const Standing& s) { f.standings.push_back(s); },
      .say = [&](const std::string& line) { f.said.push_back(line); },
      .pause =
          [&] {
            cluster.Tick();
            return max_pauses-- > 0;
          },
  };
  f.outcome = Follow(Client(cluster.Run()), job, "work.sh", world);
  return f;
}

TEST_CASE("an array runs to its end, and every task is somewhere") {
  FakeCluster cluster;
  const Followed f = FollowOn(cluster, 5);
  REQUIRE(f.outcome.has_value());
  CHECK(f.outcome->complete());
  CHECK(f.outcome->submitted == 5);
  CHECK(f.outcome->resubmitted == 0);
  CHECK(cluster.submissions == std::vector<std::string>{"0-4"});
  CHECK(f.outcome->jobs == std::vector<std::string>{"100"});
  for (const Standing& s : f.standings) {
    CHECK(s.done + s.running + s.waiting == 5);
  }
  CHECK(f.standings.front() == Standing{0, 0, 5});
  CHECK(f.standings.back() == Standing{5, 0, 0});
}

TEST_CASE("tasks that were lost are submitted again, and only those") {
  FakeCluster cluster;
  std::map<int, int> losses = {{1, 1}, {3, 2}};
  cluster.lose = [&](int task) { return losses[task]-- > 0; };
  const Followed f = FollowOn(cluster, 5);
  REQUIRE(f.outcome.has_value());
  CHECK(f.outcome->complete());
  CHECK(f.outcome->resubmitted == 3);
  CHECK(cluster.submissions == std::vector<std::string>{"0-4", "1", "3", "3"});
}

TEST_CASE("work that is done or under way is not submitted") {
  FakeCluster cluster;
  cluster.done[0] = cluster.done[4] = true;
  cluster.queue.push_back({"7", 2, "RUNNING"});
  const Followed f = FollowOn(cluster, 5);
  REQUIRE(f.outcome.has_value());
  CHECK(f.outcome->complete());
  CHECK(cluster.submissions == std::vector<std::string>{"1,3"});
}

TEST_CASE("whoever stops following loses nothing") {
  FakeCluster cluster;
  const Followed first = FollowOn(cluster, 6, 1);
  REQUIRE(first.outcome.has_value());
  CHECK_FALSE(first.outcome->complete());
  CHECK_FALSE(cluster.queue.empty());
  const Followed second = FollowOn(cluster, 6);
  REQUIRE(second.outcome.has_value());
  CHECK(second.outcome->complete());
  CHECK(second.outcome->submitted == 0);
  CHECK(cluster.submissions.size() == 1);
}

TEST_CASE("work that a lost process still holds is left to it") {
  FakeCluster cluster;
  cluster.held = 1;
  const Followed f = FollowOn(cluster, 3, 10);
  REQUIRE(f.outcome.has_value());
  CHECK(f.outcome->standing == Standing{2, 1, 0});
  CHECK(cluster.submissions == std::vector<std::string>{"0,2"});
}

TEST_CASE("a task that never gets done is an error with its log") {
  FakeCluster cluster;
  cluster.lose = [](int task) { return task == 2; };
  const Followed f = FollowOn(cluster, 3);
  REQUIRE_FALSE(f.outcome.has_value());
  CHECK(Has(f.outcome.error().message, "task 2: ended 4 times"));
  CHECK(Has(f.outcome.error().message, "work.log.2"));
  CHECK(cluster.submissions.size() == kMaxTries);
}

TEST_CASE("what Slurm holds after a failed launch is started anew") {
  FakeCluster cluster;
  cluster.queue.push_back({"7", 1, "PENDING", "launch failed requeued held"});
  cluster.queue.push_back({"7", 0, "PENDING", "JobHeldUser"});
  Followed f = FollowOn(cluster, 2, 20);
  REQUIRE(f.outcome.has_value());
  CHECK(cluster.done[1]);
  // What a user holds is the user's to release.
  CHECK(f.outcome->standing == Standing{1, 0, 1});
}

TEST_CASE("a controller that restarts is waited for, one that never was not") {
  FakeCluster cluster;
  const Followed before = FollowOn(cluster, 2, 0);
  REQUIRE(before.outcome.has_value());
  int pauses = 0;
  const ArrayJob job{.name = "work", .tasks = 2, .logs = "work.log"};
  Surroundings world{
      .look = [&](int task) { return cluster.Look(task); },
      .show = [](const Standing&) {},
      .say = [](const std::string&) {},
      .pause =
          [&] {
            if (++pauses == 1) cluster.silent = kMaxSilence;
            cluster.Tick();
            return true;
          },
  };
  const auto outcome = Follow(Client(cluster.Run()), job, "work.sh", world);
  REQUIRE(outcome.has_value());
  CHECK(outcome->complete());
  CHECK(pauses > kMaxSilence);
  cluster.silent = 1;
  cluster.done.clear();
  const auto absent = Follow(Client(cluster.Run()), job, "work.sh", world);
  REQUIRE_FALSE(absent.has_value());
  CHECK(absent.error().message == "squeue: exit status 1: no controller");
}

TEST_CASE("lists of tasks are as sbatch wants them") {
  CHECK(ArraySpec(std::vector{0, 1, 2, 3, 7}) == "0-3,7");
  CHECK(ArraySpec(std::vector{5}) == "5");
  CHECK(ArraySpec(std::vector{1, 3, 4}) == "1,3-4");
}

TEST_CASE("a batch script says what was asked for") {
  const std::string script = BatchScript({.name = "work",
                                          .command = "echo \"$TASK\"",
                                          .tasks = 3,
                                          .cpus = 2,
                                          .logs = "a 100%/log",
                                          .partition = "fast",
                                          .time = ""});
  CHECK(script.starts_with("#!/bin/sh\n#SBATCH --job-name=work\n"));
  CHECK(Has(script, "#SBATCH --partition=fast\n"));
  CHECK(Has(script, "#SBATCH --output=\"a 100%%/log.%a\"\n"));
  CHECK_FALSE(Has(script, "--time"));
  CHECK_FALSE(Has(script, "--array"));
  CHECK(script.ends_with("\necho \"$TASK\"\n"));
}

TEST_CASE("programs run, and say how they ended") {
  const auto echo = RunProgram({"sh", "-c", "echo out; echo bad >&2; exit 3"});
  REQUIRE(echo.has_value());
  CHECK(echo->status == 3);
  CHECK(echo->out == "out\n");
  CHECK(echo->errors == "bad\n");
  const std::string odd = "it's $HOME \"and\" more";
  const auto quoted = RunProgram({"sh", "-c", "printf %s " + ShellQuote(odd)});
  REQUIRE(quoted.has_value());
  CHECK(quoted->out == odd);
  // More than a pipe holds, on the stream that is read second.
  const auto long_output =
      RunProgram({"sh", "-c", "yes | head -c 300000 >&2; kill -9 $$"});
  REQUIRE(long_output.has_value());
  CHECK(long_output->errors.size() == 300000);
  CHECK(long_output->status == 128 + 9);
  CHECK_FALSE(RunProgram({"no-such-program-here"}).has_value());
}

}  // namespace
}  // namespace triptych::slurm
