// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_frame/opt_frame_rtl.h"

#include <cstring>

#include "rtl/Vopt_frame_rx.h"
#include "rtl/Vopt_frame_tx.h"
#include "rtl/clocked.h"

namespace triptych::rtl {

struct FrameReceiverRtl::Impl : Clocked<Vopt_frame_rx> {};

FrameReceiverRtl::FrameReceiverRtl() : impl_(std::make_unique<Impl>()) {
  impl_->Reset();
}
FrameReceiverRtl::~FrameReceiverRtl() = default;

void FrameReceiverRtl::Clock(const FrameBeat* beat, bool take, bool clear) {
  Vopt_frame_rx& rx = impl_->module;
  rx.s_tvalid_i = beat != nullptr;
  if (beat != nullptr) {
    rx.s_tdata_i = beat->data;
    rx.s_tlast_i = beat->last;
  }
  rx.take_i = take;
  rx.clear_i = clear;
  impl_->Clock();
}

bool FrameReceiverRtl::ready() const { return impl_->module.s_tready_o; }
bool FrameReceiverRtl::full() const { return impl_->module.valid_o; }
uint64_t FrameReceiverRtl::header() const { return impl_->module.header_o; }

std::array<uint16_t, kFrameMaxElements> FrameReceiverRtl::codes() const {
  std::array<uint16_t, kFrameMaxElements> codes;
  static_assert(sizeof codes == sizeof impl_->module.code_o);
  std::memcpy(codes.data(), &impl_->module.code_o[0], sizeof codes);
  return codes;
}

FrameReceiver::Counters FrameReceiverRtl::counters() const {
  const Vopt_frame_rx& rx = impl_->module;
  return {rx.frames_o, rx.crc_errors_o, rx.format_errors_o,
          rx.sequence_errors_o};
}

struct FrameSenderRtl::Impl : Clocked<Vopt_frame_tx> {};

FrameSenderRtl::FrameSenderRtl() : impl_(std::make_unique<Impl>()) {
  impl_->Reset();
}
FrameSenderRtl::~FrameSenderRtl() = default;

void FrameSenderRtl::Clock(const uint64_t* header, const uint16_t* elements,
                           bool taken, bool clear) {
  Vopt_frame_tx& tx = impl_->module;
  tx.send_i = header != nullptr;
  if (header != nullptr) {
    tx.header_i = *header;
    std::memcpy(&tx.value_i[0], elements, sizeof tx.value_i);
  }
  tx.m_tready_i = taken;
  tx.clear_i = clear;
  impl_->Clock();
}

bool FrameSenderRtl::ready() const { return impl_->module.ready_o; }

FrameBeat FrameSenderRtl::beat() const {
  return {impl_->module.m_tdata_o, impl_->module.m_tlast_o != 0};
}

FrameSender::Counters FrameSenderRtl::counters() const {
  return {impl_->module.frames_o, impl_->module.stalls_o};
}

}  // namespace triptych::rtl
