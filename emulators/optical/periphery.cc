// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/periphery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include "emulators/optical/hil/client.h"
#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

constexpr std::string_view kSocket = "socket:";

constexpr size_t kLanes = rtl::kSarLanes;
static_assert(rtl::kDacLanes == rtl::kSarLanes, "slices are of one size");

rtl::Dem DemOf(const Params& params) {
  if (params.dac_dem == "rotate") return rtl::Dem::kRotate;
  return params.dac_dem == "random" ? rtl::Dem::kRandom : rtl::Dem::kOff;
}

// No bits: there is no converter, and no question that is about it.
BoundarySettings SettingsOf(const Params& p) {
  return {.sources = static_cast<uint32_t>(p.plane_rows),
          .receivers = static_cast<uint32_t>(p.plane_cols),
          .dac_bits = static_cast<uint8_t>(std::max<int64_t>(p.dac_bits, 1)),
          .adc_bits = static_cast<uint8_t>(std::max<int64_t>(p.adc_bits, 1)),
          .dem = static_cast<uint8_t>(DemOf(p)),
          .correct = p.dac_correct,
          .pairs = p.hil_pairs,
          .track = static_cast<uint8_t>(p.hil_track),
          .calibrate_every = static_cast<uint32_t>(p.hil_calibrate_every),
          .bit_errors = p.hil_bit_errors,
          .dac_unit_sigma = p.dac_unit_sigma,
          .adc_unit_sigma = p.adc_unit_sigma};
}

// Models alone, or what of it the RTL is to do.
RtlSubset RtlOf(const Params& params) {
  if (!params.rtl() && params.periphery != "top_rtl") return {};
  Result<RtlSubset> subset = RtlSubset::Parse(params.hil_rtl);
  TRIPTYCH_CHECK(subset.has_value(), "hil.rtl", params.hil_rtl);
  return *std::move(subset);
}

std::string SocketOf(const Params& params) {
  return params.periphery.starts_with(kSocket)
             ? params.periphery.substr(kSocket.size())
             : "";
}

std::unexpected<Error> Located(const Config& config, std::string_view key,
                               Error error) {
  const Config::Entry* entry = config.Find(key);
  const std::string where = entry == nullptr ? config.file() : entry->where;
  return Locate(std::move(error), fmt::format("{}: {}", where, key));
}

// LSB of dac_bits.
float LsbOf(int dac_bits) {
  const int shift = rtl::kDacBits - dac_bits;
  return 1.0f / static_cast<float>(rtl::kDacLevelsPerLsb << shift);
}

std::vector<float> StillLevels(const Chip& chip, int dac_bits) {
  const int shift = rtl::kDacBits - dac_bits;
  const float lsb = LsbOf(dac_bits);
  std::vector<float> levels;
  levels.reserve(chip.dac.size() << dac_bits);
  rtl::DacLane still;
  for (size_t source = 0; source < chip.dac.size(); ++source) {
    for (int code = 0; code < 1 << dac_bits; ++code) {
      auto wide = static_cast<uint16_t>(code << shift);
      if (!chip.knots.empty()) {
        wide = rtl::DacCorrect(wide, chip.knots[source]);
      }
      const int32_t level = chip.dac[source].Level(wide, rtl::Dem::kOff, still);
      levels.push_back(static_cast<float>(level) * lsb);
    }
  }
  return levels;
}

}  // namespace

Status CheckPeriphery(const Config& config, const Params& params) {
  if (auto subset = RtlSubset::Parse(params.hil_rtl); !subset) {
    return Located(config, "hil.rtl", std::move(subset).error());
  }
  if (params.fidelity == "L3" &&
      (params.periphery == "top_model" || !SocketOf(params).empty())) {
    return Located(config, "fidelity",
                   Error{ErrorCode::kInvalid,
                         "L3 is by RTL, and periphery = " + params.periphery +
                             " is not; allowed fast, rtl, top_rtl, or L2"});
  }
  if (params.whole_periphery() && params.post_correction != "none") {
    return Located(config, "post.correction",
                   Error{ErrorCode::kInvalid,
                         params.post_correction +
                             ": a whole periphery corrects by what it was "
                             "calibrated to; allowed none"});
  }
  const std::string socket = SocketOf(params);
  if (!params.periphery.starts_with(kSocket)) return {};
  if (auto address = hil::ParseAddress(socket); !address) {
    return Located(config, "periphery", std::move(address).error());
  }
  return {};
}

