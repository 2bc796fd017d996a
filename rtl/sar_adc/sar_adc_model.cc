// SPDX-License-Identifier: Apache-2.0
#include "rtl/sar_adc/sar_adc_model.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::rtl {
namespace {

// Units of the capacitor of `step`, in LSB.
int Units(const SarSearch& search, int step) {
  return search.weight[step] >> kSarWeightFracBits;
}

// How many LSB the steps after `step` can still add beyond what `step` gives
// up when it is decided as 0 in error.
int Redundancy(const SarSearch& search, int step) {
  int later = 0;
  for (int k = step + 1; k < search.steps; ++k) later += Units(search, k);
  return 1 + later - Units(search, step);
}

}  // namespace

SarSearch MakeSarSearch(int bits) {
  TRIPTYCH_CHECK(bits >= 1 && bits <= kSarMaxBits, "bits", bits);
  std::vector<int> units;
  for (int b = bits - 1; b >= 0; --b) units.push_back(1 << b);
  const auto split = [&units](size_t from, int part) {
    units[from] -= part;
    const auto place = std::find(units.begin() + from + 1, units.end(), part);
    units.insert(place, part);
  };
  if (bits >= 4) split(0, 1 << (bits - 4));
  if (bits >= 7) split(2, 1 << (bits - 7));

  SarSearch search;
  search.bits = bits;
  search.steps = static_cast<int>(units.size());
  for (int k = 0; k < search.steps; ++k) {
    search.weight[k] = static_cast<uint16_t>(units[k] << kSarWeightFracBits);
  }
  return search;
}

int SarTolerance(const SarSearch& search, int step) {
  return Redundancy(search, step) / 2;
}

SarFrontEnd IdealFrontEnd(const SarSearch& search) {
  SarFrontEnd front_end;
  for (int k = 0; k < search.steps; ++k) {
    front_end.capacitor[k].fill(Units(search, k) * kSarLevelsPerLsb);
    front_end.bias[k] =
        SarTolerance(search, k) * kSarLevelsPerLsb - kSarLevelsPerLsb / 2;
  }
  return front_end;
}

SarFrontEnd MismatchedFrontEnd(const SarSearch& search, double unit_sigma,
                               uint64_t seed, uint64_t slice) {
  SarFrontEnd front_end = IdealFrontEnd(search);
  Rng rng(seed, slice);
  for (int k = 0; k < search.steps; ++k) {
    const double sigma =
        unit_sigma * std::sqrt(Units(search, k)) * kSarLevelsPerLsb;
    for (int32_t& capacitor : front_end.capacitor[k]) {
      capacitor += static_cast<int32_t>(std::lround(sigma * rng.Normal()));
    }
  }
  return front_end;
}

void SarCounters::Add(const SarSearch& search, const SarRecord& record) {
  const int limit = search.max_code() << kSarWeightFracBits;
  const auto add = [this](int event, int lane, bool happened) {
    uint16_t& n = count[event][lane];
    n = static_cast<uint16_t>(n + (happened && n != UINT16_MAX));
  };
  static_assert(kSarCountBits == 16, "UINT16_MAX is the counters' top");
  for (int lane = 0; lane < kSarLanes; ++lane) {
    add(kSarEventTop, lane, record.result[lane] == limit);
    add(kSarEventBottom, lane, record.result[lane] >> kSarWeightFracBits == 0);
    add(kSarEventMetastable, lane, record.metastable >> lane & 1);
  }
}

void SarConvertRow(const SarSearch& search, const SarFrontEnd* front_ends,
                   const int32_t* level, size_t count, uint16_t* code) {
  size_t i = 0;
  for (; i + kSarLanes <= count; i += kSarLanes) {
    SarConvert(search, front_ends[i / kSarLanes], level + i, nullptr, code + i);
  }
  if (i == count) return;
  std::array<int32_t, kSarLanes> last_level{};
  std::array<uint16_t, kSarLanes> last_code;
  std::copy(level + i, level + count, last_level.begin());
  SarConvert(search, front_ends[i / kSarLanes], last_level.data(), nullptr,
             last_code.data());
  std::copy_n(last_code.begin(), count - i, code + i);
}

}  // namespace triptych::rtl
