// y += a * x in single precision: what soft floating point costs.
// SPDX-License-Identifier: Apache-2.0
enum { kN = 1024, kRounds = 2000 };
static float x[kN], y[kN];

int main(void) {
  for (int i = 0; i < kN; ++i) {
    x[i] = (float)i;
    y[i] = 0;
  }
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kN; ++i) y[i] = __builtin_fmaf(0.5f, x[i], y[i]);
  }
  return y[2] == (float)kRounds ? 0 : 1;
}
