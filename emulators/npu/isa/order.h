// Whether a stream's events make its queues do what it says.
//
// A stream means what its commands compute one after the other (isa.h). The
// machine runs them as early as events allow. The two agree if any two
// commands that touch the same bytes, one of them writing, are ordered: by
// their queue, by a chain of events, or by a barrier; and, on different cores,
// by a barrier. This finds the first pair that is not, without running
// anything: what a compiler forgot shows here, not in one timing out of many.
//
// What a wait tells: wait n of an event (in the order of the stream, since the
// last barrier) goes ahead when n credits have come. Those of EVT come first.
// If all others come from one queue, it knows that queue's command that gave
// the n-th, and all that command knew; if they come from several, nothing.
// Rows that GATHER reads from its region are not known and not looked at.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_ORDER_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_ORDER_H_

#include "emulators/npu/isa/check.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// The error names the later command of a pair, and the earlier one by its
// index. Also everything that CheckIssue and the credits of events refuse.
// Time: that of a walk, times the buffers in use.
Status CheckOrder(const Stream& stream);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_ORDER_H_
