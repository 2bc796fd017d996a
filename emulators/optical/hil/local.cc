// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/local.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "emulators/optical/hil/slice.h"
#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

constexpr uint32_t kLanes = rtl::kDacLanes;

Result<uint32_t> ParseNumber(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("\"{}\" is not a number; allowed 0, 3-5, or "
                                 "several with commas between",
                                 text));
  }
  return value;
}

Result<std::pair<uint32_t, uint32_t>> ParseRange(std::string_view text) {
  const size_t dash = text.find('-');
  TRIPTYCH_ASSIGN(const uint32_t first, ParseNumber(text.substr(0, dash)));
  if (dash == std::string_view::npos) return std::pair{first, first};
  TRIPTYCH_ASSIGN(const uint32_t last, ParseNumber(text.substr(dash + 1)));
  if (last < first) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("\"{}\" ends before it begins", text));
  }
  return std::pair{first, last};
}

// What may be written while a slice has its host: whatever the host itself
// set up is its own.
constexpr std::array<uint32_t, 4> kForOthers = {
    rtl::kRegClear, rtl::kRegKnot, rtl::kRegCoefficient, rtl::kRegLane};

bool Readable(uint32_t offset) {
  return std::ranges::any_of(rtl::kRegisters,
                             [offset](const rtl::RegisterSpec& spec) {
                               return spec.offset == offset && spec.readable;
                             });
}

// Slices that stand side by side, and what both sides do with them.
class Slices {
 public:
  Slices(SliceRole role, const BoundarySettings& settings, const Chip& chip,
         const RtlSubset& rtl, uint16_t tile, uint32_t first, uint32_t count)
      : first_(first / kLanes) {
    for (uint32_t i = 0; i < CeilDiv(count, kLanes); ++i) {
      const uint32_t number = first_ + i;
      const SliceBy by =
          rtl.Has(tile, number) ? SliceBy::kRtl : SliceBy::kModel;
      slices_.push_back(
          std::make_unique<Slice>(by, role, settings, chip, number, tile));
    }
  }
  // Calls body(slice, begin, size) on each slice's part of `count` lanes.
  template <class Body>
  Status Each(size_t count, const Body& body) {
    TRIPTYCH_CHECK(CeilDiv(count, size_t{kLanes}) == slices_.size(), "lanes",
                   count, "slices", slices_.size());
    for (size_t i = 0; i < slices_.size(); ++i) {
      const size_t begin = i * kLanes;
      TRIPTYCH_TRY(
          body(*slices_[i], begin, std::min<size_t>(kLanes, count - begin)));
    }
    return {};
  }
  Result<Slice*> Find(uint32_t number) {
    if (number >= first_ && number - first_ < slices_.size()) {
      return slices_[number - first_].get();
    }
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("slice {}: not open; allowed {} to {}", number,
                                 first_, first_ + slices_.size() - 1));
  }
  Result<Slice*> Find(uint32_t number, uint32_t offset, bool write) {
    const bool may =
        write ? std::ranges::find(kForOthers, offset) != kForOthers.end()
              : Readable(offset);
    if (may) return Find(number);
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("register 0x{:03x}: not one that can be {}",
                                 offset, write ? "written" : "read"));
  }

 private:
  uint32_t first_;
  std::vector<std::unique_ptr<Slice>> slices_;
};

template <class Base>
class Open : public Base {
 public:
  template <class... Arguments>
  explicit Open(Arguments&&... arguments)
      : slices_(std::forward<Arguments>(arguments)...) {}
  Result<uint32_t> Read(uint32_t slice, uint32_t offset) override {
    TRIPTYCH_ASSIGN(Slice* const found, slices_.Find(slice, offset, false));
    return found->Read(offset);
  }
  Status Write(uint32_t slice, uint32_t offset, uint32_t data) override {
    TRIPTYCH_ASSIGN(Slice* const found, slices_.Find(slice, offset, true));
    found->Write(offset, data);
    return {};
  }

 protected:
  Slices slices_;
};

class LocalSources : public Open<SourceBoundary> {
 public:
  using Open::Open;
  Status Convert(std::span<const uint16_t> codes,
                 std::span<int32_t> levels) override {
    return slices_.Each(codes.size(), [&](Slice& slice, size_t at, size_t n) {
      return slice.Shine(codes.subspan(at, n), levels.subspan(at, n));
    });
  }
};

class LocalReceivers : public Open<ReceiverBoundary> {
 public:
  using Open::Open;
  Status Convert(std::span<const int32_t> levels,
                 std::span<int16_t> values) override {
    return slices_.Each(levels.size(), [&](Slice& slice, size_t at, size_t n) {
      return slice.Receive(levels.subspan(at, n), values.subspan(at, n));
    });
  }
};

}  // namespace

Result<RtlSubset> RtlSubset::Parse(std::string_view text) {
  RtlSubset subset;
  if (text == "none") return subset;
  subset.of_ = Of::kAll;
  if (text == "all") return subset;
  const size_t colon = text.find(':');
  const std::string_view of = text.substr(0, colon);
  if (colon == std::string_view::npos || (of != "slices" && of != "tiles")) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("\"{}\" is not allowed; allowed all, none, "
                                 "slices:LIST, tiles:LIST",
                                 text));
  }
  subset.of_ = of == "slices" ? Of::kSlices : Of::kTiles;
  for (size_t at = colon + 1;; ++at) {
    const size_t comma = std::min(text.find(',', at), text.size());
    TRIPTYCH_ASSIGN(const auto range, ParseRange(text.substr(at, comma - at)));
    subset.ranges_.push_back(range);
    if (comma == text.size()) return subset;
    at = comma;
  }
}

bool RtlSubset::Has(uint32_t tile, uint32_t slice) const {
  if (of_ == Of::kNone || of_ == Of::kAll) return of_ == Of::kAll;
  const uint32_t number = of_ == Of::kSlices ? slice : tile;
  return std::ranges::any_of(ranges_, [number](const auto& range) {
    return range.first <= number && number <= range.second;
  });
}

Result<std::unique_ptr<SourceBoundary>> LocalBoundary::OpenSources(
    uint16_t tile, uint32_t first, uint32_t count) {
  return std::make_unique<LocalSources>(SliceRole::kSource, settings_, chip_,
                                        rtl_, tile, first, count);
}

Result<std::unique_ptr<ReceiverBoundary>> LocalBoundary::OpenReceivers(
    uint16_t tile, uint32_t first, uint32_t count) {
  return std::make_unique<LocalReceivers>(SliceRole::kReceiver, settings_,
                                          chip_, rtl_, tile, first, count);
}

}  // namespace triptych::optical
