// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_post/opt_post_rtl.h"

#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vopt_post.h"
#include "rtl/clocked.h"

namespace triptych::rtl {

struct PostRtl::Impl : Clocked<Vopt_post> {};

PostRtl::PostRtl() : impl_(std::make_unique<Impl>()) { impl_->Reset(); }
PostRtl::~PostRtl() = default;

void PostRtl::Write(const PostCoefficients& coefficients) {
  Vopt_post& slice = impl_->module;
  slice.write_i = 1;
  for (int kind = 0; kind <= kPostCoefficientRight; ++kind) {
    slice.write_kind_i = static_cast<uint8_t>(kind);
    for (int lane = 0; lane < kSarLanes; ++lane) {
      slice.write_lane_i = static_cast<uint8_t>(lane);
      slice.write_data_i = coefficients.Word(kind, lane);
      impl_->Clock();
    }
  }
  slice.write_i = 0;
}

PostCoefficients PostRtl::Read() {
  Vopt_post& slice = impl_->module;
  PostCoefficients coefficients;
  for (int kind = 0; kind <= kPostCoefficientRight; ++kind) {
    slice.snap_i = 1;
    slice.snap_kind_i = static_cast<uint8_t>(kind);
    impl_->Clock();
    slice.snap_i = 0;
    slice.shift_i = 1;
    for (int lane = 0; lane < kSarLanes; ++lane) {
      coefficients.SetWord(kind, lane, slice.chain_o);
      impl_->Clock();
    }
    slice.shift_i = 0;
  }
  return coefficients;
}

void PostRtl::SetRails(bool rails) { impl_->module.rails_i = rails; }

void PostRtl::Apply(const uint16_t* result, int16_t left, int16_t right,
                    int16_t* value) {
  Vopt_post& slice = impl_->module;
  static_assert(sizeof slice.result_i == kSarLanes * sizeof *result);
  std::memcpy(&slice.result_i[0], result, sizeof slice.result_i);
  slice.left_i = static_cast<uint16_t>(left);
  slice.right_i = static_cast<uint16_t>(right);
  slice.valid_i = 1;
  impl_->Clock();
  slice.valid_i = 0;
  impl_->Clock();
  impl_->Clock();
  TRIPTYCH_CHECK(slice.valid_o, "cycle", impl_->cycles);
  std::memcpy(value, &slice.value_o[0], sizeof slice.value_o);
}

uint64_t PostRtl::Saturated() {
  impl_->Clock();  // the last vector's flags come a cycle after its values
  return impl_->module.saturated_o;
}

void PostRtl::ClearSaturated() {
  impl_->Clock();
  impl_->module.clear_i = 1;
  impl_->Clock();
  impl_->module.clear_i = 0;
}

int16_t PostRtl::first() const {
  return static_cast<int16_t>(impl_->module.first_o);
}
int16_t PostRtl::last() const {
  return static_cast<int16_t>(impl_->module.last_o);
}

}  // namespace triptych::rtl
