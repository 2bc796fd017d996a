// c += a * b, 64 x 64 words, again and again: loads, multiply-adds, short
// loops.
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

enum { kN = 64, kRounds = 100 };
static int32_t a[kN][kN], b[kN][kN], c[kN][kN];

int main(void) {
  for (int i = 0; i < kN; ++i) {
    for (int j = 0; j < kN; ++j) {
      a[i][j] = i + j;
      b[i][j] = i - j;
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kN; ++j) {
        int32_t sum = 0;
        for (int k = 0; k < kN; ++k) sum += a[i][k] * b[k][j];
        c[i][j] += sum;
      }
    }
  }
  // sum over k of (1 + k) * (k - 2), a hundred times.
  int32_t want = 0;
  for (int k = 0; k < kN; ++k) want += (1 + k) * (k - 2);
  return c[1][2] == want * kRounds ? 0 : 1;
}
