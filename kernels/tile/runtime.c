// What the compiler calls unasked.
// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>

void* memset(void* to, int value, size_t bytes) {
  uint8_t* at = to;
  for (size_t i = 0; i < bytes; ++i) at[i] = (uint8_t)value;
  return to;
}

void* memcpy(void* restrict to, const void* restrict from, size_t bytes) {
  uint8_t* at = to;
  const uint8_t* source = from;
  for (size_t i = 0; i < bytes; ++i) at[i] = source[i];
  return to;
}
