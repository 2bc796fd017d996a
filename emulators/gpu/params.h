// The parameters of a GPU as a roofline with measured efficiencies.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_GPU_PARAMS_H_
#define TRIPTYCH_EMULATORS_GPU_PARAMS_H_

#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::gpu {

// A class of kernels takes
//   t = overhead + ((F / (compute_fraction * peak))^p +
//                   (B / (bandwidth_fraction * bandwidth))^p)^(1/p)
// for F flops and B bytes; p is the sharpness of the knee between the two.
struct KernelModel {
  double peak_tflops = 0;  // dense; 0: this GPU does not have the format
  double compute_fraction = 1, bandwidth_fraction = 1;
  double overhead_us = 0;
  double sharpness = 4;
  // Traffic of rounding activations to the format before the product, in
  // 2-byte elements for each element of A.
  double requantise_elements = 0;
};

template <class V>
void VisitGemm(KernelModel& k, const std::string& format, V&& v) {
  v(format + ".peak_tflops", k.peak_tflops, 0, 1e6,
    "dense peak in this format, TFLOP/s; 0: it has no such format");
  v(format + ".compute_fraction", k.compute_fraction, 0.01, 1,
    "share of the peak that large products reach");
  v(format + ".bandwidth_fraction", k.bandwidth_fraction, 0.01, 1,
    "share of the memory bandwidth that thin products reach");
  v(format + ".overhead_us", k.overhead_us, 0, 1e3,
    "time of a product of nothing, us");
  v(format + ".sharpness", k.sharpness, 1, 100,
    "exponent that joins compute and memory time");
  v(format + ".requantise_elements", k.requantise_elements, 0, 100,
    "2-byte elements moved to round one element of A to the format");
}

struct Params {
  std::string dtype = "bf16";  // of weights and of activations in products
  std::string kv_dtype = "bf16";
  Hertz clock{1.7e9};
  double hbm_gb_per_s = 3350, hbm_gb = 80;
  int64_t row_quantum = 64;  // rows of a product are padded to this
  KernelModel bf16, fp8, nvfp4;
  KernelModel attention;  // peak and bandwidth are those of bf16
  double vector_bandwidth_fraction = 0.8, vector_overhead_us = 3;
  double board_w = 700;
  HostParams host;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("dtype", p.dtype, {"bf16", "fp8", "nvfp4"},
      "format of weights and of activations in products");
    v("kv_dtype", p.kv_dtype, {"bf16", "int8"},
      "format of cached keys and values; int8: one scale a token and head");
    v("clock_hz", p.clock, 1e8, 1e10, "boost clock, to report cycles");
    v("hbm_gb_per_s", p.hbm_gb_per_s, 1, 1e6, "memory bandwidth, GB/s");
    v("hbm_gb", p.hbm_gb, 1, 1e5, "memory capacity, GB");
    v("row_quantum", p.row_quantum, 1, 1024,
      "rows of a product are padded to a multiple of this");
    VisitGemm(p.bf16, "bf16", v);
    VisitGemm(p.fp8, "fp8", v);
    VisitGemm(p.nvfp4, "nvfp4", v);
    v("attention.compute_fraction", p.attention.compute_fraction, 0.01, 1,
      "share of the bf16 peak that long prefill attention reaches");
    v("attention.bandwidth_fraction", p.attention.bandwidth_fraction, 0.01, 1,
      "share of the bandwidth that large decode attention reaches");
    v("attention.overhead_us", p.attention.overhead_us, 0, 1e3,
      "time of attention over nothing, us");
    v("attention.sharpness", p.attention.sharpness, 1, 100,
      "exponent that joins compute and memory time");
    v("vector.bandwidth_fraction", p.vector_bandwidth_fraction, 0.01, 1,
      "share of the bandwidth that other kernels reach");
    v("vector.overhead_us", p.vector_overhead_us, 0, 1e3,
      "time of another kernel over nothing, us");
    v("board_w", p.board_w, 1, 1e5, "power limit of the board, W");
    VisitHost(p.host, v);
  }
};

}  // namespace triptych::gpu

#endif  // TRIPTYCH_EMULATORS_GPU_PARAMS_H_
