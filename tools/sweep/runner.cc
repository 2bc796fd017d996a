// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/runner.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "tools/sweep/worker.h"

namespace triptych::sweep {
namespace {

constexpr int kWakeMs = 50;             // between looks at clocks and signals
constexpr double kChunkSeconds = 0.05;  // of work in a chunk
constexpr size_t kMaxChunk = 4096;      // 16 KiB: fits any pipe
constexpr int kMaxIdleDeaths = 3;

volatile std::sig_atomic_t stop_signal = 0;
void OnSignal(int signal) { stop_signal = signal; }

// SIGINT and SIGTERM set stop_signal while this is there.
class SignalGuard {
 public:
  SignalGuard() {
    stop_signal = 0;
    struct sigaction action {};
    action.sa_handler = OnSignal;  // and no SA_RESTART: poll wakes up
    ::sigaction(SIGINT, &action, &old_[0]);
    ::sigaction(SIGTERM, &action, &old_[1]);
    action.sa_handler = SIG_IGN;  // a worker that has died is no surprise
    ::sigaction(SIGPIPE, &action, &old_[2]);
  }
  ~SignalGuard() {
    ::sigaction(SIGINT, &old_[0], nullptr);
    ::sigaction(SIGTERM, &old_[1], nullptr);
    ::sigaction(SIGPIPE, &old_[2], nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  struct sigaction old_[3];
};

// One slot a worker, shared with the children.
class Slots {
 public:
  explicit Slots(size_t count) : size_(count * sizeof(WorkerSlot)) {
    memory_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; ok() && i < count; ++i) new (at(i)) WorkerSlot{};
  }
  ~Slots() {
    if (ok()) ::munmap(memory_, size_);
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  bool ok() const { return memory_ != MAP_FAILED; }
  WorkerSlot* at(size_t i) const {
    return static_cast<WorkerSlot*>(memory_) + i;
  }

 private:
  void* memory_;
  size_t size_;
};

// The parent's loop over its workers.
class Pool {
 public:
  Pool(const WorkerTask& task, std::span<const uint32_t> numbers,
       size_t workers, const RunnerHooks& hooks)
      : task_(task),
        maker_(task.study, task.tier),
        numbers_(numbers),
        hooks_(hooks),
        slots_(workers),
        members_(workers) {}

  Result<RunResult> Run() {
    if (!slots_.ok()) {
      return MakeError(ErrorCode::kIo, "sweep: no memory to share");
    }
    const SignalGuard guard;
    for (size_t i = 0; i < members_.size(); ++i) TRIPTYCH_TRY(Start(i));
    while (done_ < numbers_.size() && stop_signal == 0) {
      for (Member& member : members_) {
        if (member.worker->outstanding().empty()) Feed(member);
      }
      TRIPTYCH_TRY(Step());
    }
    // Workers may still be at something; nobody will ask for it.
    members_.clear();
    if (hooks_.idle) TRIPTYCH_TRY(hooks_.idle());
    return RunResult{done_, done_ < numbers_.size() ? stop_signal : 0};
  }

 private:
  struct Member {
    std::optional<Worker> worker;
    int64_t sent_ns = 0;
    size_t chunk = 1;                 // points that take about kChunkSeconds
    std::optional<uint32_t> overdue;  // the point it was killed for
  };

  Status Start(size_t i) {
    Member& member = members_[i];
    member.worker.reset();
    member.overdue.reset();
    TRIPTYCH_ASSIGN(Worker worker, Worker::Fork(task_, slots_.at(i)));
    member.worker.emplace(std::move(worker));
    return {};
  }

  // The next points: those another worker owed first.
  std::vector<uint32_t> Take(size_t count) {
    std::vector<uint32_t> taken;
    while (taken.size() < count && !again_.empty()) {
      taken.push_back(again_.front());
      again_.pop_front();
    }
    while (taken.size() < count && next_ < numbers_.size()) {
      taken.push_back(numbers_[next_++]);
    }
    return taken;
  }

  void Feed(Member& member) {
    const size_t left = again_.size() + numbers_.size() - next_;
    if (left == 0) return;
    // Smaller towards the end, so that all end together.
    const size_t share = left / (2 * members_.size()) + 1;
    member.worker->Send(Take(std::min({member.chunk, share, kMaxChunk})));
    member.sent_ns = NowNs();
  }

  Status Step() {
    std::vector<pollfd> polls;
    for (const Member& m : members_) {
      polls.push_back({m.worker->fd(), POLLIN, 0});
    }
    if (::poll(polls.data(), polls.size(), kWakeMs) < 0 && errno != EINTR) {
      return MakeError(ErrorCode::kIo,
                       fmt::format("sweep: poll: {}", std::strerror(errno)));
    }
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls[i].revents != 0) TRIPTYCH_TRY(Listen(i));
    }
    KillOverdue();
    if (hooks_.tell) hooks_.tell(done_, numbers_.size());
    return hooks_.idle ? hooks_.idle() : Status{};
  }

  Status Listen(size_t i) {
    Member& member = members_[i];
    rows_.clear();
    const bool alive = member.worker->Receive(rows_);
    for (const Row& row : rows_) TRIPTYCH_TRY(Add(row));
    if (!rows_.empty()) idle_deaths_ = 0;
    if (!alive) return Bury(i);
    if (member.worker->outstanding().empty()) Resize(member);
    return {};
  }

  Status Add(const Row& row) {
    ++done_;
    return hooks_.add(row);
  }

