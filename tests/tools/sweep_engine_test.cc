// The engine over evaluators that do what none should: crash, hang, ask for
// all memory. And over the real one.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <new>
#include <set>
#include <sstream>
#include <thread>

#include "emulators/profile.h"
#include "emulators/target.h"
#include "tools/analysis/pareto.h"
#include "tools/cli/model_source.h"
#include "tools/sweep/database.h"
#include "tools/sweep/evaluator.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/reader.h"
#include "tools/sweep/runner.h"
#include "tools/sweep/study.h"

// AddressSanitizer maps more than any limit allows, and ends a program that
// asks for too much where the library would throw.
#if defined(__SANITIZE_ADDRESS__)
#define TRIPTYCH_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRIPTYCH_TEST_ASAN 1
#endif
#endif
#ifndef TRIPTYCH_TEST_ASAN
#define TRIPTYCH_TEST_ASAN 0
#endif

namespace triptych::sweep {
namespace {

std::string MessageOf(const auto& result) {
  return result ? "" : result.error().message;
}

namespace fs = std::filesystem;

// A folder that is there as long as this.
class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() /
              ("triptych-sweep-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  fs::path path_;
};

std::string BytesOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Study StudyOf(const std::string& rest) {
  auto study = ParseStudy(
      "name = 'fake'\nmodel = 'stories260k'\ntargets = ['npu', 'gpu']\n" + rest,
      "fake.toml");
  REQUIRE_MESSAGE(study.has_value(), MessageOf(study));
  return std::move(*study);
}

// Answers 1 / batch, but for some batches ends as the test says.
class Fake final : public Evaluator {
 public:
  using Fault = std::function<Outcome(double batch)>;
  Fake(const Study& study, std::map<double, Fault> faults)
      : study_(study), faults_(std::move(faults)) {}
  Outcome Evaluate(const Point& point) override {
    const double batch = point.values[study_.batch_axis()];
    if (const auto fault = faults_.find(batch); fault != faults_.end()) {
      return fault->second(batch);
    }
    Outcome outcome;
    outcome.measures[0] = 1 / batch;
    outcome.bound = "batch";
    return outcome;
  }

