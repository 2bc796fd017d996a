// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/predict.h"

#include <fmt/format.h>

#include "emulators/optical/validation/row.h"

namespace triptych::optical {
namespace {

// Tables whose rows need what nobody has here; see README.md.
struct Refused {
  std::string_view kind, why;
};
constexpr Refused kRefused[] = {
    {"photon_sweep",
     "it needs the MNIST test images and the published weights; "
     "tests/emulators/optical/validation trains a twin on Fashion-MNIST"},
    {"single_photon_networks",
     "it needs the MNIST test images and the published weights; "
     "tests/emulators/optical/validation trains a twin on Fashion-MNIST"},
    {"accuracy_noise",
     "it needs the ImageNet validation images and the weights of DeiT-T"},
};

}  // namespace

Result<Prediction> PredictTable(const array::Params* machine,
                                std::string_view kind, const OpSpec& spec) {
  if (kind == "lightening_transformer") return PredictLightening(machine, spec);
  if (kind == "albireo") return PredictAlbireo(machine, spec);
  if (kind == "adc_survey") return PredictAdcSurvey(spec);
  for (const Refused& refused : kRefused) {
    if (kind == refused.kind) return NotPredicted("table", kind, refused.why);
  }
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("optical: does not predict \"{}\"", kind));
}

}  // namespace triptych::optical
