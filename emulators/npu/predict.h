// Rows of published tables, predicted: `triptych validate npu TABLE.csv`.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PREDICT_H_
#define TRIPTYCH_EMULATORS_NPU_PREDICT_H_

#include <string_view>

#include "emulators/npu/params.h"
#include "emulators/target.h"

namespace triptych::npu {

// Kinds, by the tables' file names:
//   scalesim_compute    m n k array dataflow -> cycles
//   scalesim_bandwidth  ... and SRAM sizes, bandwidth -> total_cycles,
//                       stall_cycles
//   onnxim_ops          array cores clock_ghz dram_gb_per_s phase op -> cycles
// kNotFound for other kinds; kInvalid, with the key, for what a row lacks.
Result<Prediction> PredictTable(const Params& params, std::string_view kind,
                                const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PREDICT_H_
