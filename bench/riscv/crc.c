// A table-driven CRC-32 of 64 KiB, again and again: bytes, shifts, calls.
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

enum { kBytes = 1 << 16, kRounds = 40 };
static uint32_t table[256];
static uint8_t data[kBytes];

__attribute__((noinline)) static uint32_t Step(uint32_t crc, uint8_t byte) {
  return table[(crc ^ byte) & 255] ^ crc >> 8;
}

int main(void) {
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t v = i;
    for (int bit = 0; bit < 8; ++bit) v = v & 1 ? v >> 1 ^ 0xEDB88320u : v >> 1;
    table[i] = v;
  }
  // The check value of this CRC: of the digits 1 to 9 it is 0xCBF43926.
  uint32_t check = ~0u;
  for (uint8_t digit = '1'; digit <= '9'; ++digit) check = Step(check, digit);
  if (~check != 0xCBF43926u) return 1;
  for (int i = 0; i < kBytes; ++i) data[i] = (uint8_t)(i * 7);
  uint32_t first = 0;
  for (int round = 0; round < kRounds; ++round) {
    uint32_t crc = ~0u;
    for (int i = 0; i < kBytes; ++i) crc = Step(crc, data[i]);
    if (round == 0) first = crc;
    if (crc != first) return 2;
  }
  return 0;
}
