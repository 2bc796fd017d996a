// opt_frame_rx.sv and opt_frame_tx.sv themselves, run through Verilator; the
// interfaces are those of their models.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_RTL_H_
#define TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_RTL_H_

#include <array>
#include <cstdint>
#include <memory>

#include "rtl/opt_frame/opt_frame_model.h"

namespace triptych::rtl {

// Not thread-safe; instances are independent.
class FrameReceiverRtl {
 public:
  FrameReceiverRtl();
  ~FrameReceiverRtl();
  FrameReceiverRtl(const FrameReceiverRtl&) = delete;
  FrameReceiverRtl& operator=(const FrameReceiverRtl&) = delete;

  void Clock(const FrameBeat* beat, bool take, bool clear);
  bool ready() const;
  bool full() const;
  uint64_t header() const;
  std::array<uint16_t, kFrameMaxElements> codes() const;
  FrameReceiver::Counters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Not thread-safe; instances are independent.
class FrameSenderRtl {
 public:
  FrameSenderRtl();
  ~FrameSenderRtl();
  FrameSenderRtl(const FrameSenderRtl&) = delete;
  FrameSenderRtl& operator=(const FrameSenderRtl&) = delete;

  void Clock(const uint64_t* header, const uint16_t* elements, bool taken,
             bool clear);
  bool ready() const;
  FrameBeat beat() const;
  FrameSender::Counters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_RTL_H_
