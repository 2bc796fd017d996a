// Rows of published tables, predicted: `triptych validate npu TABLE.csv`.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PREDICT_H_
#define TRIPTYCH_EMULATORS_NPU_PREDICT_H_

#include <string_view>

#include "emulators/npu/params.h"
#include "emulators/target.h"

namespace triptych::npu {

// `kind` is the name of the table's file without its extension; what each
// asks of a row and answers is said in peers/. kNotFound for other kinds;
// kInvalid, with the key, for what a row lacks; kUnsupported for what a kind
// does not know.
Result<Prediction> PredictTable(const Params& params, std::string_view kind,
                                const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PREDICT_H_
