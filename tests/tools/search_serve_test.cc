// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/base/rng.h"
#include "tools/search/serve.h"

namespace triptych::search {
namespace {

using nlohmann::json;

const std::vector<Axis> kAxes = {
    {"adc.bits", AxisKind::kWhole, 4, 12, false, {}},
    {"clock_hz", AxisKind::kContinuous, 1e8, 4e9, true, {}},
    {"preset", AxisKind::kChoice, 0, 0, false, {"a", "b"}}};
const std::vector<sweep::Objective> kObjectives = {{"seconds", false},
                                                   {"tokens", true}};

Result<Answer> Fake(std::span<const double> x) {
  if (x[0] == 5) return MakeError(ErrorCode::kInvalid, "adc.bits: not 5");
  return Answer{{x[0] / x[1], x[2]},
                {{"energy_j", x[0]}, {"bound", "dram"}, {"none", NAN}}};
}

std::vector<json> Talk(const std::string& lines, Served* served = nullptr) {
  std::istringstream in(lines);
  std::ostringstream out;
  const auto result = Serve(in, out, kAxes, kObjectives, Fake);
  REQUIRE(result);
  if (served != nullptr) *served = *result;
  std::vector<json> replies;
  std::istringstream answers(out.str());
  for (std::string line; std::getline(answers, line);) {
    replies.push_back(json::parse(line));
  }
  return replies;
}

const std::string kGood =
    R"({"id":7,"point":{"adc.bits":8,"clock_hz":2e9,"preset":"b"}})"
    "\n";

TEST_CASE("The space and a point") {
  Served served;
  const auto replies =
      Talk(fmt::format("{}\n\n  \r\n{}", R"({"ask":"space"})", kGood), &served);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0] == json::parse(R"({"status":"ok","space":[
      {"name":"adc.bits","kind":"whole","low":4,"high":12,"log":false},
      {"name":"clock_hz","kind":"continuous","low":1e8,"high":4e9,"log":true},
      {"name":"preset","kind":"choice","choices":["a","b"]}],
      "objectives":[{"name":"seconds","goal":"minimise"},
                    {"name":"tokens","goal":"maximise"}]})"));
  CHECK(replies[1] == json::parse(R"({"id":7,"status":"ok",
      "objectives":{"seconds":4e-9,"tokens":1.0},
      "measures":{"energy_j":8.0,"bound":"dram","none":null}})"));
  CHECK(served.points == 1);
  CHECK(served.errors == 0);
}

TEST_CASE("An id is anything, or nothing; the last line may lack its end") {
  const auto replies = Talk(
      R"({"id":{"t":[1]},"point":{"adc.bits":4,"clock_hz":1e9,"preset":"a"}})"
      "\n"
      R"({"point":{"adc.bits":4.0,"clock_hz":1000000000,"preset":"a"}})");
  REQUIRE(replies.size() == 2);
  CHECK(replies[0]["id"] == json::parse(R"({"t":[1]})"));
  CHECK(!replies[1].contains("id"));
  CHECK(replies[1]["status"] == "ok");
}

TEST_CASE("A point that cannot be evaluated is invalid, with the reason") {
  Served served;
  const auto replies = Talk(
      "\n"
      R"({"id":1,"point":{"adc.bits":5,"clock_hz":1e9,"preset":"a"}})",
      &served);
  CHECK(replies[0] == json::parse(R"({"id":1,"status":"invalid","line":2,
      "error":"line 2: adc.bits: not 5"})"));
  CHECK(served.invalid == 1);
}

