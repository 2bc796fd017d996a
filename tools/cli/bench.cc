// bench: kernels on this host against the roof and against peers.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "bench/plan.h"
#include "tools/cli/bench_report.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace triptych::cli {
namespace {

// Every job with its peers open: what is missing is said before the work.
Result<std::vector<BenchJob>> OpenJobs(const std::vector<bench::Job>& plan,
                                       const BenchOptions& options) {
  std::vector<BenchJob> jobs;
  for (const bench::Job& job : plan) {
    if (!options.peers.empty() && job.variant.dims != bench::kProductSizes) {
      return MakeError(ErrorCode::kUnsupported,
                       fmt::format("bench: --peers: {}/{} is no product of m, "
                                   "n and k; peers have nothing else",
                                   job.variant.op, job.variant.name));
    }
    TRIPTYCH_ASSIGN(auto peers,
                    bench::OpenPeers(options.peers, job.variant.arithmetic,
                                     options.threads));
    jobs.push_back({job.variant, std::move(peers), {}});
  }
  return jobs;
}

// What the machine does when nothing disturbs it, or an error that says it is
// disturbed. Three chances: another program may just be ending.
Result<bench::Calibration> CalibrateSteadily(const BenchOptions& options) {
  bench::Calibration calibration = bench::Calibrate(options.threads);
  for (int i = 0; i < 2 && !calibration.steady(); ++i) {
    calibration = bench::Calibrate(options.threads);
  }
  if (calibration.steady() || options.unsteady) return calibration;
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("bench: not measured: the same loop runs at {:.1f} % of its "
                  "best rate in the median, with {:.0f} % of a core; something "
                  "else is busy (--unsteady measures all the same, and says "
                  "so)",
                  100 * calibration.steadiness, 100 * calibration.share));
}

size_t ShapesOf(const std::vector<bench::Job>& plan) {
  size_t shapes = 0;
  for (const bench::Job& job : plan) shapes += job.shapes.size();
  return shapes;
}

}  // namespace

Result<int> BenchCommand(const BenchOptions& options) {
  TRIPTYCH_TRY(CheckWritable(options.svg));
  TRIPTYCH_ASSIGN(const std::vector<bench::Job> plan,
                  bench::PlanJobs(options.op, options.spec));
  TRIPTYCH_TRY(bench::SettleProcess(options.threads));
  BenchRun run;
  TRIPTYCH_ASSIGN(run.jobs, OpenJobs(plan, options));
  TRIPTYCH_ASSIGN(run.before, CalibrateSteadily(options));
  run.machine = bench::DescribeMachine();
  run.conditions.threads = options.threads;
  run.conditions.cold = options.cold;
  run.conditions.protocol.seconds = options.seconds;
  bench::Roof roof;
  Progress progress("bench");
  size_t done = 0;
  for (size_t j = 0; j < plan.size(); ++j) {
    BenchJob& job = run.jobs[j];
    for (const bench::ListedShape& shape : plan[j].shapes) {
      job.outcomes.push_back(bench::CompareOn(job.variant, shape, job.peers,
                                              run.conditions, roof));
      progress(++done, ShapesOf(plan));
    }
  }
  run.after = bench::Calibrate(options.threads);
  run.rechecks = roof.MeasureShared();
  Print(options.json, TextOf(run));
  TRIPTYCH_TRY(WriteJson(options.json, "bench", ToJson(run)));
  TRIPTYCH_TRY(WriteFile(options.svg,
                         [&](std::ostream& out) { out << RooflineSvg(run); }));
  return run.Right() ? kOk : kGateFailed;
}

}  // namespace triptych::cli
