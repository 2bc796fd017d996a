// Shellsort of pseudo-random words: branches nobody predicts, stores.
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

enum { kN = 4096, kRounds = 40 };
static uint32_t v[kN];

int main(void) {
  uint32_t state = 1;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kN; ++i) {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      v[i] = state;
    }
    for (int gap = kN / 2; gap > 0; gap /= 2) {
      for (int i = gap; i < kN; ++i) {
        const uint32_t moved = v[i];
        int j = i;
        for (; j >= gap && v[j - gap] > moved; j -= gap) v[j] = v[j - gap];
        v[j] = moved;
      }
    }
    for (int i = 1; i < kN; ++i) {
      if (v[i - 1] > v[i]) return 1;
    }
  }
  return 0;
}
