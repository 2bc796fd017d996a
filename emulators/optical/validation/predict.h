// Rows of published tables, predicted: `triptych validate optical TABLE.csv`.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PREDICT_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PREDICT_H_

#include <string_view>

#include "emulators/optical/array/params.h"
#include "emulators/target.h"

namespace triptych::optical {

// `kind` is the name of the table's file without its extension. `machine` is
// the array that was asked for; null: the row's own words name a preset.
// kNotFound for other kinds; kInvalid, with the key, for what a row lacks;
// kUnsupported, with the reason, for what is not predicted.
Result<Prediction> PredictTable(const array::Params* machine,
                                std::string_view kind, const OpSpec& spec);

// The tables, one file each. Their measures are named "value" but for the
// survey's, whose columns have units.
Result<Prediction> PredictLightening(const array::Params* machine,
                                     const OpSpec& spec);
Result<Prediction> PredictAlbireo(const array::Params* machine,
                                  const OpSpec& spec);
Result<Prediction> PredictAdcSurvey(const OpSpec& spec);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PREDICT_H_
