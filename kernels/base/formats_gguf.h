// The block formats of GGUF files, one block at a time. Whole rows, of these
// and of all other formats, are formats.h's.
//
// In memory, little-endian; u is a code without sign:
//   q8_0   f16 scale, 32 x i8; value = q * scale
//   q4_0   f16 scale, 16 x u8: element j in the low nibble of byte j, j + 16
//          in its high nibble; value = (u - 8) * scale
//   q4_1   f16 scale, f16 least, nibbles as q4_0; value = u * scale + least
//   q5_0   f16 scale, u32 fifth bits (element j's at bit j), nibbles as q4_0;
//          value = (u - 16) * scale
//   q5_1   f16 scale, f16 least, u32 fifth bits, nibbles; as q4_1
//   q4_k   f16 d, f16 dmin, 12 bytes with a scale s and a least value m of 6
//          bits for each of 8 runs of 32, 128 x u8: runs 2i and 2i + 1 in the
//          low and high nibbles of bytes 32i to 32i + 31;
//          value = u * (s d) - m dmin
//   q5_k   as q4_k, with 32 bytes of fifth bits before the nibbles: element l
//          of run r at bit r of byte l
//   q6_k   2 x 64 x u8 with the lower four bits, then 2 x 32 x u8 with the
//          upper two, of the halves of 128; 16 x i8 scale s, one a run of 16;
//          f16 d; value = (u - 32) * (s d). Element l of a half's quarter k:
//          nibble k / 2 (low first) of byte 32 (k % 2) + l, and bits 2k and
//          2k + 1 of byte l
//   mxfp4  u8 exponent e, nibbles as q4_0, each an fp4 e2m1;
//          value = 2^(e - 127) * fp4, all NaN when e is 255
// The 6 bits of q4_k: bytes 0 to 3 have s of runs 0 to 3, bytes 4 to 7 their
// m; bytes 8 to 11 the lower four bits of s (low nibble) and m (high nibble)
// of runs 4 to 7, whose upper two are on top of bytes 0 to 3 and 4 to 7.
//
// A decoded value is its formula, exact, rounded to f32 once.
//
// Sources: ggml-org/ggml, src/ggml-common.h and ggml-quants.c; Open Compute
// Project, Microscaling Formats 1.0.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_FORMATS_GGUF_H_
#define TRIPTYCH_KERNELS_BASE_FORMATS_GGUF_H_

#include <cstdint>

#include "kernels/base/dtype.h"

namespace triptych {

// Encoders are plain: extremes give the scales, elements round to nearest,
// ties to even; nothing is searched for. How far off an element ends:
//   q8_0          scale = absmax / 127 to nearest: half a step, and what f16
//                 took off the scale (127 x 2^-11 steps)
//   q4_0, q5_0    the extreme takes code 0, the side that has one code more:
//                 half a step; one opposite an extreme of the same size
//   the others    scales round up (least values down): nothing is clipped,
//                 and half a step it is. A step of q4_1 and q5_1 is
//                 (greatest - least) / (15 or 31), of q4_k and q5_k the same
//                 with a run's least value at most 0, plus d; of q6_k
//                 absmax / 31 of a run, plus d.
//   mxfp4         exponent = floor(log2(absmax)) - 2: half the gap between
//                 two codes, and up to 2 units in what saturates above 6
// f16 scales saturate at +-65504, and elements beyond them clip.
//
// A block is InfoOf(dtype).block_bytes long and needs no alignment; the other
// side has block_elements. They do not overlap.
struct GgufCodec {
  void (*decode)(const uint8_t* block, float* out);
  void (*encode)(const float* in, uint8_t* block);
};

// `dtype` is one of the formats above (a check).
const GgufCodec& GgufCodecOf(DType dtype);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_FORMATS_GGUF_H_
