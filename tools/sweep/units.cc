// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace triptych::sweep {
namespace {

struct Unit {
  std::string_view suffix;  // of a key
  std::string_view symbol;  // in a text
  std::string_view dimension;
  double scale;
};
constexpr Unit kUnits[] = {
    {"ps", "ps", "time", 1e-12},
    {"ns", "ns", "time", 1e-9},
    {"us", "us", "time", 1e-6},
    {"ms", "ms", "time", 1e-3},
    {"s", "s", "time", 1},
    {"hz", "Hz", "frequency", 1},
    {"khz", "kHz", "frequency", 1e3},
    {"mhz", "MHz", "frequency", 1e6},
    {"ghz", "GHz", "frequency", 1e9},
    {"fj", "fJ", "energy", 1e-15},
    {"pj", "pJ", "energy", 1e-12},
    {"nj", "nJ", "energy", 1e-9},
    {"uj", "uJ", "energy", 1e-6},
    {"mj", "mJ", "energy", 1e-3},
    {"j", "J", "energy", 1},
    {"uw", "uW", "power", 1e-6},
    {"mw", "mW", "power", 1e-3},
    {"w", "W", "power", 1},
    {"kw", "kW", "power", 1e3},
    {"bytes", "B", "size", 1},
    {"kb", "kB", "size", 1e3},
    {"mb", "MB", "size", 1e6},
    {"gb", "GB", "size", 1e9},
    {"tb", "TB", "size", 1e12},
    {"kib", "KiB", "size", 0x1p10},
    {"mib", "MiB", "size", 0x1p20},
    {"gib", "GiB", "size", 0x1p30},
    {"mb_per_s", "MB/s", "bandwidth", 1e6},
    {"gb_per_s", "GB/s", "bandwidth", 1e9},
    {"tb_per_s", "TB/s", "bandwidth", 1e12},
    {"gflops", "GFLOP/s", "rate of work", 1e9},
    {"tflops", "TFLOP/s", "rate of work", 1e12},
    {"db", "dB", "level", 1},
    {"nm", "nm", "length", 1e-9},
    {"um", "um", "length", 1e-6},
    {"mm", "mm", "length", 1e-3},
    {"mm2", "mm2", "area", 1e-6},
    {"na", "nA", "current", 1e-9},
    {"ua", "uA", "current", 1e-6},
    {"ma", "mA", "current", 1e-3},
    {"bits", "bit", "width", 1},
};

// "gb_per_s" before "s".
const Unit* UnitFor(std::string_view key) {
  const Unit* longest = nullptr;
  for (const Unit& unit : kUnits) {
    if (!key.ends_with(unit.suffix)) continue;
    const size_t before = key.size() - unit.suffix.size();
    const std::string_view stem = key.substr(0, before);
    if (!stem.empty() && !stem.ends_with('_') && !stem.ends_with('.')) continue;
    // Part of a unit that is not in the table: "a_per_w", "pa_per_sqrt_hz".
    if (stem.ends_with("per_") || stem.ends_with("sqrt_")) continue;
    if (!longest || unit.suffix.size() > longest->suffix.size()) {
      longest = &unit;
    }
  }
  return longest;
}

// "s, ms, us" of one dimension.
std::string SymbolsOf(std::string_view dimension) {
  std::string symbols;
  for (const Unit& unit : kUnits) {
    if (unit.dimension != dimension) continue;
    symbols += (symbols.empty() ? "" : ", ") + std::string(unit.symbol);
  }
  return symbols;
}

// Of two scales, the larger first. Powers of ten are no doubles, but most
// ratios of them are: 500 ns are 0.5 us and nothing beside it.
double RatioOf(double large, double small) {
  const double ratio = large / small, whole = std::round(ratio);
  return std::abs(ratio - whole) < 1e-9 * ratio ? whole : ratio;
}

}  // namespace

std::string_view UnitOfKey(std::string_view key) {
  const Unit* unit = UnitFor(key);
  return unit ? unit->symbol : "";
}

Result<double> ParseQuantity(std::string_view text, std::string_view key) {
  const auto fail = [&](std::string_view what) {
    return MakeError(ErrorCode::kInvalid, fmt::format("\"{}\" {}", text, what));
  };
  double number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  std::string_view rest(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const Unit* wanted = UnitFor(key);
  if (parsed.ec != std::errc()) {
    return fail(wanted ? fmt::format("is not allowed; a number is needed, "
                                     "alone or with {}",
                                     SymbolsOf(wanted->dimension))
                       : "is not allowed; a number is needed");
  }
  if (rest.empty()) return number;
  if (!wanted) {
    return fail(
        "is not allowed; this key has no unit: a plain number is "
        "needed");
  }
  for (const Unit& unit : kUnits) {
    if (unit.symbol != rest) continue;
    if (unit.dimension != wanted->dimension) {
      return fail(fmt::format("is a {}, and a {} is needed; allowed {}",
                              unit.dimension, wanted->dimension,
                              SymbolsOf(wanted->dimension)));
    }
    return unit.scale >= wanted->scale
               ? number * RatioOf(unit.scale, wanted->scale)
               : number / RatioOf(wanted->scale, unit.scale);
  }
  return fail(fmt::format("has no unit that is known; allowed {}",
                          SymbolsOf(wanted->dimension)));
}

}  // namespace triptych::sweep
