// SPDX-License-Identifier: Apache-2.0
#include "bench/machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include "bench/statistics.h"
#include "kernels/base/parallel.h"
#include "kernels/roofline/roofline.h"
#include "kernels/roofline/slices.h"

namespace triptych::bench {
namespace {

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "a CPU without a name";
}

std::string Compiler() {
#ifdef __clang__
  return __VERSION__;  // begins with its name
#else
  return "g++ " __VERSION__;
#endif
}

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Of the calling thread.
double ProcessorSeconds() {
  timespec t = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Slices are a fraction of a scheduler's quantum; there are 50 and more.
Calibration CalibrateThread() {
  constexpr size_t kSlices = 50, kSteps = 4096;
  constexpr double kSliceSeconds = 0.4e-3, kSeconds = 0.1;
  // The first call chooses the SIMD target; the function that was asked for
  // before it would choose anew in every call (a third of the rate in a VM).
  roofline::SpinF32()(1);
  const roofline::SpinFunction spin = roofline::SpinF32();
  size_t repeats = 1;
  std::vector<double> rates;
  const Clock::time_point start = Clock::now();
  const double start_processor = ProcessorSeconds();
  while (rates.size() < kSlices || SecondsSince(start) < kSeconds) {
    uint64_t flops = 0;
    const Clock::time_point begin = Clock::now();
    for (size_t i = 0; i < repeats; ++i) flops += spin(kSteps).flops;
    const double seconds = SecondsSince(begin);
    if (seconds < kSliceSeconds / 2) {
      repeats *= 2;
    } else {
      rates.push_back(static_cast<double>(flops) / seconds);
    }
  }
  const double share =
      (ProcessorSeconds() - start_processor) / SecondsSince(start);
  const double best = std::ranges::max(rates);
  return {FlopsPerSecond(best), Median(std::move(rates)) / best, share};
}

// Leaves the process on the last `threads` of its cores: the first ones take
// most interrupts. (Threads are not tied to one core each: those that the
// libraries make would all get the first one's.)
Status PinProcess(int threads) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return MakeError(ErrorCode::kIo, "bench: the cores cannot be asked for");
  }
  int surplus = CPU_COUNT(&allowed) - threads;
  for (int cpu = 0; cpu < CPU_SETSIZE && surplus > 0; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    CPU_CLR(cpu, &allowed);
    --surplus;
  }
  if (::sched_setaffinity(0, sizeof allowed, &allowed) != 0) {
    return MakeError(ErrorCode::kIo, "bench: the cores cannot be chosen");
  }
  return {};
}

// Sets the variable; true if it was another.
bool Change(const char* name, const std::string& value) {
  const char* old = std::getenv(name);
  if (old != nullptr && old == value) return false;
  ::setenv(name, value.c_str(), 1);
  return true;
}

// Only returns if it fails.
Status StartAgain() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<char*> arguments;
  for (size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) {
    arguments.push_back(&text[at]);
  }
  arguments.push_back(nullptr);
  ::execv("/proc/self/exe", arguments.data());
  return MakeError(ErrorCode::kIo, "bench: the program cannot start again");
}

}  // namespace

Machine DescribeMachine() {
  double load = 0;
  if (::getloadavg(&load, 1) != 1) load = -1;
  return {.cpu = CpuName(),
          .simd_target = std::string(SimdTargetName()),
          .compiler = Compiler(),
          .clock = MeasureClock(),
          .load = load};
}

bool Calibration::steady() const {
  // A quiet machine gives 0.99 and more of both.
  constexpr double kSteady = 0.97, kShare = 0.9;
  return steadiness >= kSteady && share >= kShare;
}

Calibration Calibrate(int threads) {
  std::vector<Calibration> each(static_cast<size_t>(threads));
  ForEachThread(threads,
                [&](size_t thread) { each[thread] = CalibrateThread(); });
  Calibration all = {FlopsPerSecond(0), 1, 1};
  for (const Calibration& one : each) {
    all.best += one.best;
    all.steadiness = std::min(all.steadiness, one.steadiness);
    all.share = std::min(all.share, one.share);
  }
  return all;
}

Status SettleProcess(int threads) {
  TRIPTYCH_TRY(PinProcess(threads));
  const std::string count = std::to_string(threads);
  bool changed = Change("OMP_WAIT_POLICY", "passive");
  changed |= Change("OMP_NUM_THREADS", count);
  changed |= Change("OPENBLAS_NUM_THREADS", count);
  changed |= Change("BLIS_NUM_THREADS", count);
  // OpenBLAS's threads wait spinning for 2^4 cycles; left alone, for 2^26.
  changed |= Change("OPENBLAS_THREAD_TIMEOUT", "4");
  return changed ? StartAgain() : Status{};
}

Bytes CacheSize(int level) {
  // sysconf() counts some hosts' other sockets; these files do not. index0 is
  // L1 of data, index1 of instructions.
  constexpr uint64_t kUsualKiB[] = {32, 1 << 10, 32 << 10};
  std::ifstream file(
      fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size",
                  level == 1 ? 0 : level));
  uint64_t kib = 0;
  return Bytes((file >> kib ? kib : kUsualKiB[level - 1]) << 10);
}

}  // namespace triptych::bench
