// Where things are on a tile, and the words that its units understand: the
// numbers of the programmer's model (emulators/mesh/tile/README.md), for the
// programs, their assembler and the machine alike. Nothing but macros.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_ABI_H_
#define TRIPTYCH_KERNELS_TILE_ABI_H_

// ---- L1 ----
#define TILE_EXIT 0x40  // (code << 1 | 1) ends the core
#define TILE_INFO 0x100
#define TILE_ARGS 0x400
#define TILE_ARGS_BYTES 0xc00
#define TILE_PROGRAM_BASE 0x1000
#define TILE_FREE 0x1b800

// ---- The info block: words ----
#define TILE_INFO_MAGIC 0x100
#define TILE_INFO_TIMING_ONLY 0x10c
#define TILE_INFO_COL 0x110
#define TILE_INFO_ROW 0x114
#define TILE_INFO_COLS 0x118
#define TILE_INFO_ROWS 0x11c
#define TILE_INFO_L1_BYTES 0x130
#define TILE_INFO_FREE 0x134
#define TILE_INFO_DRAM_BANKS 0x138
#define TILE_INFO_PAYLOAD 0x140
#define TILE_INFO_ROUTER_X 0x180  // bytes, by grid column
#define TILE_INFO_ROUTER_Y 0x1a0  // bytes, by grid row
#define TILE_INFO_BANK_XY 0x1c0   // words, by bank

// ---- A core's own RAM ----
#define TILE_LOCAL 0xFFB00000

// ---- Tile control ----
#define TILE_CONTROL 0xFFB10000
#define TILE_CLOCK (TILE_CONTROL + 0x04)
#define TILE_MARK (TILE_CONTROL + 0x10)
#define TILE_WAIT_ADDRESS (TILE_CONTROL + 0x20)
#define TILE_WAIT_VALUE (TILE_CONTROL + 0x24)
#define TILE_WAIT_GE (TILE_CONTROL + 0x28)
#define TILE_WAIT_EQ (TILE_CONTROL + 0x2c)
#define TILE_WAIT_NE (TILE_CONTROL + 0x30)

// ---- NoC interfaces: registers, from the base of each ----
#define TILE_NOC0 0xFFB20000
#define TILE_NOC_STRIDE 0x10000
#define TILE_NOC_LOCAL 0x00
#define TILE_NOC_REMOTE 0x04
#define TILE_NOC_XY 0x08
#define TILE_NOC_LENGTH 0x0c
#define TILE_NOC_VALUE 0x10
#define TILE_NOC_TRID 0x14
#define TILE_NOC_COMMAND 0x18
#define TILE_NOC_READS 0x20
#define TILE_NOC_WRITES 0x24
#define TILE_NOC_BARRIER_READ 0x28
#define TILE_NOC_BARRIER_WRITE 0x2c
#define TILE_NOC_BARRIER_SENT 0x30
#define TILE_NOC_UNDER_WAY 0x80   // + 4 * id
#define TILE_NOC_BARRIER_ID 0xc0  // + 4 * id

#define TILE_NOC_READ 1
#define TILE_NOC_WRITE 2
#define TILE_NOC_INLINE 3
#define TILE_NOC_INCREMENT 4
#define TILE_NOC_MULTICAST 0x100
#define TILE_NOC_SELF 0x200
#define TILE_NOC_BULK 0x400
#define TILE_NOC_POSTED 0x800

// ---- Engine ----
#define TILE_ENGINE 0xFFEF0000
#define TILE_ENGINE_COMMAND 0xFFE40000

#define TILE_F32 0
#define TILE_BF16 1
#define TILE_BFP8 2
#define TILE_BFP4 3

// T0
#define TILE_A_ADDRESS 0x00
#define TILE_B_ADDRESS 0x04
#define TILE_A_FORMAT 0x08
#define TILE_B_FORMAT 0x0c
#define TILE_A_STRIDE 0x10
#define TILE_B_STRIDE 0x14
#define TILE_UNPACK_FLAGS 0x18
// T1
#define TILE_FIDELITY 0x20
#define TILE_IMMEDIATE 0x24
#define TILE_DST_FORMAT 0x28
#define TILE_DST 0x2c  // T2's as well
// T2
#define TILE_PACK_ADDRESS 0x40
#define TILE_PACK_FORMAT 0x44
#define TILE_PACK_STRIDE 0x48
#define TILE_PACK_FLAGS 0x4c
// all
#define TILE_SIGNAL_ADDRESS 0x60
#define TILE_SIGNAL_VALUE 0x64
#define TILE_IDLE 0x7c

#define TILE_OP_UNPACK_MATMUL 0x01
#define TILE_OP_UNPACK_A 0x02
#define TILE_OP_UNPACK_AB 0x03
#define TILE_OP_MATMUL 0x11
#define TILE_OP_COPY 0x12
#define TILE_OP_ADD 0x13
#define TILE_OP_SUB 0x14
#define TILE_OP_MUL 0x15
#define TILE_OP_REDUCE 0x16
#define TILE_OP_PACK 0x18
#define TILE_OP_SFPU 0x20
#define TILE_OP_SFPU2 0x21
#define TILE_OP_ZERO 0x22
#define TILE_OP_ACQUIRE 0x30
#define TILE_OP_COMMIT 0x31
#define TILE_OP_WAIT 0x32
#define TILE_OP_RELEASE 0x33
#define TILE_OP_SIGNAL 0x3e

#endif  // TRIPTYCH_KERNELS_TILE_ABI_H_
