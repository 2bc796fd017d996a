// Frames a second of a network of layers on an accelerator card.
//
// Work of a layer is the passes of a unit (network.unit_rows x unit_cols, or
// the array) it needs: one an output pixel, for each such part of its filters;
// grouped filters share a pass where they fit beside each other. A pass takes a
// cycle.
//
// Layer after layer (network.pipeline_units = 0): each core runs a frame of
// its own; a layer takes its passes, or its results' way through the vector
// unit if that is longer, and before that the loading of its filters into the
// array and the issue of its command.
//
// Pipelined (network.pipeline_units > 0): layers sit side by side, each on
// one or more whole units; the slowest sets the pace. What does not fit (more
// layers than units, more filters than network.weights_mib) is cut into
// contexts that run in turn over a batch of frames: their filters come anew
// for each batch, and the tensor at a cut leaves the chip and comes back.
//
// Outside the chip: the input crosses the host's link, and the host hands
// over no more than one frame in network.frame_us.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_VISION_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_VISION_H_

#include <cstdint>
#include <span>

#include "emulators/npu/params.h"
#include "emulators/target.h"
#include "models/formats/scalesim_topology.h"

namespace triptych::npu {

struct FrameTime {
  double chip_s = 0;  // a frame of a batch, in steady state
  double host_s = 0;  // the least between two frames
  int64_t contexts = 1;
};
FrameTime TimeOfFrame(const Params& p, std::span<const TopologyLayer> layers,
                      int64_t batch);

// Rows network batch (1 if empty) boundary -> fps. The host counts unless the
// boundary is chip_only_... or independent_run.
Result<Prediction> PredictVision(const Params& params, const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_VISION_H_
