// The converter boundary by slices on this machine: each its model's or its
// RTL's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_LOCAL_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_LOCAL_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/chip.h"
#include "kernels/base/result.h"

namespace triptych::optical {

// Which slices, or which tiles, the RTL is to convert: "all", "none",
// "slices:0-3,8" or "tiles:2". Whatever is not named, models convert.
class RtlSubset {
 public:
  // Nothing.
  RtlSubset() = default;
  static Result<RtlSubset> Parse(std::string_view text);
  bool Has(uint32_t tile, uint32_t slice) const;

 private:
  enum class Of : uint8_t { kNone, kAll, kSlices, kTiles };
  Of of_ = Of::kNone;
  std::vector<std::pair<uint32_t, uint32_t>> ranges_;  // both ends are in
};

class LocalBoundary : public Boundary {
 public:
  // `chip` is that of `settings`, and outlives this and all it opens.
  LocalBoundary(const BoundarySettings& settings, const Chip& chip,
                RtlSubset rtl)
      : settings_(settings), chip_(chip), rtl_(std::move(rtl)) {}
  Result<std::unique_ptr<SourceBoundary>> OpenSources(uint16_t tile,
                                                      uint32_t first,
                                                      uint32_t count) override;
  Result<std::unique_ptr<ReceiverBoundary>> OpenReceivers(
      uint16_t tile, uint32_t first, uint32_t count) override;

 private:
  BoundarySettings settings_;
  const Chip& chip_;
  RtlSubset rtl_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_LOCAL_H_