  // Chunks grow or shrink towards kChunkSeconds of work.
  void Resize(Member& member) const {
    const double took = static_cast<double>(NowNs() - member.sent_ns) * 1e-9;
    const double factor =
        std::clamp(kChunkSeconds / std::max(took, 1e-6), 0.25, 4.0);
    const double size = static_cast<double>(member.chunk) * factor;
    member.chunk = static_cast<size_t>(
        std::clamp(size, 1.0, static_cast<double>(kMaxChunk)));
  }

  void KillOverdue() {
    const double timeout_s = task_.study.timeout_s;
    if (timeout_s <= 0) return;
    const int64_t now = NowNs();
    for (Member& member : members_) {
      const WorkerSlot& slot = member.worker->slot();
      // Started before number: an older start with a newer number would let
      // an innocent point be killed, but Bury sees that it is another.
      const int64_t started = slot.started_ns;
      const uint32_t number = slot.number;
      const double taken = static_cast<double>(now - started) * 1e-9;
      if (!slot.evaluating || member.overdue || taken < timeout_s) continue;
      member.overdue = number;
      member.worker->Kill();
    }
  }

  // A worker has died: marks the point it was at, and starts another that
  // does the rest of what it owed.
  Status Bury(size_t i) {
    Member& member = members_[i];
    const int status = member.worker->Reap();
    const WorkerSlot& slot = member.worker->slot();
    const auto owed = member.worker->outstanding();
    const uint32_t at = slot.number;
    // One that came after the point it was killed for is done again.
    const bool guilty = slot.evaluating && member.overdue.value_or(at) == at &&
                        std::ranges::find(owed, at) != owed.end();
    for (const uint32_t number : owed) {
      if (!guilty || number != at) again_.push_back(number);
    }
    if (guilty) {
      idle_deaths_ = 0;
      TRIPTYCH_TRY(Mark(slot, member.overdue.has_value(), status));
      if (done_ == numbers_.size()) return {};
    } else if (++idle_deaths_ > kMaxIdleDeaths) {
      return MakeError(
          ErrorCode::kIo,
          "sweep: workers end before they evaluate a point: " + Cause(status));
    }
    return Start(i);
  }

  Status Mark(const WorkerSlot& slot, bool overdue, int status) {
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    PointStatus mark = PointStatus::kCrash;
    std::string message = Cause(status);
    if (overdue) {
      mark = PointStatus::kTimeout;
      message = fmt::format("took more than {} s", task_.study.timeout_s);
    } else if (slot.out_of_memory) {
      mark = PointStatus::kOom;
      message = "asked for more memory than there is";
    } else if (killed) {
      mark = PointStatus::kOom;
      message = "killed as the kernel kills when memory is short";
    }
    Point point;
    task_.plan.At(slot.number, point);
    Row row;
    maker_.Fail(point, mark, std::move(message), row);
    return Add(row);
  }

  static std::string Cause(int status) {
    if (!WIFSIGNALED(status)) {
      return fmt::format("exited with {}", WEXITSTATUS(status));
    }
    return fmt::format("killed by signal {} ({})", WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)));
  }

  const WorkerTask& task_;
  RowMaker maker_;
  std::span<const uint32_t> numbers_;
  size_t next_ = 0;             // of numbers_, to be handed out
  std::deque<uint32_t> again_;  // handed out to a worker that died
  size_t done_ = 0;
  int idle_deaths_ = 0;
  const RunnerHooks& hooks_;
  Slots slots_;
  std::vector<Member> members_;
  std::vector<Row> rows_;
};

}  // namespace

void RowMaker::Make(Evaluator& evaluator, const Point& point, Row& row) {
  Outcome outcome = evaluator.Evaluate(point);
  row.number = static_cast<uint32_t>(point.number);
  row.key = keys_(point, tier_);
  row.status = outcome.status;
  row.message = std::move(outcome.message);
  row.measures = outcome.measures;
  row.bound = std::move(outcome.bound);
  const auto derived = study_.formulas.derived();
  row.derived.assign(derived.size(), std::numeric_limits<double>::quiet_NaN());
  if (row.status != PointStatus::kOk) return;
  study_.formulas.Before(study_, point, slots_);
  const Formula* violated =
      study_.formulas.After(row.measures, row.bound, slots_);
  for (size_t i = 0; i < derived.size(); ++i) {
    row.derived[i] = study_.formulas.Derived(slots_, i);
  }
  if (violated == nullptr) return;
  row.status = PointStatus::kInvalid;
  row.message =
      fmt::format("constraints.{}: {}", violated->name, violated->text);
}

void RowMaker::Fail(const Point& point, PointStatus status, std::string message,
                    Row& row) {
  row = {static_cast<uint32_t>(point.number),
         keys_(point, tier_),
         status,
         std::move(message),
         kNoMeasures,
         "",
         std::vector<double>(study_.formulas.derived().size(),
                             std::numeric_limits<double>::quiet_NaN())};
}

Result<RunResult> RunPoints(const Study& study, const Plan& plan, Tier tier,
                            std::span<const uint32_t> numbers, int workers,
                            const EvaluatorFactory& factory,
                            const RunnerHooks& hooks) {
  if (numbers.empty()) return RunResult{};
  const size_t count = std::min<size_t>(
      static_cast<size_t>(std::max(workers, 1)), numbers.size());
  const WorkerTask task{study, plan, tier, factory};
  return Pool(task, numbers, count, hooks).Run();
}

}  // namespace triptych::sweep
