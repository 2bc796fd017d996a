// Which SIMD targets the matmul kernels are compiled for. Include it before
// anything of Highway.
//
// The register tile is an array of vectors, which the sizeless vectors of SVE
// and RVV do not allow: Arm runs NEON. HWY_SCALAR has no vector to cut into
// bytes; every 64-bit x86 has SSE2 and every 64-bit Arm has NEON.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_TARGETS_H_
#define TRIPTYCH_KERNELS_MATMUL_TARGETS_H_

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_ALL_SVE | HWY_RVV | HWY_SCALAR)
#endif

#endif  // TRIPTYCH_KERNELS_MATMUL_TARGETS_H_
