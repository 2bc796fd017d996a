// A phase of a model as a `.tnpu` file: commands, and the weights if there are
// any.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PROGRAM_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PROGRAM_H_

#include <cstddef>
#include <vector>

#include "emulators/npu/compile/phase.h"
#include "emulators/npu/isa/tnpu.h"
#include "emulators/npu/params.h"
#include "kernels/base/aligned.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych::npu {

// `tnpu.data` point into `storage`. Moved, not copied.
struct NpuProgram {
  Tnpu tnpu;
  size_t unrolled = 0;  // commands before layers became loops
  std::vector<AlignedVector<std::byte>> storage;
};

// Labels are NAME.FORM of what the map has (phase.h), marks the nodes' names.
// With `weights` the file has what the weights' and constants' regions hold:
// one image a weight, made with up to `threads` threads. Errors: those of
// CompilePhase.
Result<NpuProgram> MakeProgram(const Params& params, const Graph& graph,
                               const Weights* weights, Phase phase,
                               const Binding& binding, int threads);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PROGRAM_H_
