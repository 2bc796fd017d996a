# Where QEMU's spike board and riscv_bench start a program: a stack, a first
# round as warm-up, main(), then the word that both take as its end.
# SPDX-License-Identifier: Apache-2.0
  .section .text.start
  .globl _start
_start:
  li t0, 0x6000          # mstatus.FS: floating point on
  csrs mstatus, t0
  la sp, stack_end
  call main
  slli a0, a0, 1
  ori a0, a0, 1
  la t0, tohost
1:
  # QEMU takes the low word only when the high one follows it.
  sw a0, 0(t0)
  sw zero, 4(t0)
  j 1b

  .section .tohost, "aw"
  .balign 64
  .globl tohost
tohost:
  .dword 0
  .size tohost, 8
  .globl fromhost
fromhost:
  .dword 0
  .size fromhost, 8

  .bss
  .balign 16
  .space 4096
stack_end:
