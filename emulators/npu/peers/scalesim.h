// SCALE-Sim v2's answers: compute cycles, and cycles with narrow ports.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_H_

#include <optional>

#include "emulators/npu/array.h"
#include "emulators/npu/params.h"
#include "emulators/npu/peers/scalesim_memory.h"
#include "emulators/target.h"
#include "models/formats/scalesim_topology.h"

namespace triptych::npu {

// What that tool prints for one product: the index of the last cycle, one
// less than their number (scalesim-project/SCALE-Sim issue 125). No fold
// overlaps another.
int64_t ScaleSimCycles(Dataflow flow, const GemmSize& gemm, ArraySize array);

// The same with its fixed-bandwidth memory. kUnsupported where walking every
// cycle would take minutes (above 4e9 of them).
Result<ScaleSimRun> ScaleSimWithMemory(Dataflow flow, const GemmSize& gemm,
                                       ArraySize array,
                                       const ScaleSimMemory& memory);

// The same for a layer of a topology file: its groups one after the other,
// each a product; nothing for a pool. Without `memory`, no stalls and no words.
Result<ScaleSimRun> ScaleSimLayer(Dataflow flow, const TopologyLayer& layer,
                                  ArraySize array,
                                  const std::optional<ScaleSimMemory>& memory);

// Rows m n k array dataflow -> cycles.
Result<Prediction> PredictScaleSimCompute(const Params& params,
                                          const OpSpec& spec);
// Rows with *_sram_kb and bandwidth_words_per_cycle besides -> total_cycles,
// stall_cycles, dram_ifmap_words, dram_filter_words, dram_ofmap_words.
Result<Prediction> PredictScaleSimBandwidth(const Params& params,
                                            const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_H_
