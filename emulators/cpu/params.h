// The parameters of the host as a target.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_CPU_PARAMS_H_
#define TRIPTYCH_EMULATORS_CPU_PARAMS_H_

#include <string>

#include "kernels/base/units.h"

namespace triptych::cpu {

struct Params {
  // Weights and matmul inputs are rounded to this; sums are always f32.
  std::string dtype = "f32";
  std::string kv_dtype = "f32";
  // 0: measured on this machine, once, when first needed.
  double matrix_gflops = 0, vector_gflops = 0, dram_gb_per_s = 0;
  Hertz clock{3e9};
  double energy_matrix_flop_pj = 0, energy_vector_flop_pj = 0;
  double energy_dram_byte_pj = 0;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("dtype", p.dtype, {"f32", "bf16", "f16", "fp8_e4m3", "int8", "int4_g32"},
      "format of weights and matmul inputs; int8: one scale a row of either, "
      "int4_g32: weights in groups of 32 and int8 inputs");
    v("kv_dtype", p.kv_dtype, {"f32", "bf16", "int8"},
      "format of cached keys and values; int8: one scale a token and head");
    v("matrix_gflops", p.matrix_gflops, 0, 1e6,
      "peak of f32 products, one thread, GFLOP/s; 0: measured");
    v("vector_gflops", p.vector_gflops, 0, 1e6,
      "peak of everything else, one thread, GFLOP/s; 0: half of the measured "
      "f32 product peak, which counts a multiply-add twice");
    v("dram_gb_per_s", p.dram_gb_per_s, 0, 1e5,
      "memory bandwidth, all threads, GB/s; 0: measured");
    v("clock_hz", p.clock, 1e8, 1e10, "clock in which cycles are reported");
    v("energy_matrix_flop_pj", p.energy_matrix_flop_pj, 0, 1e6,
      "energy a flop of a matrix product, pJ");
    v("energy_vector_flop_pj", p.energy_vector_flop_pj, 0, 1e6,
      "energy a flop of anything else, pJ");
    v("energy_dram_byte_pj", p.energy_dram_byte_pj, 0, 1e6,
      "energy a byte to or from memory, pJ");
  }
};

}  // namespace triptych::cpu

#endif  // TRIPTYCH_EMULATORS_CPU_PARAMS_H_
