// Whole workloads on machines of many chips.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_WORKLOADS_H_
#define TRIPTYCH_EMULATORS_MESH_WORKLOADS_H_

#include "emulators/mesh/params.h"
#include "emulators/mesh/serving.h"
#include "emulators/target.h"

namespace triptych::mesh {

// A row of validation/workloads.csv with a video model of the Wan family:
// resolution (720p, 480p), frames, forwards (of the denoiser; 80 if not
// said) -> seconds. Stages `total` and `denoise` alike: the denoiser, which
// is nearly all of it; encoders and the decoder of latents are not modelled.
// Rows are divided along one axis of the mesh of chips and columns along the
// other, whichever is faster. Errors: other workloads and stages, one that
// caches steps, values that are not allowed.
Result<Prediction> PredictWorkload(const Params& params,
                                   const MachineMaker& make,
                                   const OpSpec& spec);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_WORKLOADS_H_
