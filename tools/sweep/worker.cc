// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::sweep {
namespace {

constexpr size_t kFlushBytes = 32 * 1024;
constexpr int64_t kFlushNs = 50'000'000;
constexpr int kOutOfMemoryExit = 3;

// ---- Rows as bytes ----

struct RowHead {
  uint32_t bytes;  // of the row, this head included
  uint32_t number;
  uint32_t message, bound;  // their lengths
  PointStatus status;
  Key key;
  Measures measures;
};

void Append(const void* data, size_t size, std::vector<char>& out) {
  const char* begin = static_cast<const char*>(data);
  out.insert(out.end(), begin, begin + size);
}

void Write(const Row& row, std::vector<char>& out) {
  RowHead head{};
  head.bytes =
      static_cast<uint32_t>(sizeof(head) + row.derived.size() * sizeof(double) +
                            row.message.size() + row.bound.size());
  head.number = row.number;
  head.message = static_cast<uint32_t>(row.message.size());
  head.bound = static_cast<uint32_t>(row.bound.size());
  head.status = row.status;
  head.key = row.key;
  head.measures = row.measures;
  Append(&head, sizeof(head), out);
  Append(row.derived.data(), row.derived.size() * sizeof(double), out);
  Append(row.message.data(), row.message.size(), out);
  Append(row.bound.data(), row.bound.size(), out);
}

// The row at `data`; returns its size, or 0 if it is not all there.
size_t Read(std::span<const char> data, size_t derived, Row& row) {
  RowHead head;
  if (data.size() < sizeof(head)) return 0;
  std::memcpy(&head, data.data(), sizeof(head));
  if (data.size() < head.bytes) return 0;
  row.number = head.number;
  row.status = head.status;
  row.key = head.key;
  row.measures = head.measures;
  const char* at = data.data() + sizeof(head);
  row.derived.resize(derived);
  if (derived > 0) {
    std::memcpy(row.derived.data(), at, derived * sizeof(double));
  }
  at += derived * sizeof(double);
  row.message.assign(at, head.message);
  row.bound.assign(at + head.message, head.bound);
  return head.bytes;
}

// ---- Pipes ----

// False if the other end is gone.
bool WriteAll(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t done = ::write(fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

bool ReadAll(int fd, void* data, size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t done = ::read(fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

// ---- The child ----

WorkerSlot* own_slot = nullptr;

// Dies with a word for the parent: what asked for memory may be half done.
void OutOfMemory() {
  own_slot->out_of_memory = true;
  ::_exit(kOutOfMemoryExit);
}

// Leaves to the parent what is the parent's: its files, its signals, its end.
void BecomeWorker(pid_t parent, int in, int out, double memory_gb) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // it died before we asked
  const int low = std::min(in, out), high = std::max(in, out);
  ::close_range(3, static_cast<unsigned>(low) - 1, 0);
  ::close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1,
                0);
  ::close_range(static_cast<unsigned>(high) + 1, ~0u, 0);
  // The terminal and the scheduler signal the whole group; the parent decides.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGPIPE, SIG_DFL);
  if (memory_gb > 0) {
    const auto bytes = static_cast<rlim_t>(memory_gb * 1e9);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::set_new_handler(OutOfMemory);
}

// Answers chunks until the pipe is closed.
[[noreturn]] void Serve(const WorkerTask& task, int in, int out) {
  const std::unique_ptr<Evaluator> evaluator = task.factory();
  RowMaker maker(task.study, task.tier);
  std::vector<uint32_t> numbers;
  std::vector<char> bytes;
  Point point;
  Row row;
  int64_t flushed = NowNs();
  uint32_t count = 0;
  while (ReadAll(in, &count, sizeof(count))) {
    numbers.resize(count);
    if (!ReadAll(in, numbers.data(), count * sizeof(uint32_t))) break;
    for (const uint32_t number : numbers) {
      task.plan.At(number, point);
      const int64_t now = NowNs();
      if (bytes.size() >= kFlushBytes || now - flushed > kFlushNs) {
        if (!WriteAll(out, bytes.data(), bytes.size())) ::_exit(0);
        bytes.clear();
        flushed = now;
      }
      own_slot->number = number;
      own_slot->started_ns = now;
      own_slot->evaluating = true;
      maker.Make(*evaluator, point, row);
      own_slot->evaluating = false;
      Write(row, bytes);
    }
    if (!WriteAll(out, bytes.data(), bytes.size())) break;
    bytes.clear();
    flushed = NowNs();
  }
  ::_exit(0);
}

}  // namespace

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// ---- The parent ----

Result<Worker> Worker::Fork(const WorkerTask& task, WorkerSlot* slot) {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0) {
    return MakeError(ErrorCode::kIo, "sweep: no pipe for a worker");
  }
  if (::pipe2(from, O_CLOEXEC) != 0) {
    ::close(to[0]);
    ::close(to[1]);
    return MakeError(ErrorCode::kIo, "sweep: no pipe for a worker");
  }
  slot->evaluating = false;
  slot->out_of_memory = false;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    own_slot = slot;
    BecomeWorker(parent, to[0], from[1], task.study.memory_gb);
    Serve(task, to[0], from[1]);
  }
  ::close(to[0]);
  ::close(from[1]);
  Worker worker;
  worker.pid_ = pid;
  worker.to_ = to[1];
  worker.from_ = from[0];
  worker.slot_ = slot;
  worker.derived_ = task.study.formulas.derived().size();
  if (pid < 0) {
    return MakeError(ErrorCode::kIo, fmt::format("sweep: no process for a "
                                                 "worker: {}",
                                                 std::strerror(errno)));
  }
  return worker;
}

Worker::Worker(Worker&& other) noexcept { *this = std::move(other); }

Worker& Worker::operator=(Worker&& other) noexcept {
  Close();
  pid_ = std::exchange(other.pid_, -1);
  to_ = std::exchange(other.to_, -1);
  from_ = std::exchange(other.from_, -1);
  slot_ = other.slot_;
  derived_ = other.derived_;
  chunk_ = std::move(other.chunk_);
  answered_ = other.answered_;
  bytes_ = std::move(other.bytes_);
  return *this;
}

Worker::~Worker() { Close(); }

void Worker::Close() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  to_ = from_ = -1;
  Kill();
  Reap();
}

