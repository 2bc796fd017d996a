// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_cal/opt_cal_rtl.h"

#include <cstring>

#include "rtl/Vopt_cal.h"
#include "rtl/clocked.h"

namespace triptych::rtl {
namespace {

constexpr int kEstimateBits =
    kSarMaxBits + kSarWeightFracBits + kCalEstimateFracBits;

}  // namespace

struct CalibrationRtl::Impl : Clocked<Vopt_cal> {};

CalibrationRtl::CalibrationRtl() : impl_(std::make_unique<Impl>()) {
  impl_->Reset();
}
CalibrationRtl::~CalibrationRtl() = default;

CalOutputs CalibrationRtl::Outputs() const {
  const Vopt_cal& m = impl_->module;
  CalOutputs out;
  out.busy = m.busy_o;
  out.want = m.want_o;
  out.source = m.source_o;
  out.write = m.write_o;
  if (out.write) {
    out.write_lane = m.write_lane_o;
    out.write_kind = m.write_kind_o;
    out.write_data = m.write_data_o;
  }
  out.weight_write = m.weight_we_o;
  if (out.weight_write) {
    out.weight_step = m.weight_step_o;
    out.weight = m.weight_o;
  }
  out.valid = m.valid_o;
  return out;
}

bool CalibrationRtl::Plus(bool second) {
  impl_->module.second_i = second;
  impl_->module.eval();
  return impl_->module.plus_o;
}

void CalibrationRtl::Clock(const CalInputs& in) {
  Vopt_cal& m = impl_->module;
  m.start_i = in.start;
  m.log2_samples_i = static_cast<uint8_t>(in.log2_samples);
  m.optics_cycles_i = in.optics_cycles;
  m.reference_i = in.reference;
  m.pairs_i = in.pairs;
  m.freeze_i = in.freeze;
  m.rate_i = static_cast<uint8_t>(in.rate);
  m.steps_i = static_cast<uint8_t>(in.steps);
  m.track_i = static_cast<uint8_t>(in.track);
  m.target_i = in.target;
  m.weight_we_i = in.weight_write;
  m.weight_step_i = static_cast<uint8_t>(in.weight_step);
  m.weight_i = in.weight;
  m.delta_we_i = in.delta_write;
  m.delta_i = in.delta;
  m.max_code_i = in.max_code;
  m.sar_start_i = in.sar_start;
  m.second_i = in.second;
  m.sar_valid_i = in.conversion != nullptr;
  if (in.conversion != nullptr) {
    std::memcpy(&m.result_i[0], in.conversion->result.data(),
                sizeof m.result_i);
  }
  if (in.kept != nullptr) {
    std::memcpy(&m.switch_i[0], in.kept->data(), sizeof m.switch_i);
  }
  impl_->Clock();
}

CalRegisters CalibrationRtl::registers() const {
  const Vopt_cal& m = impl_->module;
  CalRegisters r;
  for (int k = 0; k < kCalSteps; ++k) {
    const int at = k * kEstimateBits;
    const auto word = [&m](int w) {
      return static_cast<size_t>(w) < sizeof m.estimate_o / 4
                 ? uint64_t{m.estimate_o[w]}
                 : 0;
    };
    const uint64_t two = word(at / 32) | word(at / 32 + 1) << 32;
    r.estimate[k] =
        static_cast<uint32_t>(two >> at % 32 & ((1u << kEstimateBits) - 1));
  }
  r.delta = m.delta_o;
  r.pairs = m.pairs_o;
  r.clipped_gains = m.clipped_gains_o;
  r.tracked = m.tracked_o;
  return r;
}

std::array<uint16_t, kSarLanes> CalibrationRtl::result() const {
  std::array<uint16_t, kSarLanes> result;
  std::memcpy(result.data(), &impl_->module.result_o[0], sizeof result);
  return result;
}

}  // namespace triptych::rtl
