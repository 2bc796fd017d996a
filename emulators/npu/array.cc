// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/array.h"

#include <algorithm>

#include "kernels/base/units.h"
#include "rtl/npu_array/npu_array_gemm.h"

namespace triptych::npu {
namespace {

// One dataflow as loops: `across` and `down` fill the array, `stream` runs.
struct Mapping {
  int64_t down, across, stream;
};

Mapping MappingOf(Dataflow dataflow, const GemmSize& g) {
  switch (dataflow) {
    case Dataflow::kOutput:
      return {g.m, g.n, g.k};
    case Dataflow::kWeight:
      return {g.k, g.n, g.m};
    case Dataflow::kInput:
      break;
  }
  return {g.k, g.m, g.n};
}

}  // namespace

int64_t Folds(Dataflow dataflow, const GemmSize& gemm, const ArraySize& array) {
  const Mapping map = MappingOf(dataflow, gemm);
  return CeilDiv(map.down, array.rows) * CeilDiv(map.across, array.cols);
}

int64_t ArrayCycles(Dataflow dataflow, const GemmSize& gemm,
                    const ArraySize& array) {
  const Mapping map = MappingOf(dataflow, gemm);
  const int64_t folds = Folds(dataflow, gemm, array);
  const int64_t skew = array.rows + array.cols - 2;
  // Loading what stays, or draining what was summed: one array row a cycle.
  // Sums drain along the path the next operands come in by, so without
  // overlap only loading is waited for.
  const int64_t swap = array.rows;
  if (!array.overlap) {
    const int64_t load = dataflow == Dataflow::kOutput ? 0 : swap;
    return folds * (load + map.stream + skew);
  }
  return swap + folds * std::max(map.stream, swap) + skew;
}

int64_t PaddingMacs(Dataflow dataflow, const GemmSize& gemm,
                    const ArraySize& array) {
  const Mapping map = MappingOf(dataflow, gemm);
  const int64_t filled = RoundUp(map.down, array.rows) *
                         RoundUp(map.across, array.cols) * map.stream;
  return filled - gemm.m * gemm.n * gemm.k;
}

Dataflow FastestDataflow(const GemmSize& gemm, const ArraySize& array) {
  Dataflow best = Dataflow::kWeight;
  for (const Dataflow other : {Dataflow::kOutput, Dataflow::kInput}) {
    if (ArrayCycles(other, gemm, array) < ArrayCycles(best, gemm, array)) {
      best = other;
    }
  }
  return best;
}

WsCycles WsTileCycles(const GemmSize& gemm, const ArraySize& array,
                      int64_t acc_rows) {
  const rtl::NpuArrayShape shape{.rows = static_cast<int>(array.rows),
                                 .cols = static_cast<int>(array.cols),
                                 .depth = static_cast<int>(acc_rows)};
  const auto cycles = rtl::NpuGemmTime(shape, {gemm.m, gemm.n, gemm.k});
  return {cycles.fill, cycles.stream, cycles.drain};
}

}  // namespace triptych::npu
