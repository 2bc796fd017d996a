// The SAR ADC slice: the model against arithmetic, the RTL against the model.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/sar_adc/sar_adc_model.h"
#include "rtl/sar_adc/sar_adc_rtl.h"

namespace triptych::rtl {
namespace {

using Levels = std::array<int32_t, kSarLanes>;
using Codes = std::array<uint16_t, kSarLanes>;
using Errors = std::array<int32_t, kSarMaxLooks * kSarLanes>;

// Half of a whole LSB's range: inputs within it belong to the code.
constexpr int kHalf = kSarLevelsPerLsb / 2;

// Calls check(first, levels) for every code of a `bits`-bit converter, a
// slice at a time, plus `offset` levels.
template <class Check>
void ForEachCode(int bits, int32_t offset, const Check& check) {
  for (int first = 0; first < 1 << bits; first += kSarLanes) {
    Levels levels;
    for (int lane = 0; lane < kSarLanes; ++lane) {
      levels[lane] = (first + lane) * kSarLevelsPerLsb + offset;
    }
    check(first, levels);
  }
}

TEST_CASE("The weights of every width sum to its largest code") {
  for (int bits = 1; bits <= kSarMaxBits; ++bits) {
    CAPTURE(bits);
    const SarSearch search = MakeSarSearch(bits);
    REQUIRE(search.steps <= kSarMaxSteps);
    int sum = 0;
    for (int k = 0; k < search.steps; ++k) {
      CHECK(search.weight[k] % (1 << kSarWeightFracBits) == 0);
      CHECK(SarTolerance(search, k) >= 0);
      sum += search.weight[k] >> kSarWeightFracBits;
    }
    CHECK(sum == search.max_code());
  }
  const SarSearch ten = MakeSarSearch(10);
  CHECK(ten.steps == 12);
  for (int k = 0; k < ten.steps; ++k) {
    CHECK(ten.weight[k] == kSarNominalLsb[k] << kSarWeightFracBits);
  }
  CHECK(SarTolerance(ten, 0) == 64);
}

TEST_CASE("An ideal converter rounds to the nearest code and clips") {
  for (int bits = 1; bits <= kSarMaxBits; ++bits) {
    CAPTURE(bits);
    const SarSearch search = MakeSarSearch(bits);
    const SarFrontEnd ideal = IdealFrontEnd(search);
    for (const int offset : {-kHalf, -1, 0, 1, kHalf - 1}) {
      ForEachCode(bits, offset, [&](int first, const Levels& levels) {
        Codes codes;
        SarConvert(search, ideal, levels.data(), nullptr, codes.data());
        for (int lane = 0; lane < kSarLanes; ++lane) {
          const int wanted = std::min<int>(first + lane, search.max_code());
          REQUIRE(codes[lane] == wanted);
        }
      });
    }
    Levels outside;
    for (int lane = 0; lane < kSarLanes; ++lane) {
      outside[lane] = (lane % 2 ? 1 : -1) * (1 << (18 + lane / 8));
    }
    Codes codes;
    SarConvert(search, ideal, outside.data(), nullptr, codes.data());
    for (int lane = 0; lane < kSarLanes; ++lane) {
      CHECK(codes[lane] == (lane % 2 ? search.max_code() : 0));
    }
  }
}

// How many codes come out wrong if the comparator errs by `lsb` at step k.
int WrongCodes(const SarSearch& search, int k, int lsb) {
  const SarFrontEnd ideal = IdealFrontEnd(search);
  Errors errors{};
  std::fill_n(errors.begin() + k * kSarLanes, kSarLanes,
              lsb * kSarLevelsPerLsb);
  int wrong = 0;
  ForEachCode(search.bits, 0, [&](int first, const Levels& levels) {
    Codes codes;
    SarConvert(search, ideal, levels.data(), errors.data(), codes.data());
    for (int lane = 0; lane < kSarLanes; ++lane) {
      wrong += codes[lane] != std::min<int>(first + lane, search.max_code());
    }
  });
  return wrong;
}

// Every step, every code: a comparator wrong by no more than the redundancy
// changes nothing; one LSB more, one way or the other, changes some code.
TEST_CASE("Redundancy makes good what it promises, and no more") {
  for (const int bits : {4, 7, 8, 10}) {
    const SarSearch search = MakeSarSearch(bits);
    for (int k = 0; k < search.steps; ++k) {
      CAPTURE(bits);
      CAPTURE(k);
      const int lsb = SarTolerance(search, k);
      CHECK(WrongCodes(search, k, lsb) + WrongCodes(search, k, -lsb) == 0);
      CHECK(WrongCodes(search, k, lsb + 1) + WrongCodes(search, k, -lsb - 1) >
            0);
    }
  }
}

TEST_CASE("Mismatched capacitors: errors grow with the mismatch") {
  const SarSearch search = MakeSarSearch(10);
  double last = 0;
  for (const double sigma : {0.01, 0.03, 0.1}) {
    const SarFrontEnd front_end = MismatchedFrontEnd(search, sigma, 7, 0);
    double squares = 0;
    ForEachCode(10, 0, [&](int first, const Levels& levels) {
      Codes codes;
      SarConvert(search, front_end, levels.data(), nullptr, codes.data());
      for (int lane = 0; lane < kSarLanes; ++lane) {
        const double error = codes[lane] - (first + lane);
        squares += error * error;
      }
    });
    CHECK(squares > last);
    last = squares;
  }
}

// What calibration is for: digital weights that know the capacitors.
TEST_CASE("Weights that match the capacitors take their mismatch out") {
  const SarSearch nominal = MakeSarSearch(10);
  SarFrontEnd front_end = IdealFrontEnd(nominal);
  SarSearch calibrated = nominal;
  constexpr int kPerWeightUnit = kSarLevelsPerLsb >> kSarWeightFracBits;
  for (const auto& [step, units] : {std::pair{0, -3 * 16 - 5}, {1, 2 * 16}}) {
    front_end.capacitor[step].fill(front_end.capacitor[step][0] +
                                   units * kPerWeightUnit);
    calibrated.weight[step] =
        static_cast<uint16_t>(calibrated.weight[step] + units);
  }
  int worst_nominal = 0, worst_calibrated = 0;
  // The array's full scale is 1.3 LSB short: stay below it.
  ForEachCode(10, 0, [&](int first, const Levels& levels) {
    if (first + kSarLanes >= 1020) return;
    Codes codes;
    SarConvert(nominal, front_end, levels.data(), nullptr, codes.data());
    for (int lane = 0; lane < kSarLanes; ++lane) {
      worst_nominal =
          std::max(worst_nominal, std::abs(codes[lane] - first - lane));
    }
    SarConvert(calibrated, front_end, levels.data(), nullptr, codes.data());
    for (int lane = 0; lane < kSarLanes; ++lane) {
      worst_calibrated =
          std::max(worst_calibrated, std::abs(codes[lane] - first - lane));
    }
  });
  CHECK(worst_nominal >= 2);
  CHECK(worst_calibrated <= 1);
}

// Runs both; counts conversions whose codes differ.
int Differences(SarRtl& rtl, const SarSearch& search,
                const SarFrontEnd& front_end, const Levels& levels,
                const int32_t* errors) {
  Codes model_codes, rtl_codes;
  SarConvert(search, front_end, levels.data(), errors, model_codes.data());
  rtl.Convert(front_end, levels.data(), errors, rtl_codes.data());
  int differ = 0;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    differ += model_codes[lane] != rtl_codes[lane];
  }
  return differ;
}

TEST_CASE("RTL == model: all codes of all widths, on and off centre") {
  for (int bits = 1; bits <= kSarMaxBits; ++bits) {
    CAPTURE(bits);
    const SarSearch search = MakeSarSearch(bits);
    const SarFrontEnd ideal = IdealFrontEnd(search);
    SarRtl rtl(search);
    int differ = 0;
    for (const int offset : {-kHalf - 1, -kHalf, 0, kHalf - 1, kHalf}) {
      ForEachCode(bits, offset, [&](int, const Levels& levels) {
        differ += Differences(rtl, search, ideal, levels, nullptr);
      });
    }
    CHECK(differ == 0);
  }
}

TEST_CASE("RTL == model: all codes with every single wrong decision") {
  const SarSearch search = MakeSarSearch(10);
  const SarFrontEnd ideal = IdealFrontEnd(search);
  SarRtl rtl(search);
  int differ = 0;
  for (int k = 0; k < search.steps; ++k) {
    // Stuck at 0, within tolerance, beyond it, stuck at 1.
    const int32_t tolerance = SarTolerance(search, k) * kSarLevelsPerLsb;
    for (const int32_t error :
         {-(1 << 20), -tolerance, tolerance, tolerance + 300, 1 << 20}) {
      Errors errors{};
      std::fill_n(errors.begin() + k * kSarLanes, kSarLanes, error);
      ForEachCode(10, 0, [&](int, const Levels& levels) {
        differ += Differences(rtl, search, ideal, levels, errors.data());
      });
    }
  }
  CHECK(differ == 0);
}

// A search as calibration might leave it, votes on the last steps or none.
SarSearch RandomSearch(int bits, Rng& rng) {
  SarSearch search = MakeSarSearch(bits);
  for (int k = 0; k < search.steps; ++k) {
    search.weight[k] = static_cast<uint16_t>(search.weight[k] + rng.Below(5));
  }
  const int voted = static_cast<int>(rng.Below(5));
  if (voted > 0) search.vote_from = std::max(search.steps - voted, 0);
  return search;
}

// Converts batches of slices by both: mismatched, noisy, some comparators
// late, inputs beyond both ends. Counts what differs: codes, kept capacitors
// and flags after each conversion, event counters after each batch.
struct RandomSar {
  int differ = 0;
  uint64_t conversions = 0, metastable = 0;
  std::vector<int> histogram = std::vector<int>(1 << kSarMaxBits);