Converters::Converters(const Params& params)
    : dac_bits(static_cast<int>(params.dac_bits)),
      adc_bits(static_cast<int>(params.adc_bits)),
      dac_exact(params.dac_unit_sigma == 0),
      dem(DemOf(params)),
      settings(SettingsOf(params)),
      chip(settings),
      rtl(params.rtl()),
      whole(params.whole_periphery()),
      rtl_of(RtlOf(params)),
      socket_(SocketOf(params)),
      timeout_ms_(params.hil_timeout_ms),
      retries_(params.hil_retries) {
  if (dac_bits > 0 && dem == rtl::Dem::kOff && !dac_exact && !rtl && !whole) {
    still_levels = StillLevels(chip, dac_bits);
  }
}

Result<Boundary*> Converters::boundary() const {
  if (boundary_ != nullptr) return boundary_.get();
  if (socket_.empty()) {
    boundary_ = std::make_unique<LocalBoundary>(settings, chip, rtl_of);
    return boundary_.get();
  }
  TRIPTYCH_ASSIGN(const hil::Address address, hil::ParseAddress(socket_));
  TRIPTYCH_ASSIGN(
      boundary_,
      hil::Client::Connect(address, settings,
                           {.timeout = std::chrono::milliseconds(timeout_ms_),
                            .retries = static_cast<int>(retries_)}));
  return boundary_.get();
}

Dacs::Dacs(const Converters& converters, int64_t first, int64_t count,
           size_t tile)
    : converters_(converters), first_(first) {
  TRIPTYCH_CHECK(first % rtl::kDacLanes == 0, "first", first);
  if (converters.dac_bits == 0) return;
  if (converters.whole) {
    const Result<Boundary*> boundary = converters.boundary();
    status_ = boundary ? Status() : std::unexpected(boundary.error());
    if (!status_) return;
    auto opened = (*boundary)->OpenSources(static_cast<uint16_t>(tile),
                                           static_cast<uint32_t>(first),
                                           static_cast<uint32_t>(count));
    if (opened) {
      boundary_ = *std::move(opened);
    } else {
      status_ = std::unexpected(std::move(opened).error());
    }
    return;
  }
  if (!converters.still_levels.empty()) return;
  for (int64_t i = 0; i < count; ++i) {
    lanes_.emplace_back(static_cast<int>(i % rtl::kDacLanes));
  }
  if (converters.rtl) OpenRtl(count, tile);
}

void Dacs::OpenRtl(int64_t count, size_t tile) {
  for (int64_t i = 0; i < count; i += rtl::kDacLanes) {
    slices_.emplace_back();
    const auto at = static_cast<size_t>(first_ + i);
    const bool by_rtl = converters_.rtl_of.Has(
        static_cast<uint32_t>(tile), static_cast<uint32_t>(at / kLanes));
    if (!by_rtl) continue;
    slices_.back() = std::make_unique<rtl::DacRtl>(converters_.dem);
    if (converters_.chip.knots.empty()) continue;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      slices_.back()->SetKnots(static_cast<int>(lane),
                               converters_.chip.knots[at + lane]);
    }
  }
}

void Dacs::Convert(std::span<const uint16_t> codes, std::span<float> levels) {
  if (!converters_.rtl && !converters_.whole && converters_.dac_exact) {
    std::copy(codes.begin(), codes.end(), levels.begin());
    return;
  }
  if (!converters_.still_levels.empty()) return ConvertStill(codes, levels);
  levels_.assign(codes.size(), 0);
  if (converters_.whole) {
    if (status_) status_ = boundary_->Convert(codes, levels_);
  } else {
    for (size_t begin = 0; begin < codes.size(); begin += kLanes) {
      const size_t count = std::min(kLanes, codes.size() - begin);
      ConvertSlice(begin / kLanes, codes.subspan(begin, count),
                   std::span(levels_).subspan(begin, count));
    }
  }
  const float lsb = LsbOf(converters_.dac_bits);
  for (size_t i = 0; i < levels.size(); ++i) {
    levels[i] = static_cast<float>(levels_[i]) * lsb;
  }
}

// A load for each source: what a gather would do, and as fast.
void Dacs::ConvertStill(std::span<const uint16_t> codes,
                        std::span<float> levels) const {
  const int bits = converters_.dac_bits;
  const float* of_source =
      &converters_.still_levels[static_cast<size_t>(first_) << bits];
  const size_t step = size_t{1} << bits;
  for (size_t i = 0; i < codes.size(); ++i, of_source += step) {
    levels[i] = of_source[codes[i]];
  }
}

