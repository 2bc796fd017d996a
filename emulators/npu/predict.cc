// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/predict.h"

#include <fmt/format.h>

#include "emulators/npu/peers/decode.h"
#include "emulators/npu/peers/nvdla.h"
#include "emulators/npu/peers/onnxim.h"
#include "emulators/npu/peers/scalesim.h"
#include "emulators/npu/peers/vision.h"

namespace triptych::npu {
namespace {

// One row a table, by the name of its file.
struct Predictor {
  std::string_view kind;
  Result<Prediction> (*predict)(const Params& params, const OpSpec& spec);
};
constexpr Predictor kPredictors[] = {
    {"scalesim_compute", PredictScaleSimCompute},
    {"scalesim_bandwidth", PredictScaleSimBandwidth},
    {"onnxim_ops", PredictOnnxIm},
    {"nvdla_layers", PredictNvdla},
    {"vision_fps", PredictVision},
    {"llm_decode", PredictDecode},
    {"gemm_peak", PredictGemmPeak},
};

}  // namespace

Result<Prediction> PredictTable(const Params& params, std::string_view kind,
                                const OpSpec& spec) {
  for (const Predictor& p : kPredictors) {
    if (p.kind == kind) return p.predict(params, spec);
  }
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("npu: does not predict \"{}\"", kind));
}

}  // namespace triptych::npu