 private:
  const Study& study_;
  std::map<double, Fault> faults_;
};

// The test runner has handlers of its own for what kills.
void Raise(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Runs what a database does not have, as `sweep` does.
RunResult RunInto(const std::string& path, const Study& study, Shard shard,
                  int workers, std::map<double, Fake::Fault> faults = {}) {
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  auto database = Database::Open(path, study, *plan);
  REQUIRE_MESSAGE(database.has_value(), MessageOf(database));
  const auto have = database->Numbers(Tier::kAnalytic);
  REQUIRE(have.has_value());
  std::vector<uint32_t> missing;
  std::ranges::set_difference(plan->Numbers(shard), *have,
                              std::back_inserter(missing));
  const auto run = RunPoints(
      study, *plan, Tier::kAnalytic, missing, workers,
      [&] { return std::make_unique<Fake>(study, faults); },
      {.add =
           [&](const Row& row) { return database->Add(Tier::kAnalytic, row); },
       .idle = [&] { return database->CommitIfDue(); },
       .tell = {}});
  REQUIRE_MESSAGE(run.has_value(), MessageOf(run));
  REQUIRE(database->Finish().has_value());
  return *run;
}

constexpr const char* kManyPoints =
    "batch = { low = 1, high = 500, steps = 500 }\n"
    "context = [16, 32]\n"
    "[axes]\n'npu:host.link_gb_per_s' = [1, 2]\n"
    "[derived]\nsquare = 'seconds ^ 2'\n"
    "[constraints]\nearly = 'batch != 13'\nlate = 'seconds > 0.0021'\n";

TEST_CASE("any number of workers and shards gives the same bytes") {
  const Folder folder;
  const Study study = StudyOf(kManyPoints);
  RunInto(folder / "one.db", study, {}, 1);
  RunInto(folder / "two.db", study, {}, 2);
  const std::string bytes = BytesOf(folder / "one.db");
  CHECK(bytes.size() > 100'000);
  CHECK(bytes == BytesOf(folder / "two.db"));
  std::vector<std::string> shards;
  for (uint64_t i = 0; i < 8; ++i) {
    shards.push_back(folder / ("shard" + std::to_string(i) + ".db"));
    RunInto(shards.back(), study, {i, 8}, 1 + static_cast<int>(i % 2));
    CHECK(BytesOf(shards.back()).size() < bytes.size());
  }
  std::swap(shards[1], shards[6]);  // in any order
  const auto merged = Merge(folder / "merged.db", shards);
  REQUIRE(merged.has_value());
  CHECK(merged->points == 499 * 2 * 3);
  CHECK(merged->expected == 499 * 2 * 3);
  CHECK(bytes == BytesOf(folder / "merged.db"));
  // A shard again, and all of them one after the other into one file.
  for (const uint64_t i : {3, 3, 1, 0, 2}) {
    RunInto(folder / "grown.db", study, {i, 4}, 2);
  }
  CHECK(bytes == BytesOf(folder / "grown.db"));
  for (const auto& entry : fs::directory_iterator(folder / ".")) {
    CHECK_MESSAGE(entry.path().extension() == ".db", entry.path().string());
  }
}

TEST_CASE("a merge that lacks shards says so, and one of two studies fails") {
  const Folder folder;
  const Study study = StudyOf(kManyPoints);
  RunInto(folder / "a.db", study, {0, 2}, 1);
  const std::vector<std::string> one{folder / "a.db"};
  const auto merged = Merge(folder / "m.db", one);
  REQUIRE(merged.has_value());
  CHECK(merged->points < merged->expected);
  const Study other = StudyOf("batch = [1, 2]\n");
  RunInto(folder / "b.db", other, {}, 1);
  const std::vector<std::string> two{folder / "a.db", folder / "b.db"};
  const auto mixed = Merge(folder / "m.db", two);
  REQUIRE(!mixed.has_value());
  CHECK(mixed.error().message.find("its study is not that of") !=
        std::string::npos);
  const std::vector<std::string> none{folder / "a.db", folder / "c.db"};
  CHECK(!Merge(folder / "m.db", none).has_value());
  CHECK(!fs::exists(folder / "c.db"));
  CHECK(BytesOf(folder / "m.db") == BytesOf(folder / "a.db"));
}

TEST_CASE("a database of another study is refused by the line") {
  const Folder folder;
  RunInto(folder / "a.db", StudyOf("batch = [1, 2]\n"), {}, 1);
  const Study grown = StudyOf("batch = [1, 2, 3]\n");
  const auto plan = Plan::Make(grown);
  const auto opened = Database::Open(folder / "a.db", grown, *plan);
  REQUIRE(!opened.has_value());
  CHECK(opened.error().message ==
        (folder / "a.db") +
            ": holds study \"fake\" as it was when line 4 of fake.toml was "
            "another; allowed the same text, or another --db");
}

TEST_CASE("one process writes a file") {
  const Folder folder;
  const Study study = StudyOf("batch = [1, 2]\n");
  const auto plan = Plan::Make(study);
  const auto first = Database::Open(folder / "a.db", study, *plan);
  REQUIRE(first.has_value());
  const auto second = Database::Open(folder / "a.db", study, *plan);
  REQUIRE(!second.has_value());
  CHECK(second.error().message.find("another process is writing it") !=
        std::string::npos);
}

// Status and message of each batch, of the first machine.
std::map<int, std::string> StatusesOf(const std::string& path) {
  std::ostringstream csv;
  REQUIRE(ExportCsv(path, csv).has_value());
  std::istringstream lines(csv.str());
  std::string line;
  std::map<int, std::string> statuses;
  std::getline(lines, line);
  REQUIRE(line.starts_with("tier,point,key,status,message,target,batch,"));
  while (std::getline(lines, line)) {
    std::vector<std::string> cells(1);
    for (const char c : line) {
      if (c == ',') {
        cells.emplace_back();
      } else {
        cells.back() += c;
      }
    }
    if (cells[5] != "npu") continue;
    statuses[std::stoi(cells[6])] =
        cells[3] + (cells[4].empty() ? "" : ": " + cells[4]);
  }
  return statuses;
}

TEST_CASE("what a point does to its worker is its own status alone") {
  const std::map<double, Fake::Fault> kFaults = {
      {3,
       [](double) -> Outcome {
         Raise(SIGSEGV);
         return {};
       }},
      {5, [](double) -> Outcome { ::_exit(9); }},
      {7,
       [](double) -> Outcome {
         Raise(SIGABRT);
         return {};
       }},
      {11,
       [](double) -> Outcome {
         for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
       }},
      {13,
       [](double) -> Outcome {
         // AddressSanitizer would end the worker in its own way.
         if (TRIPTYCH_TEST_ASAN) {
           return {PointStatus::kOom, "", kNoMeasures, ""};
         }
         ::operator delete(::operator new (size_t{1} << 60));
         return {};
       }},
      {17,
       [](double) -> Outcome {
         Raise(SIGKILL);
         return {};
       }},
      {19,
       [](double) -> Outcome {
         return {PointStatus::kInvalid, "no such machine", kNoMeasures, ""};
       }},
  };
  const Folder folder;
  const Study study =
      StudyOf("timeout_s = 1.5\nbatch = { low = 1, high = 40, steps = 40 }\n");
  for (const int workers : {1, 2}) {
    const std::string path = folder / ("w" + std::to_string(workers) + ".db");
    const RunResult run = RunInto(path, study, {}, workers, kFaults);
    CHECK(run.done == 80);
    auto statuses = StatusesOf(path);
    REQUIRE(statuses.size() == 40);
    CHECK(statuses[3].starts_with("crash: killed by signal 11"));
    CHECK(statuses[5] == "crash: exited with 9");
    CHECK(statuses[7].starts_with("crash: killed by signal 6"));
    CHECK(statuses[11] == "timeout: took more than 1.5 s");
    if (TRIPTYCH_TEST_ASAN) {
      MESSAGE("skipped under AddressSanitizer: memory that is not there");
    } else {
      CHECK(statuses[13] == "oom: asked for more memory than there is");
    }
    CHECK(statuses[17] ==
          "oom: killed as the kernel kills when memory is short");
    CHECK(statuses[19] == "invalid: no such machine");
    for (const int batch : {3, 5, 7, 11, 13, 17, 19}) statuses.erase(batch);
    for (const auto& [batch, status] : statuses) {
      CHECK_MESSAGE(status == "ok", batch, " ", status);
    }
  }
  CHECK(BytesOf(folder / "w1.db") == BytesOf(folder / "w2.db"));
  // Retried where they are well again, they leave no trace.
  {
    const auto plan = Plan::Make(study);
    auto database = Database::Open(folder / "w1.db", study, *plan);
    REQUIRE(database.has_value());
    // Batches 3, 5 and 7 have even numbers: the odd shard has none.
    REQUIRE(database->Forget(Tier::kAnalytic, PointStatus::kCrash, {1, 2})
                .has_value());
    CHECK(database->Numbers(Tier::kAnalytic)->size() == 80);
    for (const PointStatus status :
         {PointStatus::kInvalid, PointStatus::kOom, PointStatus::kTimeout,
          PointStatus::kCrash}) {
      REQUIRE(database->Forget(Tier::kAnalytic, status, {0, 1}).has_value());
    }
    CHECK(database->Numbers(Tier::kAnalytic)->size() == 80 - 14);
    REQUIRE(database->Suspend().has_value());
  }
  RunInto(folder / "w1.db", study, {}, 2);
  RunInto(folder / "clean.db", study, {}, 1);
  CHECK(BytesOf(folder / "w1.db") == BytesOf(folder / "clean.db"));
}

TEST_CASE("a worker may have so much memory and no more") {
  if (TRIPTYCH_TEST_ASAN) {
    MESSAGE("skipped under AddressSanitizer: limits of memory");
    return;
  }
  const Folder folder;
  const Study study = StudyOf("memory_gb = 2\nbatch = [1, 2]\n");
  const std::map<double, Fake::Fault> kFaults = {
      {2, [](double) -> Outcome {
         std::vector<char> much(size_t{3} << 30, 1);
         Outcome outcome;
         outcome.measures[0] = much[much.size() / 2];
         return outcome;
       }}};
  RunInto(folder / "a.db", study, {}, 1, kFaults);
  auto statuses = StatusesOf(folder / "a.db");
  CHECK(statuses[1] == "ok");
  CHECK(statuses[2].starts_with("oom"));
}

TEST_CASE("results read back: columns, roles, counts, derived") {
  const Folder folder;
  const Study study = StudyOf(std::string(kManyPoints) +
                              "[objectives]\nminimise = ['seconds']\n"
                              "maximise = ['batch']\n");
  RunInto(folder / "a.db", study, {}, 2);
  const auto results = ReadResults(folder / "a.db");
  REQUIRE(results.has_value());
  CHECK(results->study == "fake");
  // 1 / 0.0021 = 476.2: batches above are invalid.
  CHECK(results->points == 475 * 6);
  CHECK(results->invalid == 24 * 6);
  CHECK(results->failed == 0);
  REQUIRE(results->objectives.size() == 2);
  CHECK(!results->objectives[0].maximise);
  CHECK(results->objectives[1].maximise);
  const Column* target = results->Find("target");
  const Column* link = results->Find("npu:host.link_gb_per_s");
  const Column* batch = results->Find("batch");
  const Column* seconds = results->Find("seconds");
  const Column* square = results->Find("square");
  const Column* bound = results->Find("bound");
  for (const Column* column : {target, link, batch, seconds, square, bound}) {
    REQUIRE(column != nullptr);
  }
  CHECK(results->Find("model") == nullptr);  // does not vary
  CHECK(target->role == Role::kAxis);
  CHECK(target->is_text());
  CHECK(link->unit == "GB/s");
  CHECK(square->role == Role::kDerived);
  CHECK(seconds->role == Role::kMeasure);
  std::set<double> batches;
  for (size_t i = 0; i < results->points; ++i) {
    batches.insert(batch->numbers[i]);
    CHECK(std::isnan(link->numbers[i]) == (target->texts[i] == "gpu"));
    CHECK(seconds->numbers[i] == 1 / batch->numbers[i]);
    CHECK(square->numbers[i] ==
          doctest::Approx(std::pow(batch->numbers[i], -2)));
    CHECK(bound->texts[i] == "batch");
  }
  CHECK(batches.size() == 475);
  // The largest batch is best in both.
  for (const size_t row : analysis::ParetoFront(*results)) {
    CHECK(batch->numbers[row] == 476);
  }
}

TEST_CASE("exports: a line a point, missing values empty and null") {
  const Folder folder;
  const Study study = StudyOf("batch = [1, 2]\n");
  RunInto(folder / "a.db", study, {}, 1,
          {{2, [](double) -> Outcome {
              return {PointStatus::kInvalid, "a \"b\", c", kNoMeasures, ""};
            }}});
  std::ostringstream csv, ndjson;
  REQUIRE(ExportCsv(folder / "a.db", csv).has_value());
  REQUIRE(ExportNdjson(folder / "a.db", ndjson).has_value());
  const std::string lines = csv.str(), objects = ndjson.str();
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 5);
  CHECK(std::count(objects.begin(), objects.end(), '\n') == 4);
  CHECK(lines.find(",invalid,\"a \"\"b\"\", c\",npu,2,,,") !=
        std::string::npos);
  CHECK(objects.find("\"status\":\"invalid\",\"message\":\"a \\\"b\\\", c\","
                     "\"target\":\"npu\",\"batch\":2,\"seconds\":null,") !=
        std::string::npos);
  CHECK(objects.find("\"seconds\":0.5") == std::string::npos);
  CHECK(objects.find("\"seconds\":1.0") == std::string::npos);
  CHECK(objects.find("\"seconds\":1,") != std::string::npos);
}

// The emulators themselves: both tiers answer what `profile` would.
TEST_CASE("both tiers answer what a whole walk does") {
  const Study study = StudyOf(
      "phase = ['prefill', 'decode']\nbatch = [1, 3]\ncontext = 40\n"
      "[axes]\n'npu:array.rows' = [64, 128]\n"
      "[refine]\nmeasures = ['kl']\ntokens = 8\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  const auto analytic = MakeEvaluator(study, Tier::kAnalytic);
  const auto detailed = MakeEvaluator(study, Tier::kDetailed);
  Point point;
  for (const uint32_t number : plan->Numbers({})) {
    plan->At(number, point);
    const bool npu = point.values[0] == 0;
    const bool prefill = point.values[study.phase_axis()] == 0;
    const auto batch = static_cast<int64_t>(point.values[study.batch_axis()]);
    std::vector<std::string> set;
    if (npu) {
      set.push_back("array.rows=" +
                    std::to_string(static_cast<int>(point.values[1])));
    }
    const auto target = MakeTarget(npu ? "npu" : "gpu", set);
    REQUIRE(target.has_value());
    const Graph& graph = study.models[0]->graph;
    const auto program = (*target)->Compile(graph, nullptr);
    REQUIRE(program.has_value());
    Ledger ledger(Ledger::Mode::kFold);
    const Phase phase = prefill ? Phase::kPrefill : Phase::kDecode;
    const Binding binding =
        prefill ? Binding{batch, 40, 0} : Binding{batch, 1, 40};
    REQUIRE((*program)
                ->Run({.phase = phase, .binding = binding}, nullptr, ledger)
                .has_value());
    const Profile profile = MakeProfile(graph, **target, ledger);
    const double tokens = static_cast<double>(batch * (prefill ? 40 : 1));
    for (Evaluator* evaluator : {analytic.get(), detailed.get()}) {
      const Outcome outcome = evaluator->Evaluate(point);
      CAPTURE(number);
      REQUIRE_MESSAGE(outcome.status == PointStatus::kOk, outcome.message);
      const Measures& m = outcome.measures;
      CHECK(m[0] == doctest::Approx(profile.total.seconds).epsilon(1e-9));
      CHECK(m[2] == doctest::Approx(profile.total.energy_j).epsilon(1e-9));
      CHECK(m[5] == static_cast<double>(profile.total.off_chip_bytes));
      CHECK(std::isnan(m[7]) == !prefill);
      CHECK(std::isnan(m[8]) == prefill);
      CHECK(m[10] == doctest::Approx(tokens / profile.total.seconds));
      CHECK(m[9] * static_cast<double>(batch) == doctest::Approx(m[10]));
      CHECK(m[11] * m[12] == doctest::Approx(1));
      CHECK(outcome.bound == profile.bound);
      const bool scored = evaluator == detailed.get();
      CHECK(std::isnan(m[kTimingMeasures]) == !scored);
      if (scored) CHECK(m[kTimingMeasures] > 0);
    }
  }
}

TEST_CASE("values that no machine can have together make a point invalid") {
  // In the range of the parameter, but the npu has no format of one bit.
  const Study study = StudyOf("[axes]\n'npu:attention_bits' = [1, 8]\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  const auto evaluator = MakeEvaluator(study, Tier::kAnalytic);
  Point point;
  for (const uint32_t number : plan->Numbers({})) {
    plan->At(number, point);
    const Outcome outcome = evaluator->Evaluate(point);
    const bool bad = point.values[1] == 1;
    CHECK(outcome.status == (bad ? PointStatus::kInvalid : PointStatus::kOk));
    CHECK(outcome.message.empty() == !bad);
  }
}

}  // namespace
}  // namespace triptych::sweep
