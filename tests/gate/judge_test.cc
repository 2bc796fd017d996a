// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/judge.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace triptych::gate {
namespace {

// One target with `ops` operators of mean square 1e-4, noise as given, and KL
// 1e-3 in twenty stretches.
Results Made(uint64_t seed, double relative_noise, size_t ops = 8) {
  Results r;
  r.cases = {{"a", "tiny", seed, 2}};
  Row row;
  row.case_name = "a";
  row.target = "optical";
  row.preset = "p";
  row.phase = "prefill";
  row.cost = RowCost{.picos = 1000, .cycles = 1, .energy_j = 1e-6};
  row.accuracy = RowAccuracy{.predictions = 200,
                             .kl = 1e-3,
                             .kl_stderr = 1e-4,
                             .kl_blocks = std::vector<double>(20, 1e-3)};
  r.rows.push_back(row);
  row.accuracy.reset();
  for (size_t i = 0; i < ops; ++i) {
    row.op = "op" + std::to_string(i);
    row.error = RowError{.outputs = 10000,
                         .mean_square = 1e-4,
                         .mean_square_stderr = relative_noise * 1e-4,
                         .max_abs = 0.05,
                         .digest = seed,
                         .varies = relative_noise > 0};
    r.rows.push_back(row);
  }
  return r;
}

// What failed, "op3 error".
std::vector<std::string> Failed(const Judgement& j) {
  std::vector<std::string> failed;
  for (const Finding& f : j.findings) {
    if (f.fails) failed.push_back(f.row.op + " " + f.what);
  }
  return failed;
}

using Names = std::vector<std::string>;

TEST_CASE("costs are exact: in a baseline both ways, old and new if worse") {
  const Results old = Made(1, 0);
  Results now = old;
  CHECK(Judge(old, now, Standard::kBaseline).findings.empty());
  now.rows[3].cost->picos += 1;
  now.rows[4].cost->energy_j = std::nextafter(1e-6, 0);  // the last bit less
  now.rows[5].cost->off_chip_bytes = 1;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) ==
        Names{"op4 off-chip bytes", "op2 time", "op3 energy"});
  const Judgement two = Judge(old, now, Standard::kOldVsNew);
  CHECK(Failed(two) == Names{"op4 off-chip bytes", "op2 time"});
  CHECK(two.findings.size() == 3);  // the better one is told
  CHECK(Failed(Judge(old, now, Standard::kExact)).size() == 3);
}

TEST_CASE("times that are this host's do not count") {
  Results old = Made(1, 0);
  for (Row& row : old.rows) row.cost->measured = true;
  Results now = old;
  now.rows[2].cost->picos = 5;
  CHECK(Judge(old, now, Standard::kBaseline).passed());
}

TEST_CASE("errors with the same noise count from half a percent") {
  const Results old = Made(1, 0.01);
  Results now = old;
  now.rows[3].error->mean_square *= 1.004;
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  now.rows[3].error->mean_square *= 1.002;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op2 error"});
  now.rows[3].error->mean_square = 0.9e-4;  // better: told, and does not fail
  const Judgement better = Judge(old, now, Standard::kBaseline);
  CHECK(better.passed());
  CHECK(better.findings.size() == 1);
}

TEST_CASE("errors with other noise count beyond what noise does") {
  const Results old = Made(1, 0.01);
  Results now = Made(2, 0.01);
  // 8 tests share 1e-3: z = 3.66, times sqrt(2) %.
  now.rows[3].error->mean_square *= 1.05;
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  now.rows[3].error->mean_square = 1.054e-4;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op2 error"});
  // Little noise, but less than the margin.
  const Results quiet = Made(1, 1e-5);
  Results louder = Made(2, 1e-5);
  louder.rows[3].error->mean_square *= 1.009;
  CHECK(Judge(quiet, louder, Standard::kBaseline).passed());
  louder.rows[3].error->mean_square *= 1.002;
  CHECK_FALSE(Judge(quiet, louder, Standard::kBaseline).passed());
}

TEST_CASE("one seed cannot tell that there is no noise") {
  Results old = Made(1, 0), now = Made(2, 0);
  for (Results* r : {&old, &now}) {
    for (Row& row : r->rows) {
      if (row.error) row.error->mean_square_stderr = 1e-6;
    }
  }
  now.rows[3].error->mean_square = 1.02e-4;
  CHECK_FALSE(Judge(old, now, Standard::kBaseline).passed());
  old.cases[0].seeds = now.cases[0].seeds = 1;
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  now.rows[3].error->mean_square = 1.1e-4;
  CHECK_FALSE(Judge(old, now, Standard::kBaseline).passed());
}