void Dacs::ConvertSlice(size_t slice, std::span<const uint16_t> codes,
                        std::span<int32_t> levels) {
  const int shift = rtl::kDacBits - converters_.dac_bits;
  const size_t first = static_cast<size_t>(first_) + slice * kLanes;
  const rtl::DacElements* elements = converters_.chip.dac.data() + first;
  if (!slices_.empty() && slices_[slice] != nullptr) {
    std::array<uint16_t, kLanes> wide{};
    std::array<rtl::DacSwitches, kLanes> switches;
    for (size_t i = 0; i < codes.size(); ++i) {
      wide[i] = static_cast<uint16_t>(codes[i] << shift);
    }
    slices_[slice]->Convert(wide.data(), switches.data());
    for (size_t i = 0; i < codes.size(); ++i) {
      levels[i] = elements[i].Level(switches[i]);
    }
    return;
  }
  const rtl::DacKnots* knots = converters_.chip.knots.empty()
                                   ? nullptr
                                   : converters_.chip.knots.data() + first;
  for (size_t i = 0; i < codes.size(); ++i) {
    auto code = static_cast<uint16_t>(codes[i] << shift);
    if (knots != nullptr) code = rtl::DacCorrect(code, knots[i]);
    levels[i] =
        elements[i].Level(code, converters_.dem, lanes_[slice * kLanes + i]);
  }
}

// Runs of slices that the same side converts go together.
void Adcs::Convert(int64_t first, std::span<const int32_t> levels,
                   std::span<uint16_t> codes) {
  TRIPTYCH_DCHECK(first % rtl::kSarLanes == 0, "first", first);
  if (converters_.whole) return ConvertWhole(first, levels, codes);
  const auto slice = static_cast<size_t>(first) / kLanes;
  const size_t count = CeilDiv(levels.size(), kLanes);
  const auto by_rtl = [&](size_t i) {
    return converters_.rtl &&
           converters_.rtl_of.Has(static_cast<uint32_t>(tile_),
                                  static_cast<uint32_t>(slice + i));
  };
  for (size_t begin = 0, end = 0; begin < count; begin = end) {
    end = begin + 1;
    while (end < count && by_rtl(end) == by_rtl(begin)) ++end;
    const rtl::SarFrontEnd* front_ends =
        converters_.chip.adc.data() + slice + begin;
    const size_t at = begin * kLanes;
    const size_t lanes = std::min(end * kLanes, levels.size()) - at;
    if (by_rtl(begin)) {
      if (rtl_ == nullptr) {
        rtl_ = std::make_unique<rtl::SarRtl>(converters_.chip.search);
      }
      rtl_->ConvertRow(front_ends, levels.data() + at, lanes,
                       codes.data() + at);
    } else {
      rtl::SarConvertRow(converters_.chip.search, front_ends,
                         levels.data() + at, lanes, codes.data() + at);
    }
  }
}

void Adcs::ConvertWhole(int64_t first, std::span<const int32_t> levels,
                        std::span<uint16_t> codes) {
  std::ranges::fill(codes, uint16_t{0});
  if (!status_) return;
  if (boundary_ == nullptr) {
    const Result<Boundary*> boundary = converters_.boundary();
    if (!boundary) {
      status_ = std::unexpected(boundary.error());
      return;
    }
    auto opened = (*boundary)->OpenReceivers(
        static_cast<uint16_t>(tile_), static_cast<uint32_t>(first),
        static_cast<uint32_t>(levels.size()));
    if (!opened) {
      status_ = std::unexpected(std::move(opened).error());
      return;
    }
    boundary_ = *std::move(opened);
  }
  values_.resize(levels.size());
  status_ = boundary_->Convert(levels, values_);
  if (!status_) return;
  // Values are signed, 1/16 LSB; whole codes, unless something is known of
  // what lies between them.
  const int bits = converters_.fraction_bits();
  const int drop = rtl::kSarWeightFracBits - bits;
  const int middle = 1 << (converters_.adc_bits - 1 + bits);
  for (size_t j = 0; j < codes.size(); ++j) {
    codes[j] = static_cast<uint16_t>(
        std::clamp((values_[j] >> drop) + middle, 0, int{UINT16_MAX}));
  }
}

}  // namespace triptych::optical
