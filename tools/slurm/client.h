// Slurm's commands, as much of them as a job array needs. Works with any
// Slurm since 20.11, with and without accounting.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SLURM_CLIENT_H_
#define TRIPTYCH_TOOLS_SLURM_CLIENT_H_

#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/slurm/run_program.h"

namespace triptych::slurm {

// A task of an array that the queue still knows.
struct QueuedTask {
  std::string job;            // the array's number: "1234"
  int task = 0;               // $SLURM_ARRAY_TASK_ID
  std::string state, reason;  // "PENDING", "Resources"

  bool running() const { return state != "PENDING"; }
  // Slurm gave up starting it, and holds it for an administrator to look at.
  bool stuck() const;
};

// Errors: a command that is not installed or fails, with what it said.
class Client {
 public:
  explicit Client(Runner run) : run_(std::move(run)) {}

  // This user's array tasks of jobs called `name` that wait or run.
  Result<std::vector<QueuedTask>> Queue(const std::string& name) const;
  // Submits the batch script at `script` with these tasks; the job's number.
  Result<std::string> Submit(const std::string& script,
                             std::span<const int> tasks) const;
  Status Cancel(const QueuedTask& task) const;

 private:
  Result<std::string> Run(const std::vector<std::string>& argv) const;
  Runner run_;
};

// "0-3,7" of {0, 1, 2, 3, 7}, which ascend.
std::string ArraySpec(std::span<const int> tasks);

}  // namespace triptych::slurm

#endif  // TRIPTYCH_TOOLS_SLURM_CLIENT_H_
