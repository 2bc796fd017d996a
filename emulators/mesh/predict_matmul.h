// One product by shape.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_PREDICT_MATMUL_H_
#define TRIPTYCH_EMULATORS_MESH_PREDICT_MATMUL_H_

#include "emulators/mesh/params.h"
#include "emulators/target.h"

namespace triptych::mesh {

// A row of validation/matmul.csv: m, n, k, and if they are not the machine's
// own grid_cols, grid_rows, dtype, fidelity, placement (l1, dram). Predicts
// device_cycles, wall_us, utilisation_pct, and what bounds it. Errors: "key:
// what is wrong; allowed ...".
Result<Prediction> PredictMatmul(const Params& params, const OpSpec& spec);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_PREDICT_MATMUL_H_
