// Slices of the periphery behind their host: that converters inside the whole
// of it give the codes that they give alone, and that model and RTL leave the
// same values and registers, whatever happens on the way.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "emulators/optical/hil/local.h"
#include "emulators/optical/hil/slice.h"
#include "kernels/base/rng.h"
#include "rtl/rtl_constants.h"

namespace triptych::optical {
namespace {

constexpr size_t kLanes = rtl::kSarLanes;

BoundarySettings Mismatched() {
  BoundarySettings settings;
  settings.sources = settings.receivers = 128;
  settings.dac_bits = 8;
  settings.dac_unit_sigma = settings.adc_unit_sigma = 0.05;
  return settings;
}

// Levels over the whole scale, and beyond both of its ends.
std::vector<int32_t> Levels(Rng& rng, int bits) {
  std::vector<int32_t> levels(kLanes);
  const double top = std::ldexp(1.0, bits) * rtl::kSarLevelsPerLsb;
  for (int32_t& level : levels) {
    level = static_cast<int32_t>(top * (1.2 * rng.Uniform() - 0.1));
  }
  return levels;
}

TEST_CASE("A whole periphery gives the codes that its converters give") {
  for (const int bits : {10, 8, 5}) {
    BoundarySettings settings = Mismatched();
    settings.adc_bits = static_cast<uint8_t>(bits);
    const Chip chip(settings);
    Slice slice(SliceBy::kModel, SliceRole::kReceiver, settings, chip, 1, 3);
    Rng rng(1);
    for (int vector = 0; vector < 20; ++vector) {
      const std::vector<int32_t> levels = Levels(rng, bits);
      std::array<uint16_t, kLanes> alone;
      rtl::SarConvert(chip.search, chip.adc[1], levels.data(), nullptr,
                      alone.data());
      std::array<int16_t, kLanes> values;
      REQUIRE(slice.Receive(levels, values).has_value());
      for (size_t i = 0; i < kLanes; ++i) {
        CHECK((values[i] >> rtl::kSarWeightFracBits) + (1 << (bits - 1)) ==
              alone[i]);
      }
    }
  }
}

TEST_CASE("Sources shine as their DACs alone, in every mode") {
  for (const uint8_t dem : {rtl::kDemOff, rtl::kDemRotate, rtl::kDemRandom}) {
    for (const bool correct : {false, true}) {
      BoundarySettings settings = Mismatched();
      settings.dem = dem;
      settings.correct = correct;
      const Chip chip(settings);
      Slice slice(SliceBy::kModel, SliceRole::kSource, settings, chip, 1, 0);
      std::vector<rtl::DacLane> lanes;
      for (size_t i = 0; i < kLanes; ++i) {
        lanes.emplace_back(static_cast<int>(i));
      }
      Rng rng(2);
      for (int vector = 0; vector < 20; ++vector) {
        std::array<uint16_t, kLanes> codes;
        std::array<int32_t, kLanes> levels;
        for (uint16_t& code : codes) {
          code = static_cast<uint16_t>(rng.Below(256));
        }
        REQUIRE(slice.Shine(codes, levels).has_value());
        for (size_t i = 0; i < kLanes; ++i) {
          auto code = static_cast<uint16_t>(codes[i] << 2);
          if (correct) {
            code = rtl::DacCorrect(code, chip.knots[kLanes + i]);
          }
          CHECK(levels[i] == chip.dac[kLanes + i].Level(
                                 code, static_cast<rtl::Dem>(dem), lanes[i]));
        }
      }
    }
  }
}

// Model and RTL side by side.
struct Pair {
  Pair(SliceRole role, const BoundarySettings& settings, const Chip& chip)
      : model(SliceBy::kModel, role, settings, chip, 0, 7),
        rtl(SliceBy::kRtl, role, settings, chip, 0, 7) {}
  void CheckRegisters() {
    CHECK(model.Registers() == rtl.Registers());
    CHECK(model.cycles() == rtl.cycles());
    CHECK(model.frames_sent_again() == rtl.frames_sent_again());
  }
  void CheckLanes() {
    for (const uint32_t what : {0u, 1u, 2u, 4u, 5u, 6u, 7u}) {
      for (uint32_t lane = 0; lane < kLanes; lane += 7) {
        CHECK(model.LaneValue(lane, what) == rtl.LaneValue(lane, what));
      }
    }
  }
  void Receive(Rng& rng, int bits) {
    const std::vector<int32_t> levels = Levels(rng, bits);
    std::array<int16_t, kLanes> by_model, by_rtl;
    REQUIRE(model.Receive(levels, by_model).has_value());
    REQUIRE(rtl.Receive(levels, by_rtl).has_value());
    CHECK(by_model == by_rtl);
  }
  Slice model, rtl;
};

// Saturation (levels beyond the scale), calibrations in mid run and frames
// that the link damages, all in one run.
TEST_CASE("RTL == model: values and registers of receivers") {
  struct Case {
    bool pairs;
    uint32_t every;
    double errors;
    uint8_t bits, track;
  };
  for (const Case& c : {Case{false, 0, 0, 10, 0}, Case{false, 9, 0.02, 10, 0},
                        Case{true, 9, 0.02, 10, 1}, Case{true, 0, 0, 6, 2}}) {
    BoundarySettings settings = Mismatched();
    settings.pairs = c.pairs;
    settings.calibrate_every = c.every;
    settings.bit_errors = c.errors;
    settings.adc_bits = c.bits;
    settings.track = c.track;
    const Chip chip(settings);
    Pair pair(SliceRole::kReceiver, settings, chip);
    Rng rng(3);
    for (int vector = 0; vector < 30; ++vector) {
      pair.Receive(rng, c.bits);
      pair.CheckRegisters();
    }
    pair.CheckLanes();
    pair.CheckRegisters();
    // What the case is about did happen.
    CHECK((pair.model.frames_sent_again() > 0) == (c.errors > 0));
    CHECK((pair.model.Read(rtl::kRegCrcErrors) > 0) == (c.errors > 0));
    CHECK((pair.model.Read(rtl::kRegCalibrateCycles) > 0) == (c.every > 0));
    CHECK(pair.model.Read(rtl::kRegPairs) == (c.pairs ? 30u : 0u));
    CHECK(pair.model.LaneValue(0, rtl::kSarEventTop) > 0);
    // Reading lanes took the cycles that the divisions take.
    CHECK((pair.model.Read(rtl::kRegTracked) > 0) == (c.track > 0));
    CHECK(pair.model.Read(rtl::kRegFramesOut) == 30);
  }
}

TEST_CASE("RTL == model: levels and registers of sources") {
  BoundarySettings settings = Mismatched();
  settings.dem = rtl::kDemRandom;
  settings.correct = true;
  settings.bit_errors = 0.02;
  const Chip chip(settings);
  Pair pair(SliceRole::kSource, settings, chip);
  Rng rng(4);
  for (int vector = 0; vector < 30; ++vector) {
    std::array<uint16_t, kLanes> codes;
    for (uint16_t& code : codes) code = static_cast<uint16_t>(rng.Below(256));
    std::array<int32_t, kLanes> by_model, by_rtl;
    REQUIRE(pair.model.Shine(codes, by_model).has_value());
    REQUIRE(pair.rtl.Shine(codes, by_rtl).has_value());
    CHECK(by_model == by_rtl);
  }
  pair.CheckRegisters();
  CHECK(pair.model.frames_sent_again() > 0);
}

TEST_CASE("Calibration takes the slope out that mismatched capacitors have") {
  const auto slope_error = [](uint32_t calibrate_every) {
    BoundarySettings settings = Mismatched();
    settings.adc_unit_sigma = 0.1;
    settings.calibrate_every = calibrate_every;
    const Chip chip(settings);
    Slice slice(SliceBy::kModel, SliceRole::kReceiver, settings, chip, 0, 0);
    // Where the reference light stood, and the dark.
    double squares = 0;
    for (const int code : {512, 512 + 384}) {
      const std::vector<int32_t> levels(kLanes, code * rtl::kSarLevelsPerLsb);
      std::array<int16_t, kLanes> values;
      REQUIRE(slice.Receive(levels, values).has_value());
      for (const int16_t value : values) {
        // Without calibration the middle of a code is half an LSB above it.
        const double half = calibrate_every == 0 ? 0.5 : 0;
        squares += std::pow(value / 16.0 - half - (code - 512), 2);
      }
    }
    return std::sqrt(squares / (2 * kLanes));
  };
  const double before = slope_error(0), after = slope_error(1000);
  // 0.1 * sqrt(512 units and more), in LSB.
  CHECK(before > 1);
  CHECK(after < 0.1);
}

TEST_CASE("A link that damages every frame is an error, not a hang") {
  BoundarySettings settings = Mismatched();
  settings.bit_errors = 1;
  const Chip chip(settings);
  Slice slice(SliceBy::kModel, SliceRole::kReceiver, settings, chip, 0, 0);
  std::array<int16_t, kLanes> values;
  const Status status = slice.Receive(std::vector<int32_t>(kLanes, 0), values);
  REQUIRE(!status.has_value());
  CHECK(status.error().message.find("hil.bit_errors") != std::string::npos);
}

TEST_CASE("Which slices are the RTL's") {
  const auto has = [](std::string_view text, uint32_t tile, uint32_t slice) {
    const auto subset = RtlSubset::Parse(text);
    REQUIRE_MESSAGE(subset.has_value(), text);
    return subset->Has(tile, slice);
  };
  CHECK(has("all", 3, 4));
  CHECK(!has("none", 3, 4));
  CHECK(has("slices:0-3,8", 9, 3));
  CHECK(has("slices:0-3,8", 9, 8));
  CHECK(!has("slices:0-3,8", 1, 4));
  CHECK(has("tiles:2", 2, 77));
  CHECK(!has("tiles:2", 3, 2));
  for (const char* wrong : {"", "slices:", "slices:3-1", "slices:1,,2",
                            "slices:-1", "lanes:1", "slices:4294967296"}) {
    CAPTURE(wrong);
    const auto subset = RtlSubset::Parse(wrong);
    CHECK(!subset.has_value());
  }
}

}  // namespace
}  // namespace triptych::optical