void Worker::Kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

int Worker::Reap() {
  int status = 0;
  if (pid_ > 0) {
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  return status;
}

void Worker::Send(std::vector<uint32_t> numbers) {
  TRIPTYCH_CHECK(outstanding().empty(), "points left", outstanding().size());
  chunk_ = std::move(numbers);
  answered_ = 0;
  const auto count = static_cast<uint32_t>(chunk_.size());
  // It is waiting to read, so this cannot block; if it has died, Receive says
  // so and what it owes is there to be given to another.
  if (WriteAll(to_, &count, sizeof(count))) {
    WriteAll(to_, chunk_.data(), chunk_.size() * sizeof(uint32_t));
  }
}

bool Worker::Receive(std::vector<Row>& rows) {
  constexpr size_t kRead = 64 * 1024;  // what a pipe holds
  const size_t had = bytes_.size();
  bytes_.resize(had + kRead);
  ssize_t got = 0;
  do {
    got = ::read(from_, bytes_.data() + had, kRead);
  } while (got < 0 && errno == EINTR);
  bytes_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  size_t at = 0;
  Row row;
  while (const size_t size =
             Read(std::span(bytes_).subspan(at), derived_, row)) {
    TRIPTYCH_CHECK(
        !outstanding().empty() && outstanding().front() == row.number,
        "a row of another point", row.number);
    rows.push_back(row);
    ++answered_;
    at += size;
  }
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(at));
  return got > 0;
}

}  // namespace triptych::sweep