TEST_CASE("errors of the order of sums do not count, wrong values do") {
  Results old = Made(1, 0);
  old.rows[3].error->mean_square = 1e-14;
  old.rows[3].error->max_abs = 1e-6;
  Results now = old;
  now.rows[3].error->mean_square = 1e-13;
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  now.rows[3].error->mean_square = 1e-10;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op2 error"});
  now.rows[3].error->mean_square = 1e-14;
  now.rows[3].error->max_abs = 0.1;  // one output in ten thousand
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) ==
        Names{"op2 largest error"});
  now.rows[3].error->mean_square = std::numeric_limits<double>::quiet_NaN();
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op2 error"});
}

TEST_CASE("bits count where every host gives the same, or if asked for") {
  Results old = Made(1, 0);
  Results now = old;
  now.rows[3].error->digest ^= 1;
  CHECK(Judge(old, now, Standard::kBaseline).findings.empty());
  CHECK(Judge(old, now, Standard::kOldVsNew).passed());
  CHECK(Failed(Judge(old, now, Standard::kExact)) == Names{"op2 values"});
  old.rows[3].error->bit_exact = now.rows[3].error->bit_exact = true;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op2 values"});
}

TEST_CASE("KL counts beyond a tenth and the noise of its pairs") {
  const Results old = Made(1, 0);
  Results now = old;
  const auto set = [&](double factor, double jitter) {
    RowAccuracy& a = *now.rows[0].accuracy;
    a.kl = 0;
    for (size_t b = 0; b < a.kl_blocks.size(); ++b) {
      const double sign = b % 2 == 0 ? 1 : -1;
      a.kl_blocks[b] = 1e-3 * (factor + sign * jitter);
      a.kl += a.kl_blocks[b] / 20;
    }
  };
  set(1.09, 0);
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  set(1.11, 0.01);
  const Judgement worse = Judge(old, now, Standard::kBaseline);
  CHECK(Failed(worse) == Names{" KL"});
  CHECK(worse.findings[0].text.contains("class Q6") == false);
  // The same rise, but stretches differ by more: 0.5 / sqrt(19) * 3.58.
  set(1.3, 0.5);
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  set(1.5, 0.5);
  CHECK_FALSE(Judge(old, now, Standard::kBaseline).passed());
  set(6, 0.1);
  CHECK(Judge(old, now, Standard::kBaseline)
            .findings[0]
            .text.contains("class Q4, was Q6"));
  set(0.5, 0);
  CHECK(Judge(old, now, Standard::kBaseline).passed());
  now.rows[0].accuracy->predictions = 199;
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{" predictions"});
}

TEST_CASE("rows that come and go, and cases that are others") {
  const Results old = Made(1, 0);
  Results now = old;
  now.rows.pop_back();
  now.rows[1].op = "renamed";
  const Judgement j = Judge(old, now, Standard::kBaseline);
  CHECK(j.failures() == 3);  // one is new, two are gone
  CHECK(Judge(old, now, Standard::kOldVsNew).passed());
  now = old;
  now.cases[0].settings = "another text";
  CHECK_FALSE(Judge(old, now, Standard::kOldVsNew).passed());
  now = old;
  now.rows[2].error.reset();
  CHECK(Failed(Judge(old, now, Standard::kBaseline)) == Names{"op1 error"});
}

TEST_CASE("the three worst operators") {
  const Results old = Made(1, 0);
  Results now = old;
  const double factors[] = {1.1, 2, 1.5, 4, 1.01};
  for (size_t i = 0; i < 5; ++i) {
    now.rows[1 + i].error->mean_square *= factors[i];
    now.rows[1 + i].cost->energy_j *= 1.0001;  // a lesser finding of the same
  }
  const Judgement j = Judge(old, now, Standard::kBaseline);
  const auto worst = WorstThree(j, now);
  REQUIRE(worst.size() == 3);
  CHECK(worst[0].row->op == "op3");
  CHECK(worst[1].row->op == "op1");
  CHECK(worst[2].row->op == "op2");
}

TEST_CASE("host times: a tenth, and not by chance") {
  Results old = Made(1, 0), now = old;
  old.rows[0].host_s = {1.00, 1.01, 1.02, 1.03, 1.04};
  now.rows[0].host_s = {1.05, 1.06, 1.07, 1.08, 1.09};  // sure, but 5 %
  auto times = CompareHostTimes(old, now);
  REQUIRE(times.size() == 1);
  CHECK(times[0].p < 0.01);
  CHECK_FALSE(times[0].slower);
  now.rows[0].host_s = {0.9, 0.95, 1.2, 1.5, 1.6};  // 18 %, but by chance
  CHECK_FALSE(CompareHostTimes(old, now)[0].slower);
  now.rows[0].host_s = {1.2, 1.21, 1.22, 1.23, 1.24};
  CHECK(CompareHostTimes(old, now)[0].slower);
  now.rows[0].host_s.pop_back();  // too few to say
  CHECK(CompareHostTimes(old, now).empty());
}

}  // namespace
}  // namespace triptych::gate
