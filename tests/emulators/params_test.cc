// SPDX-License-Identifier: Apache-2.0
#include "emulators/params.h"

#include <doctest/doctest.h>

#include <string>

#include "kernels/base/units.h"

namespace triptych {
namespace {

struct Machine {
  int64_t rows = 10;
  Hertz clock{1.35e9};
  double gain = 0.5;
  std::string periphery = "fast";
  bool double_buffer = true;
  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("grid.rows", p.rows, 1, 64, "worker rows");
    v("clock_hz", p.clock, 1e8, 4e9, "clock");
    v("gain", p.gain, 0, 1, "gain");
    v("periphery", p.periphery, {"fast", "rtl"}, "converters");
    v("double_buffer", p.double_buffer, "overlap loads");
  }
};

// The error of loading `text` with `assignments`, or "" if there is none.
std::string ErrorOf(std::string_view text,
                    std::initializer_list<std::string_view> sets = {}) {
  Result<Config> config = Config::Parse(text, "m.toml");
  if (!config) return config.error().message;
  for (const std::string_view set : sets) {
    if (const Status status = config->Set(set); !status) {
      return status.error().message;
    }
  }
  Machine machine;
  const auto loaded = LoadParams(*config, machine);
  return loaded ? "" : loaded.error().message;
}

TEST_CASE("values, provenance and defaults") {
  const auto config = Config::Parse(
      "target = \"mesh\"\nabout = \"a test\"\nclock_hz = 1e9\n"
      "[grid]\nrows = { value = 12, source = \"sheet\", basis = "
      "\"published\" }\n",
      "m.toml");
  REQUIRE(config);
  CHECK(config->target() == "mesh");
  CHECK(config->about() == "a test");
  Machine machine;
  const auto set = LoadParams(*config, machine);
  REQUIRE(set);
  CHECK(machine.rows == 12);
  CHECK(machine.clock == Hertz(1e9));
  CHECK(machine.gain == 0.5);
  CHECK(set->Of("grid.rows").basis == Basis::kPublished);
  CHECK(set->Of("grid.rows").source == "sheet");
  CHECK(set->Of("gain").basis == Basis::kAssumed);
  CHECK(set->params().size() == 5);
  CHECK(set->params()[0].allowed == "1..64");
  CHECK(set->params()[3].allowed == "fast, rtl");
}

TEST_CASE("--set goes over the file, the last one counts") {
  auto config = Config::Parse("gain = 0.25\n", "m.toml");
  REQUIRE(config);
  REQUIRE(config->Set("gain=0.5"));
  REQUIRE(config->Set("gain=0.75"));
  REQUIRE(config->Set("grid.rows=3"));
  REQUIRE(config->Set("periphery=rtl"));
  REQUIRE(config->Set("double_buffer=false"));
  Machine machine;
  const auto set = LoadParams(*config, machine);
  REQUIRE(set);
  CHECK(machine.gain == 0.75);
  CHECK(machine.rows == 3);
  CHECK(machine.periphery == "rtl");
  CHECK_FALSE(machine.double_buffer);
  CHECK(set->Of("gain").source == "--set");
}

TEST_CASE("the effective configuration loads to the same") {
  auto config = Config::Parse(
      "gain = { value = 0.1, source = \"a \\\"b\\\" \\\\ \\u0001\", basis = "
      "\"derived\" }\n",
      "m.toml");
  REQUIRE(config);
  REQUIRE(config->Set("clock_hz=1.2345678901234567e9"));
  Machine first, second;
  const auto set = LoadParams(*config, first);
  REQUIRE(set);
  const auto again = Config::Parse(set->Effective(), "effective.toml");
  REQUIRE(again);
  const auto reloaded = LoadParams(*again, second);
  REQUIRE(reloaded);
  CHECK(second.clock == first.clock);
  CHECK(second.gain == first.gain);
  CHECK(second.rows == first.rows);
  CHECK(reloaded->Of("gain").source == set->Of("gain").source);
  CHECK(reloaded->Effective() == set->Effective());
}

TEST_CASE("errors say where, what and what is allowed") {
  CHECK(ErrorOf("\ngain = 2\n") ==
        "m.toml:2: gain: 2 is out of range; allowed 0..1");
  CHECK(ErrorOf("gain = nan\n") ==
        "m.toml:1: gain: nan is out of range; allowed 0..1");
  CHECK(ErrorOf("[grid]\nrows = 2.5\n") ==
        "m.toml:2: grid.rows: a whole number is needed, not 2.5; allowed "
        "1..64");
  CHECK(ErrorOf("gain = \"big\"\n") ==
        "m.toml:1: gain: a number is needed, not \"big\"; allowed 0..1");
  CHECK(ErrorOf("periphery = \"slow\"\n") ==
        "m.toml:1: periphery: \"slow\" is not allowed; allowed fast, rtl");
  CHECK(ErrorOf("double_buffer = 1\n") ==
        "m.toml:1: double_buffer: 1 is not allowed; allowed true, false");
  CHECK(ErrorOf("[grid]\nrow = 1\n") ==
        "m.toml:2: grid.row: no such parameter; the nearest is grid.rows, "
        "allowed 1..64");
  CHECK(ErrorOf("gain = [1]\n") ==
        "m.toml:1: gain: lists and dates are not parameters; allowed a "
        "number, true or false, text, or a table");
  CHECK(ErrorOf("gain = { value = 1, basis = \"rumour\" }\n") ==
        "m.toml:1: gain.basis: \"rumour\" is not allowed; allowed published, "
        "derived, assumed");
  CHECK(ErrorOf("gain = { value = 1, unit = \"x\" }\n") ==
        "m.toml:1: gain.unit: not a part of a parameter; allowed value, and "
        "source and basis as text");
  CHECK(ErrorOf("target = 3\n") == "m.toml:1: target: text is needed, not 3");
  CHECK(ErrorOf("\"grid.rows\" = 1\ngrid.rows = 2\n")
            .ends_with("grid.rows: given twice"));
  CHECK(ErrorOf("gain = \n").starts_with("m.toml:1: "));
  CHECK(ErrorOf("gain = 1\n# \xC3\x28\n") == "m.toml:2: not UTF-8");
}

TEST_CASE("errors of --set") {
  CHECK(ErrorOf("", {"gain"}) ==
        "--set: gain: not an assignment; allowed key=value");
  CHECK(ErrorOf("", {"=1"}) ==
        "--set: =1: not an assignment; allowed key=value");
  CHECK(ErrorOf("", {"gain=7"}) ==
        "--set: gain: 7 is out of range; allowed 0..1");
  CHECK(ErrorOf("", {"gian=0"}) ==
        "--set: gian: no such parameter; the nearest is gain, allowed 0..1");
}

TEST_CASE("UTF-8 is checked before anything is parsed") {
  const char* good[] = {
      "# \x7F",         "# \xC2\x80",         "# \xE0\xA0\x80",
      "# \xED\x9F\xBF", "# \xF0\x90\x80\x80", "# \xF4\x8F\xBF\xBF"};
  for (const char* text : good) {
    // Control characters are TOML's to refuse, with another message.
    CHECK(ErrorOf(text).find("not UTF-8") == std::string::npos);
  }
  const char* bad[] = {"\x80",
                       "\xC0\xAF",
                       "\xC1\xBF",
                       "\xC2",
                       "\xE0\x9F\xBF",
                       "\xED\xA0\x80",
                       "\xE2\x82",
                       "\xF0\x8F\xBF\xBF",
                       "\xF0\x90\x80",
                       "\xF4\x90\x80\x80",
                       "\xF5\x80\x80\x80",
                       "\xFF"};
  for (const char* text : bad) CHECK(ErrorOf(text) == "m.toml:1: not UTF-8");
}

TEST_CASE("a file that is not there") {
  const auto config = Config::Load("no/such/file.toml");
  REQUIRE_FALSE(config);
  CHECK(config.error().message == "no/such/file.toml: cannot be opened");
}

}  // namespace
}  // namespace triptych
