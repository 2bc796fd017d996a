// What a point costs around its evaluation: a grid of many points with an
// evaluator that does nothing, into a database, finished and read back.
//
// Usage: sweep_overhead POINTS WORKERS FOLDER. Prints microseconds a point
// and the largest resident set; exits 1 if a row is missing or wrong.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tools/sweep/database.h"
#include "tools/sweep/evaluator.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/reader.h"
#include "tools/sweep/runner.h"
#include "tools/sweep/study.h"
#include "tools/sweep/worker.h"

namespace triptych::sweep {
namespace {

class NullEvaluator final : public Evaluator {
 public:
  explicit NullEvaluator(const Study& study) : study_(study) {}
  Outcome Evaluate(const Point& point) override {
    Outcome outcome;
    // As wide as real answers: 1 / 3 takes all digits.
    outcome.measures.fill(point.values[study_.batch_axis()] / 3);
    outcome.bound = "dram";
    return outcome;
  }

 private:
  const Study& study_;
};

// Five parameters of the mesh, batch and context; two derived columns.
std::string TextOf(int64_t points) {
  return fmt::format(
      "name = 'overhead'\nmodel = 'stories260k'\ntargets = 'mesh'\n"
      "batch = {{ low = 1, high = {}, steps = {} }}\n"
      "context = [1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 9216, "
      "10240]\n"
      "[axes]\n"
      "'host.link_gb_per_s' = {{ low = 10, high = 100, steps = 10 }}\n"
      "'host.link_latency_us' = {{ low = 1, high = 10, steps = 10 }}\n"
      "'host.dram_gb_per_s' = [10, 100]\n"
      "'host.vector_gflops' = [10, 100, 1000, 10000, 100000]\n"
      "[derived]\nusd = 'batch * 0.3 + host.link_gb_per_s * 2'\n"
      "usd_per_token = 'usd * seconds / 3600'\n"
      "[constraints]\nslow = 'seconds > 0'\n",
      points / 10000, points / 10000);
}

Result<double> Run(const Study& study, const Plan& plan, int workers,
                   const std::string& path) {
  TRIPTYCH_ASSIGN(Database database, Database::Open(path, study, plan));
  const std::vector<uint32_t> numbers = plan.Numbers({});
  const RunnerHooks hooks{
      .add = [&](const Row& r) { return database.Add(Tier::kAnalytic, r); },
      .idle = [&] { return database.CommitIfDue(); },
      .tell = {}};
  TRIPTYCH_ASSIGN(
      const RunResult run,
      RunPoints(
          study, plan, Tier::kAnalytic, numbers, workers,
          [&] { return std::make_unique<NullEvaluator>(study); }, hooks));
  TRIPTYCH_TRY(database.Finish());
  return static_cast<double>(run.done);
}

double Seconds(int64_t since) {
  return static_cast<double>(NowNs() - since) * 1e-9;
}

Status MeasureOverhead(int64_t points, int workers, const std::string& folder) {
  const std::string path = folder + "/overhead.db";
  std::filesystem::remove(path);
  TRIPTYCH_ASSIGN(const Study study, ParseStudy(TextOf(points), "overhead"));
  const int64_t start = NowNs();
  TRIPTYCH_ASSIGN(const Plan plan, Plan::Make(study));
  TRIPTYCH_ASSIGN(const double done, Run(study, plan, workers, path));
  const double run_s = Seconds(start);
  const int64_t reading = NowNs();
  TRIPTYCH_ASSIGN(const Results results, ReadResults(path));
  const double read_s = Seconds(reading);
  const Column* batch = results.Find("batch");
  const Column* seconds = results.Find("seconds");
  for (size_t i = 0; i < results.points; ++i) {
    if (seconds->numbers[i] != batch->numbers[i] / 3) {
      return MakeError(ErrorCode::kCorrupt, fmt::format("row {} is wrong", i));
    }
  }
  if (results.points != plan.points()) {
    return MakeError(ErrorCode::kCorrupt, "rows are missing");
  }
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  fmt::print(
      "{:.0f} points, {} workers: {:.1f} s, {:.2f} us a point; {:.0f} "
      "MB of database; read back in {:.1f} s; {:.0f} MB resident\n",
      done, workers, run_s, run_s / done * 1e6,
      static_cast<double>(std::filesystem::file_size(path)) * 1e-6, read_s,
      static_cast<double>(own.ru_maxrss) * 1e-3);
  std::filesystem::remove(path);
  return {};
}

}  // namespace
}  // namespace triptych::sweep

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: sweep_overhead POINTS WORKERS FOLDER\n");
    return 2;
  }
  const triptych::Status status = triptych::sweep::MeasureOverhead(
      std::max<int64_t>(std::atoll(argv[1]), 20000), std::atoi(argv[2]),
      argv[3]);
  if (status) return 0;
  fmt::print(stderr, "sweep_overhead: {}\n", status.error().message);
  return 1;
}
