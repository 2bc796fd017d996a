// What the gate reads and writes: suites, baselines, recorded logits, reports.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_config.h"
#include "tools/gate/recorded_logits.h"
#include "tools/gate/report.h"
#include "tools/gate/results.h"
#include "tools/gate/suite.h"

namespace triptych::gate {
namespace {

std::string ErrorOf(const std::string& text) {
  const auto suite = ParseSuite(text, "ci/s.toml");
  return suite ? "" : suite.error().message;
}

TEST_CASE("a suite") {
  const auto suite = ParseSuite(R"(
[[case]]
name = "a"
targets = ["npu", "mesh:wormhole-n150"]
set = ["npu:cores=2"]
phases = ["decode"]
context = 32
tokens = 100
seeds = 3
[[case]]
name = "b"
model = "llama-3.2-1b"
targets = ["gpu"]
)",
                                "ci/s.toml");
  REQUIRE_MESSAGE(suite, (suite ? "" : suite.error().message));
  REQUIRE(suite->cases.size() == 2);
  const Case& a = suite->cases[0];
  CHECK(a.targets == std::vector<std::string>{"npu", "mesh:wormhole-n150"});
  CHECK(a.phases == std::vector<Phase>{Phase::kDecode});
  CHECK(a.scored);
  CHECK(a.text.self_tokens == 100);
  CHECK(a.seeds == 3);
  CHECK_FALSE(suite->cases[1].scored);
  CHECK(suite->cases[1].model == "llama-3.2-1b");  // no file of that name
  CHECK(suite->cases[1].phases.size() == 2);
}

TEST_CASE("what a suite may not say, and where") {
  CHECK(ErrorOf("").starts_with("ci/s.toml:1: case: at least one"));
  CHECK(ErrorOf("[[case]]\ntargets = [\"npu\"]")
            .starts_with("ci/s.toml:1: case.name: is needed"));
  CHECK(ErrorOf("[[case]]\nname = \"a\"").contains("case.targets: is needed"));
  CHECK(ErrorOf("[[case]]\nname = \"a\"\ntarget = [\"npu\"]")
            .starts_with("ci/s.toml:3: case.target: no such key; the nearest "
                         "is targets"));
  const std::string start = "[[case]]\nname = \"a\"\ntargets = [\"npu\"]\n";
  CHECK(ErrorOf(start) == "");
  CHECK(ErrorOf(start + "batch = 0")
            .starts_with("ci/s.toml:4: case.batch: 0 is not allowed; allowed "
                         "whole numbers from 1"));
  CHECK(ErrorOf(start + "phases = [\"warmup\"]").contains("allowed prefill"));
  CHECK(ErrorOf(start + "phases = \"decode\"").contains("a list of texts"));
  CHECK(ErrorOf(start + "protocol = \"wiki\"").contains("llama.cpp"));
  CHECK(ErrorOf(start + start).contains("\"a\" is there twice"));
  CHECK(ErrorOf("[[case]").starts_with("ci/s.toml:1: "));
  CHECK_FALSE(ReadSuite("/nowhere.toml"));
}

Results Sample() {
  Results r;
  r.reasons = {"first", "with \"quotes\" and a\nline end"};
  r.cases = {{"a", "tiny, text 1234", 7, 2}};
  Row all;
  all.case_name = "a";
  all.target = "npu";
  all.preset = "p";
  all.phase = "prefill";
  all.cost = RowCost{.picos = (int64_t{1} << 53) + 1,
                     .cycles = 0.1,
                     .energy_j = 1.0 / 3,
                     .off_chip_bytes = 12,
                     .internal_bytes = 0};
  all.accuracy = RowAccuracy{.predictions = 40,
                             .nll = 1.5,
                             .kl = 1e-3,
                             .kl_stderr = 1e-4,
                             .top1 = 0.975,
                             .kl_blocks = {1e-3, 2e-3, 0.1 + 0.2},
                             .kl_over_seeds_stderr = 1e-5};
  Row op = all;
  op.op = "attn.q";
  op.accuracy.reset();
  op.cost->measured = true;
  op.cost->picos = 0;
  op.cost->cycles = 0;
  op.error = RowError{.outputs = 640,
                      .mean_square = 3e-5,
                      .mean_square_stderr = 1e-7,
                      .max_abs = 0.02,
                      .digest = 0xfedcba9876543210,
                      .varies = true,
                      .bit_exact = true};
  r.rows = {all, op};
  r.rows[0].host_s = {0.5};
  return r;
}

TEST_CASE("a baseline is read as it was written, to the last bit") {
  const Results r = Sample();
  const std::string text = BaselineText(r);
  const auto read = ParseBaseline(text, "b.json");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  CHECK(BaselineText(*read) == text);
  CHECK(read->reasons == r.reasons);
  CHECK(read->cases == r.cases);
  REQUIRE(read->rows.size() == 2);
  CHECK(read->rows[0].cost->picos == r.rows[0].cost->picos);
  CHECK(read->rows[0].cost->energy_j == r.rows[0].cost->energy_j);
  CHECK(read->rows[0].accuracy->kl_blocks == r.rows[0].accuracy->kl_blocks);
  CHECK(read->rows[0].host_s.empty());  // no baseline has this host's times
  CHECK(read->rows[1].error->digest == r.rows[1].error->digest);
  CHECK(read->rows[1].error->varies);
  CHECK(read->rows[1].cost->measured);
  CHECK(read->rows[1].Id() == "a/npu:p/prefill/attn.q");
  const auto timed = ParseBaseline(BaselineText(r, true), "b.json");
  CHECK(timed->rows[0].host_s == std::vector<double>{0.5});
}

TEST_CASE("rows are lines, and findings know theirs") {
  const Results r = Sample();
  const std::string text = BaselineText(r);
  const size_t line = LineOfRow(text, r.rows[1]);
  std::istringstream lines(text);
  std::string at;
  for (size_t i = 0; i < line; ++i) std::getline(lines, at);
  CHECK(at.contains("\"op\":\"attn.q\""));
  Row other = r.rows[1];
  other.op = "nothing";
  CHECK(LineOfRow(text, other) == 1);
}

TEST_CASE("a baseline that is none is refused, with its place") {
  const auto error = [](const std::string& text) {
    const auto read = ParseBaseline(text, "b.json");
    return read ? "" : read.error().message;
  };
  CHECK(error("[]").starts_with("b.json: is no JSON object"));
  CHECK(error("{").starts_with("b.json: "));
  CHECK(error("{\"rows\": 3}").starts_with("b.json: cases: a list"));
  CHECK(error("{\"cases\": [], \"rows\": [{\"case\": 1}]}")
            .starts_with("b.json: rows[0]: case: text is needed"));
  std::string text = BaselineText(Sample());
  text.replace(text.find("fedc"), 4, "xyzz");
  CHECK(error(text).starts_with("b.json: rows[1]: error: digest: hexadec"));
  text = BaselineText(Sample());
  text.replace(text.find("\"energy_j\""), 10, "\"energy_J\"");
  CHECK(error(text).starts_with("b.json: rows[0]: cost: energy_j: is missing"));
  CHECK_FALSE(ReadBaseline("/nowhere.json"));
}

TEST_CASE("KL by stretches of a text") {
  std::vector<TokenScore> scores(100);
  for (size_t i = 0; i < scores.size(); ++i) {
    scores[i].kl = static_cast<double>(i);
  }
  std::vector<TokenScore> other = scores;
  for (TokenScore& s : other) s.kl += 2;
  const std::vector<std::vector<TokenScore>> repeats = {scores, other};
  const RowAccuracy a = AccuracyOf(repeats);
  REQUIRE(a.kl_blocks.size() == kBlocks);
  CHECK(a.kl_blocks[0] == doctest::Approx(2 + 1));
  CHECK(a.kl_blocks[19] == doctest::Approx(97 + 1));
  CHECK(a.kl == doctest::Approx(49.5 + 1));
  CHECK(a.kl_over_seeds_stderr == doctest::Approx(1));
  scores.resize(3);
  CHECK(AccuracyOf({&scores, 1}).kl_blocks.size() == 3);
}

// ---- Reports ----

TEST_CASE("what is told of a failure") {
  Results old = Sample(), now = Sample();
  now.rows[1].cost->energy_j *= 2;
  now.rows[1].error->mean_square *= 3;
  const Verdict v{now, Judge(old, now, Standard::kBaseline), {}};
  REQUIRE_FALSE(v.passed());
  const std::string text = TerminalText(v);
  CHECK(text.contains("FAILED"));
  CHECK(text.contains("attn.q on npu:p"));
  CHECK(
      text.ends_with("gate: 2 rows compared, 2 differences, 2 failed: "
                     "FAILED\n"));
  const std::string junit = JunitText(v, "gate & co");
  CHECK(
      junit.contains("<testsuites name=\"gate &amp; co\" tests=\"2\" "
                     "failures=\"1\">"));
  CHECK(junit.contains("name=\"prefill/attn.q\"><failure message=\"error: "));
  CHECK(junit.contains("name=\"prefill/all\"></testcase>"));
  const std::string lines = AnnotationsText(v, "ci/b.json", BaselineText(old));
  CHECK(lines.starts_with("::error file=ci/b.json,line="));
  CHECK(lines.contains("title=attn.q on npu%3Ap%2C prefill::error: "));
  CHECK(AnnotationsText(v, "", "").starts_with("::error title="));
  const std::string page = MarkdownText(v);
  CHECK(page.starts_with("## Triptych gate: FAILED"));
  CHECK(page.contains("1. **attn.q** on npu:p: "));
  CHECK(page.contains("| **failed** | a | npu:p | prefill | attn.q |"));
}

TEST_CASE("what is told when nothing happened") {
  const Results now = Sample();
  const Verdict v{now, Judge(now, now, Standard::kBaseline), {}};
  CHECK(v.passed());
  CHECK(TerminalText(v).ends_with(
      "gate: 2 rows compared, 0 differences, 0 failed\n"));
  CHECK(AnnotationsText(v, "b.json", "").empty());
  // The operators that are furthest off are named all the same.
  CHECK(MarkdownText(v).contains("1. **attn.q** on npu:p: error 0.55 %"));
  CHECK(EscapeAnnotation("a,b:c%\n", true) == "a%2Cb%3Ac%25%0A");
  CHECK(EscapeAnnotation("a,b:c%\n", false) == "a,b:c%25%0A");
}

// ---- Recorded logits ----

struct Recorded {
  Graph graph = *BuildGraph(TinyLlama(), {.all_logits = true});
  Weights weights = Weights::Random(graph, 7);
  std::vector<Segment> text = {{{1, 5, 9, 13}, 1}, {{1, 2, 3, 4, 5}, 0}};
  AccuracyTest test = *AccuracyTest::Make(graph, weights, text);
  int64_t vocab =
      graph.value(graph.FindEntry(Phase::kPrefill)->output).shape.cols;
  Sha256 model = {1, 2, 3};