TEST_CASE("Lines that are wrong are answered, and the talk goes on") {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"nonsense", "not JSON"},
      {"{\"id\":1", "not JSON"},
      {"\xff\xfe", "not JSON"},
      {"{\"id\":1e999}", "not JSON"},
      {"[1]", "not an object"},
      {"null", "not an object"},
      {"{}", "no question"},
      {R"({"ask":"spcae"})", "no question"},
      {R"({"ask":{"a":1}})", "no question"},
      {R"({"id":3,"point":7})", "no question"},
      {R"({"id":3,"point":{}})", "adc.bits: missing"},
      {R"({"point":{"adc.bits":3,"clock_hz":1e9,"preset":"a"}})",
       "adc.bits: 3: allowed: whole numbers in [4, 12]"},
      {R"({"point":{"adc.bits":4.5,"clock_hz":1e9,"preset":"a"}})",
       "adc.bits: 4.5: allowed"},
      {R"({"point":{"adc.bits":"4","clock_hz":1e9,"preset":"a"}})",
       "adc.bits: \"4\": not a number"},
      {R"({"point":{"adc.bits":4,"clock_hz":null,"preset":"a"}})",
       "clock_hz: null: not a number"},
      {R"({"point":{"adc.bits":4,"clock_hz":1e9,"preset":0}})",
       "preset: 0: allowed: a, b"},
      {R"({"point":{"adc.bits":4,"clock_hz":1e9,"preset":"c"}})",
       "preset: \"c\": allowed: a, b"},
      {R"({"point":{"adc.bits":4,"clock_hz":1e9,"preset":"a","x":1}})",
       "x: no such axis; allowed: adc.bits, clock_hz, preset"},
      {std::string(kMaxLine + 1, ' ') + "{}", "not JSON"},
      {std::string(100000, '['), "not JSON"},
      {std::string(100000, '[') + std::string(100000, ']'), "not an object"},
      {std::string("{\"id\":\0}", 8), "not JSON"},
  };
  std::string lines;
  for (const auto& [line, message] : wrong) {
    lines += fmt::format("{}\n{}", line, kGood);
  }
  Served served;
  const auto replies = Talk(lines, &served);
  REQUIRE(replies.size() == 2 * wrong.size());
  for (size_t i = 0; i < wrong.size(); ++i) {
    const json& reply = replies[2 * i];
    CAPTURE(wrong[i].second);
    CHECK(reply["status"] == "error");
    CHECK(reply["line"] == 2 * i + 1);
    const std::string error = reply["error"];
    CAPTURE(error);
    CHECK(error.starts_with(
        fmt::format("line {}: {}", 2 * i + 1, wrong[i].second)));
    CHECK(replies[2 * i + 1]["id"] == 7);
    CHECK(replies[2 * i + 1]["status"] == "ok");
  }
  CHECK(served.points == wrong.size());
  CHECK(served.errors == wrong.size());
}

TEST_CASE("Good lines with bytes changed never crash, and are all answered") {
  Rng rng(23);
  std::string lines;
  size_t expected = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string line = kGood.substr(0, kGood.size() - 1);
    for (uint32_t edits = 1 + rng.Below(4); edits > 0; --edits) {
      char byte = static_cast<char>(rng.Below(256));
      if (byte == '\n') byte = ' ';
      const size_t at = rng.Below(static_cast<uint32_t>(line.size()));
      if (rng.Below(3) == 0) {
        line.erase(at, 1 + rng.Below(5));
        if (line.empty()) line.push_back('x');
      } else {
        line[at] = byte;
      }
    }
    expected += line.find_first_not_of(" \t\r") != std::string::npos;
    lines += line;
    lines += '\n';
  }
  Served served;
  CHECK(Talk(lines, &served).size() == expected);
  CHECK(served.errors > 1000);
  CHECK(served.points + served.invalid + served.errors == expected);
}

TEST_CASE("What cannot be written, and a space that is wrong, are errors") {
  std::istringstream in(kGood);
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  CHECK(Serve(in, out, kAxes, kObjectives, Fake).error().code ==
        ErrorCode::kIo);
  CHECK(!Serve(in, out, {}, kObjectives, Fake));
}

}  // namespace
}  // namespace triptych::search
