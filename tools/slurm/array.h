// A job array whose tasks all end with their work done, whatever happens to
// the machines.
//
// Nothing is remembered between calls. What waits or runs is what the queue
// says, what is done is what `look` says (it looks at the work itself), and
// whatever is neither is submitted. So the same call continues after Ctrl-C,
// after a reboot, and from another login node.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SLURM_ARRAY_H_
#define TRIPTYCH_TOOLS_SLURM_ARRAY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/slurm/client.h"

namespace triptych::slurm {

struct ArrayJob {
  std::string name;       // tasks are found in the queue by it: one name a work
  std::string command{};  // of one task: shell text that may use $TASK
  int tasks = 1;          // $TASK is 0 .. tasks - 1
  int cpus = 1;           // of each task
  std::string logs;       // what a task prints is appended to "<logs>.<task>"
  std::string partition{}, time{};  // "": the cluster's defaults
};

// The batch script, without --array: which tasks is asked for at submission.
std::string BatchScript(const ArrayJob& job);

// `text` as one word of a shell.
std::string ShellQuote(std::string_view text);

// Where the tasks are; they add up to all.
struct Standing {
  int done = 0, running = 0, waiting = 0;
  friend bool operator==(const Standing&, const Standing&) = default;
};

// The work of a task that is not in the queue. It is kHeld while a process
// works on it nevertheless: one that outlived the node's connection.
enum class Work : uint8_t { kMissing, kHeld, kDone };

// What Follow asks of the world.
struct Surroundings {
  std::function<Result<Work>(int task)> look;
  // Called before each pause.
  std::function<void(const Standing&)> show;
  // What happened, a line each: "submitted job 17: tasks 0-15".
  std::function<void(const std::string&)> say;
  // Waits a while. False: stop following.
  std::function<bool()> pause;
};

struct Outcome {
  Standing standing;
  std::vector<std::string> jobs;  // submitted by this call
  int submitted = 0;              // tasks, the first time
  int resubmitted = 0;            // tasks, again
  bool complete() const { return standing.running + standing.waiting == 0; }
};

// How often one call submits a task, and how often in a row the queue may not
// answer (a controller that restarts).
inline constexpr int kMaxTries = 4, kMaxSilence = 60;

// Submits `script` for what is neither done nor in the queue, again and again
// until all is done or `pause` returns false; the jobs then go on by
// themselves. Errors: those of Client and of `look`; a task that ended
// kMaxTries times without its work done.
Result<Outcome> Follow(const Client& client, const ArrayJob& job,
                       const std::string& script, const Surroundings& world);

}  // namespace triptych::slurm

#endif  // TRIPTYCH_TOOLS_SLURM_ARRAY_H_