  std::string Bytes() const {
    std::ostringstream out;
    WriteLogits(test, model, "tiny, by hand", out);
    return out.str();
  }
  std::string ErrorOf(const std::string& bytes, const Sha256& hash,
                      const std::vector<Segment>& segments) const {
    const TempFile file(bytes);
    const auto read = ReadLogits(file.path(), hash, segments, vocab);
    if (read) return "";
    const std::string& message = read.error().message;
    REQUIRE(message.starts_with(file.path() + ": byte "));
    return message.substr(file.path().size() + 2);
  }
};

TEST_CASE("logits are read as they were recorded, in f32") {
  const Recorded r;
  const TempFile file(r.Bytes());
  const auto read = ReadLogits(file.path(), r.model, r.text, r.vocab);
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  REQUIRE(read->size() == 2);
  for (size_t s = 0; s < 2; ++s) {
    const auto& exact = r.test.logits()[s];
    const auto& kept = (*read)[s];
    REQUIRE(kept.size() == exact.size());
    const auto vocab = static_cast<size_t>(r.vocab);
    for (size_t i = 0; i < exact.size(); ++i) {
      const double first = exact[i / vocab * vocab];
      const double first_kept = kept[i / vocab * vocab];
      CHECK(kept[i] - first_kept ==
            doctest::Approx(exact[i] - first).epsilon(1e-6));
    }
  }
}

TEST_CASE("logits of another model, text or kind are refused") {
  const Recorded r;
  const std::string bytes = r.Bytes();
  CHECK(r.ErrorOf(bytes, r.model, r.text) == "");
  CHECK(r.ErrorOf(bytes, Sha256{9}, r.text)
            .starts_with("byte 24: recorded with another model (tiny, by "
                         "hand; SHA-256 01020300..."));
  auto other = r.text;
  other[1].tokens[2] = 7;
  CHECK(r.ErrorOf(bytes, r.model, other).starts_with("byte 56: "));
  other = r.text;
  other[0].first_scored = 0;
  CHECK(r.ErrorOf(bytes, r.model, other).starts_with("byte 56: "));
  CHECK(r.ErrorOf("", r.model, r.text).starts_with("byte 0: cut short"));
  CHECK(r.ErrorOf(bytes.substr(0, 95), r.model, r.text)
            .starts_with("byte 92: cut short in the note"));
  CHECK(r.ErrorOf(bytes.substr(0, bytes.size() - 1), r.model, r.text)
            .starts_with("byte 105: cut short"));
  std::string changed = bytes;
  changed[0] = 'X';
  CHECK(r.ErrorOf(changed, r.model, r.text)
            .starts_with("byte 0: no recorded logits"));
  changed = bytes;
  changed[8] = 2;
  CHECK(r.ErrorOf(changed, r.model, r.text).starts_with("byte 8: version 2"));
  changed = bytes;
  changed[12] = 41;
  CHECK(r.ErrorOf(changed, r.model, r.text).starts_with("byte 12: "));
  changed = bytes;
  changed[90] = 0x7f;
  CHECK(r.ErrorOf(changed, r.model, r.text).starts_with("byte 88: a note of"));
  CHECK_FALSE(ReadLogits("/nowhere", r.model, r.text, r.vocab));
}

}  // namespace
}  // namespace triptych::gate
