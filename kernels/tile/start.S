# Where all five cores of a tile start, with the core's number in a0: a stack
# at the top of its own RAM, its part of the program, the end.
# SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/abi.h"

  .section .text.start, "ax"
  .globl _start
_start:
  # The least that a core of any machine has: 4 KiB of B and NC, 2 of T0-2.
  li sp, TILE_LOCAL + 2048
  li t0, 1
  beq a0, t0, 1f
  li t0, 2
  beq a0, t0, 2f
  li t0, 3
  beq a0, t0, 3f
  li sp, TILE_LOCAL + 4096
  bnez a0, 4f
  call main_b
  j 5f
1:
  call main_t0
  j 5f
2:
  call main_t1
  j 5f
3:
  call main_t2
  j 5f
4:
  call main_nc
5:
  li t0, 1
  sw t0, TILE_EXIT(zero)
6:
  j 6b