  void Batch(uint64_t batch, int slices) {
    const int bits = batch % 2 ? 10 : 1 + static_cast<int>(batch / 2 % 10);
    Rng rng(2024, batch);
    const SarSearch search = RandomSearch(bits, rng);
    SarRtl rtl(search);
    SarCounters counters;
    for (int slice = 0; slice < slices; ++slice) {
      SarFrontEnd front_end = MismatchedFrontEnd(search, 0.02, batch, slice);
      front_end.metastable_below = static_cast<int32_t>(rng.Below(9));
      Levels levels;
      Errors errors;
      const double span = (1 << bits) * kSarLevelsPerLsb;
      for (int32_t& level : levels) {
        level = static_cast<int32_t>((1.1 * rng.Uniform() - 0.05) * span);
      }
      const int used = search.looks() * kSarLanes;
      for (int i = 0; i < used; ++i) {
        errors[i] = static_cast<int32_t>(kSarLevelsPerLsb * rng.Normal());
      }
      SarRecord model, verilated;
      SarConvert(search, front_end, levels.data(), errors.data(), &model);
      rtl.Convert(front_end, levels.data(), errors.data(), &verilated);
      differ += !(model == verilated);
      Codes codes;
      SarConvert(search, front_end, levels.data(), errors.data(), codes.data());
      for (int lane = 0; lane < kSarLanes; ++lane) {
        differ += codes[lane] != model.result[lane] >> kSarWeightFracBits;
        ++histogram[codes[lane]];
      }
      counters.Add(search, model);
      conversions += kSarLanes;
      metastable += static_cast<uint64_t>(std::popcount(model.metastable));
    }
    differ += !(rtl.Counters() == counters);
  }
};

TEST_CASE("RTL == model: 1e5 random conversions, codes and registers") {
  RandomSar random;
  for (uint64_t batch = 0; batch < 20; ++batch) random.Batch(batch, 79);
  CHECK(random.differ == 0);
  CHECK(random.conversions >= 100'000);
  CHECK(random.metastable > 0);
  // The stimulus reaches the whole range, both ends included.
  CHECK(std::count(random.histogram.begin(), random.histogram.end(), 0) < 8);
  CHECK(random.histogram.front() > 0);
  CHECK(random.histogram.back() > 0);
}

TEST_CASE("slow: RTL == model: 1e7 random conversions, codes and registers") {
  RandomSar random;
  for (uint64_t batch = 100; random.conversions < 10'000'000; ++batch) {
    random.Batch(batch, 790);
  }
  CHECK(random.differ == 0);
}

// Which looks of step k, each a bit of `wrong`, see the opposite of the truth.
Errors WrongLooks(const SarSearch& search, int k, int wrong, int32_t by) {
  Errors errors{};
  for (int i = 0; i < kSarVotes; ++i) {
    if (!(wrong >> i & 1)) continue;
    const int row = search.vote_from + kSarVotes * (k - search.vote_from) + i;
    std::fill_n(errors.begin() + row * kSarLanes, kSarLanes, by);
  }
  return errors;
}

TEST_CASE("Votes: one wrong look of three changes nothing, two do") {
  SarSearch search = MakeSarSearch(10);
  search.vote_from = search.steps - 4;
  const SarFrontEnd ideal = IdealFrontEnd(search);
  SarRtl rtl(search);
  for (int k = search.vote_from; k < search.steps; ++k) {
    for (int wrong = 0; wrong < 1 << kSarVotes; ++wrong) {
      CAPTURE(k);
      CAPTURE(wrong);
      int off = 0, differ = 0;
      for (const int32_t by : {-(1 << 20), 1 << 20}) {
        const Errors errors = WrongLooks(search, k, wrong, by);
        ForEachCode(10, 0, [&](int first, const Levels& levels) {
          differ += Differences(rtl, search, ideal, levels, errors.data());
          Codes codes;
          SarConvert(search, ideal, levels.data(), errors.data(), codes.data());
          for (int lane = 0; lane < kSarLanes; ++lane) {
            off += codes[lane] != first + lane;
          }
        });
      }
      CHECK(differ == 0);
      CHECK((off > 0) == (std::popcount(static_cast<unsigned>(wrong)) >= 2));
    }
  }
}

// Mean square error of 10-bit codes under comparator noise of 0.5 LSB, LSB^2.
double NoiseOf(const SarSearch& search) {
  const SarFrontEnd ideal = IdealFrontEnd(search);
  Rng rng(5);
  double squares = 0;
  ForEachCode(10, 0, [&](int first, const Levels& levels) {
    Errors errors;
    for (int32_t& error : errors) {
      error = static_cast<int32_t>(kSarLevelsPerLsb / 2 * rng.Normal());
    }
    Codes codes;
    SarConvert(search, ideal, levels.data(), errors.data(), codes.data());
    for (int lane = 0; lane < kSarLanes; ++lane) {
      const double error = codes[lane] - (first + lane);
      squares += error * error;
    }
  });
  return squares / 1024;
}

TEST_CASE("Votes on the last four steps lower the comparators' noise") {
  SarSearch search = MakeSarSearch(10);
  const double one_look = NoiseOf(search);
  search.vote_from = search.steps - 4;
  CHECK(search.looks() == 20);
  CHECK(NoiseOf(search) < 0.7 * one_look);
}

TEST_CASE("RTL == model: a sum of one LSB, to the fraction, is code 1") {
  SarSearch search = MakeSarSearch(1);
  search.weight[0] = 1 << (kSarWeightFracBits - 1);  // and half an LSB: one
  const SarFrontEnd ideal = IdealFrontEnd(search);
  SarRtl rtl(search);
  SarCounters counters;
  Levels levels;
  levels.fill(kSarLevelsPerLsb);
  SarRecord model, verilated;
  SarConvert(search, ideal, levels.data(), nullptr, &model);
  rtl.Convert(ideal, levels.data(), nullptr, &verilated);
  CHECK(model == verilated);
  CHECK(model.result[0] == 1 << kSarWeightFracBits);
  counters.Add(search, model);
  CHECK(counters.count[kSarEventBottom][0] == 0);
  CHECK(rtl.Counters() == counters);
}

TEST_CASE("RTL == model: counters stop at the top, and start again") {
  const SarSearch search = MakeSarSearch(1);
  SarFrontEnd front_end = IdealFrontEnd(search);
  front_end.metastable_below = 1 << 20;  // always late
  SarRtl rtl(search);
  SarCounters counters;
  Levels levels;
  for (int lane = 0; lane < kSarLanes; ++lane) levels[lane] = lane % 2 << 12;
  SarRecord record;
  for (int i = 0; i < UINT16_MAX + 2; ++i) {
    rtl.Convert(front_end, levels.data(), nullptr, &record);
    counters.Add(search, record);
  }
  CHECK(rtl.Counters() == counters);
  CHECK(counters.count[kSarEventTop][1] == UINT16_MAX);
  CHECK(counters.count[kSarEventBottom][0] == UINT16_MAX);
  CHECK(counters.count[kSarEventBottom][1] == 0);
  CHECK(counters.count[kSarEventMetastable][63] == UINT16_MAX);
  rtl.ClearCounters();
  CHECK(rtl.Counters() == SarCounters{});
  rtl.Convert(front_end, levels.data(), nullptr, &record);
  CHECK(rtl.Counters().count[kSarEventTop][1] == 1);
}

TEST_CASE("RTL: a conversion takes looks + 2 cycles") {
  for (const int bits : {4, 8, 10}) {
    SarSearch search = MakeSarSearch(bits);
    search.vote_from = bits;  // the last two of ten bits' steps
    SarRtl rtl(search);
    const SarFrontEnd ideal = IdealFrontEnd(search);
    Levels levels{};
    Codes codes;
    rtl.Convert(ideal, levels.data(), nullptr, codes.data());
    CHECK(rtl.cycles() == static_cast<uint64_t>(search.looks()) + 2);
  }
}

TEST_CASE("Rows: lanes beyond the last slice's end are left alone") {
  const SarSearch search = MakeSarSearch(8);
  const std::vector<SarFrontEnd> front_ends{
      MismatchedFrontEnd(search, 0.02, 3, 0),
      MismatchedFrontEnd(search, 0.02, 3, 1)};
  SarRtl rtl(search);
  for (const size_t count : {0, 1, 63, 64, 65, 127, 128}) {
    std::vector<int32_t> levels(count);
    for (size_t i = 0; i < count; ++i) {
      levels[i] = static_cast<int32_t>(i * 509);
    }
    std::vector<uint16_t> model(129, 0xFFFF), verilated(129, 0xFFFF);
    SarConvertRow(search, front_ends.data(), levels.data(), count,
                  model.data());
    rtl.ConvertRow(front_ends.data(), levels.data(), count, verilated.data());
    CHECK(model == verilated);
    CHECK(std::count(model.begin(), model.end(), 0xFFFF) ==
          static_cast<std::ptrdiff_t>(129 - count));
  }
}

}  // namespace
}  // namespace triptych::rtl
