// ONNXim's cycles of one transformer layer, operator by operator.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_

#include "emulators/npu/params.h"
#include "emulators/target.h"

namespace triptych::npu {

Result<Prediction> PredictOnnxIm(const Params& params, const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_
