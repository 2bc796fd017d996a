// Elementary functions that give the same bits on every host.
//
// The C library's exp and sin differ between machines (some versions use fused
// multiply-adds). These use additions, multiplications, divisions and
// comparisons of doubles in a fixed order, which IEEE 754 defines exactly, and
// are compiled without contraction. Errors are far below an f32's half ulp,
// the format their results are rounded to: 1e-13 relative (exp), 1e-12
// absolute for |x| < 1e6 (sin, cos); tests/emulators/npu measures them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_EXACT_MATH_H_
#define TRIPTYCH_EMULATORS_NPU_EXACT_MATH_H_

#include <utility>

namespace triptych::npu {

double ExactExp(double x);  // 0 below -708, saturates above 709
std::pair<double, double> ExactSinCos(double x);
double ExactTanh(double x);
double ExactErf(double x);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_EXACT_MATH_H_
