// NVDLA's cycles by the rules of its published performance spreadsheet.
//
// A layer takes as long as its products or its DRAM transfers, whichever is
// longer. Found in the sheet's own numbers:
//
// - the array is 64 channels by 32 kernels; both are padded to that;
// - 3x3 filters of stride 1 run as Winograd F(2x2, 3x3), whether or not that
//   is faster: 16 products where 36 were, four channels a step, on half of
//   the kernels; their filters grow by 16 / 9 in DRAM;
// - the first layer pads its channels to four and packs taps densely, on half
//   of the kernels;
// - input, output, filters and a second operand to add pass DRAM once; filters
//   that do not stay (more than a sixteenth of the buffer) beside an input
//   that does not fit are read again for each of stride^2 phases;
// - a kilobyte is 1024 bytes, and a GB/s a million of those a second;
// - a pool is its transfers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_NVDLA_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_NVDLA_H_

#include <cstdint>

#include "emulators/npu/params.h"
#include "emulators/target.h"
#include "models/formats/scalesim_topology.h"

namespace triptych::npu {

struct NvdlaCost {
  double mac_cycles = 0, dram_cycles = 0;
  double cycles() const {
    return mac_cycles > dram_cycles ? mac_cycles : dram_cycles;
  }
};

// `p`: array.rows (channels), array.cols (kernels), clock_hz, scratchpad_kib
// (the convolution buffer). `batch` frames share a fully connected layer's
// filters.
NvdlaCost NvdlaLayer(const Params& p, const TopologyLayer& layer,
                     double dram_gb_per_s, int64_t batch);

// Rows network layer dram_gb_per_s -> cycles, and fps of the layer "net". A
// layer is a name of the list, where "*" stands for one character, "b-f" for
// one of a range and "+add" is ignored; all it stands for must take the same
// time. Runs on the preset nvdla-full unless `params` has Winograd.
Result<Prediction> PredictNvdla(const Params& params, const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_NVDLA_H_
