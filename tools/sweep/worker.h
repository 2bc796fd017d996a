// One worker process, and what passes between it and the process that forked
// it: numbers of points in, rows out, over pipes; and a slot of shared memory
// that says which point it is at, readable after its death.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_WORKER_H_
#define TRIPTYCH_TOOLS_SWEEP_WORKER_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/runner.h"

namespace triptych::sweep {

struct alignas(64) WorkerSlot {
  std::atomic<bool> evaluating;
  std::atomic<bool> out_of_memory;
  std::atomic<uint32_t> number;     // of the point, if evaluating
  std::atomic<int64_t> started_ns;  // of the steady clock
};

int64_t NowNs();

// What every worker of a run is made with.
struct WorkerTask {
  const Study& study;
  const Plan& plan;
  Tier tier;
  const EvaluatorFactory& factory;
};

// The parent's end of a worker.
class Worker {
 public:
  // `slot` is in memory shared with the child.
  static Result<Worker> Fork(const WorkerTask& task, WorkerSlot* slot);
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;
  ~Worker();  // kills it

  // Gives it points; it must have none.
  void Send(std::vector<uint32_t> numbers);
  // Points it was given and has not answered.
  std::span<const uint32_t> outstanding() const {
    return std::span(chunk_).subspan(answered_);
  }
  // Reads what is there and appends the rows. False once it has died.
  bool Receive(std::vector<Row>& rows);
  // Its wait status, after Receive was false.
  int Reap();
  void Kill() const;

  int fd() const { return from_; }
  const WorkerSlot& slot() const { return *slot_; }

 private:
  Worker() = default;
  void Close();

  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  WorkerSlot* slot_ = nullptr;
  size_t derived_ = 0;
  std::vector<uint32_t> chunk_;
  size_t answered_ = 0;
  std::vector<char> bytes_;  // received, not yet a whole row
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_WORKER_H_
