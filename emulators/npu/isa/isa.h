// The NPU's commands: what a `.tnpu` stream is made of.
//
// A stream is a list of 32-byte little-endian commands. Every core runs the
// same stream; its front end decodes in order, keeps the address registers
// and the loops, and hands each other command to one of four queues:
//
//   load   LD GATHER DCFG            DRAM or L2 -> the core's local memory
//   matrix MMLD MM                   scratchpad -> array -> accumulators
//   vector DQ RQ QT VCFG VEC RED NORM SMX ROPE
//   store  ST                        local memory -> DRAM or L2
//
// (DCFG goes to the load and to the store queue: see DmaConfig.) A queue
// works in order, one command at a time; the queues work at once. What orders
// them is 31 events a core, each a counter: a command starts when each event
// it waits for has a credit, and takes it; when it is done it gives one to
// each event it signals. EVT gives the credits a double buffer starts with.
// BAR takes all credits away, so that no part of a stream leaves any behind.
//
// A stream is well formed only if, in the order it is written, every wait
// finds its credit; so running it in that order, one command after the other,
// computes what the machine computes. Between two BARRIERs no core reads what
// another one writes.
//
// Addresses. Local: bytes of the scratchpad from 0; with kAccBit, bytes of
// the accumulators, which are rows of array.cols words of four bytes.
// Remote: a region and a byte offset in it, `offset` plus two address
// registers (register 0 is always 0): one for a loop over tiles, the other for
// a loop around it, over layers. f32 words are aligned to 4. Whatever lies
// outside its memory or region is a located error, not a fault. A stride of 0,
// here or in DCFG and VCFG, means rows without gaps. Sizes are at least 1. Rows
// that are written do not overlap each other or anything else the command
// touches, unless it says so.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_ISA_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_ISA_H_

#include <array>
#include <cstdint>

namespace triptych::npu {

enum class Opcode : uint8_t {
  // Front end.
  kHalt = 0,
  kMark,     // what follows is on behalf of `Mark::id` (a node of the graph)
  kSet,      // register = value
  kAdd,      // register += value
  kAddCore,  // register += value * number of this core
  kLoop,     // repeat up to the matching kEnd, `Loop::count` (>= 1) times
  kEnd,
  kEvent,    // gives `Credit::count` credits to an event
  kBarrier,  // waits for all queues of all cores; strides and events are 0
  // Load and store queues.
  kDmaConfig,
  kLoad,
  kGather,
  kStore,
  // Matrix queue.
  kLoadWeights,
  kMatmul,
  // Vector queue.
  kDequantize,
  kRequantize,
  kQuantize,
  kVectorConfig,
  kVector,
  kReduce,
  kNorm,
  kSoftmax,
  kRope,
};
inline constexpr int kOpcodes = 24;

inline constexpr int kEvents = 32;     // event 0 is "none"
inline constexpr int kRegisters = 32;  // register 0 is 0
inline constexpr int kLoopDepth = 4;   // loops inside loops
inline constexpr int kMaxCores = 16;   // bits of Command::cores
inline constexpr uint32_t kAccBit = 0x8000'0000;

// Remote memories. DRAM regions have a size each in the stream's map.
enum class Region : uint8_t {
  kL2 = 0,       // shared memory on the chip
  kWeights,      // read-only while a stream runs, as kConstants
  kConstants,    // scales, biases, norm weights, tables
  kCache,        // keys and values
  kActivations,  // inputs, outputs and what does not fit on the chip
};
inline constexpr int kRegions = 5;

// ---- Operands: the 24 bytes after a command's first 8 ----

struct Mark {
  uint32_t id;
};
struct Register {  // kSet, kAdd, kAddCore
  uint8_t reg;
  std::array<uint8_t, 7> zero;
  int64_t value;
};
struct Loop {
  uint32_t count;
};
struct Credit {
  uint8_t event;
  uint8_t zero;
  uint16_t count;
};

// Strides of every kLoad and kGather (flag kForLoad) or kStore (kForStore)
// that follows, bytes. At reset and after kBarrier all are 0: rows follow
// each other without gaps on both sides.
struct DmaConfig {
  int32_t remote_stride1, remote_stride2;
  uint32_t local_stride1, local_stride2;
};
// size2 x size1 rows of size0 bytes. Row (j, i) is at
//   remote: offset + reg + base + j * remote_stride2 + i * remote_stride1
//   local:  local + j * local_stride2 + i * local_stride1
// With a stride of 0: stride1 = the bytes of a row, stride2 = size1 * stride1.
// kLoad with kUnpack4: size0 bytes of two's complement nibbles, the low one
// first, become 2 * size0 bytes. kLoad with kMulticast: one read serves all
// cores of the command's mask, which all receive the same bytes; each of them
// must meet the command, and its registers must have been set for all cores
// alike.
// kGather: row (j, i) comes from offset + reg + base + index * remote_stride1,
// where index is the int32 in local memory at `index` + 4 * (j * size1 + i).
struct Dma {
  uint8_t region, reg;
  uint16_t size1, size2;
  uint8_t base, zero;  // base: a register, as reg
  uint32_t size0;
  uint32_t offset;
  uint32_t local;
  uint32_t index;  // kGather only
};

// The array's next weights, k <= array.rows, n <= array.cols, int8: weight of
// input i and output j is the byte at local + j * stride + i (rows of W[n,k]);
// with kTransposed at local + i * stride + j (rows of W[k,n]: cached values,
// a row a key). They wait in the shadow plane until a kMatmul with kSwap.
struct LoadWeights {
  uint32_t local, stride;
  uint16_t k, n;
};
// acc[row + r][j] (+)= sum over i < k of a[r][i] * w[i][j], r < rows, exact
// int32 (wraps modulo 2^32); a[r] are the k bytes, int8, at a + r * stride.
// kAccumulate adds to what is there; else it is overwritten. kSwap makes the
// shadow plane the weights first.
struct Matmul {
  uint32_t a, stride;
  uint32_t acc_row;
  uint16_t rows, zero;
};

// Everything below reads and writes f32 unless it says otherwise, in rows of
// `cols`; arithmetic is IEEE f32, round to nearest even, no fused multiply-add,
// NaN in any operand gives the one quiet NaN 0x7fc00000, subnormals are kept.

// dst[r][j] = f32(acc[row + r][j]) * scales[j], rounded at each step; with
// kAccumulate: + that. Then, with kRowScale: * row_scales[r].
// `scales` may be kNoOperand: 1.
struct Dequantize {
  uint32_t acc_row, dst, dst_stride, scales, row_scales;
  uint16_t rows, cols;
};
// dst[r][j], int8 = clamp(zero_point + round(acc * multiplier[j] / 2^shift[j]))
// `table`: cols x {int32 multiplier, int32 shift 0..62}. Rounding: half up of
// the 64-bit product (flag 0), or TFLite's double rounding (kDoubleRounding):
// acc * 2^max(0, 31 - shift), modulo 2^32; the saturating doubling high half
// of its product with the multiplier; then a division by 2^max(0, shift - 31)
// that rounds half away from zero.
struct Requantize {
  uint32_t acc_row, dst, dst_stride, table;
  uint16_t rows, cols;
  int8_t zero_point, low, high;
  uint8_t zero;
};
// Rows to int8 codes under a scale each: scale = absmax / qmax with
// qmax = 2^(bits - 1) - 1 and codes = round half even(x * (qmax / absmax)), in
// -qmax..qmax, as kernels/base/formats.h QuantizeRowInt<int8_t> defines;
// scales[r] = scale * multiplier. Bits 2..8 are the command's flags.
struct Quantize {
  uint32_t src, dst, scales;
  uint16_t rows, cols;
  float multiplier;
  uint32_t dst_stride;
};
// Strides of the rows of every following vector command that names none,
// bytes; 0: the rows have no gaps. At reset and after kBarrier all are 0.
struct VectorConfig {
  uint32_t src0_stride, src1_stride, dst_stride;
};
enum class VectorOp : uint8_t {
  kCopy,
  kAdd,
  kSub,
  kMul,
  kMax,
  kMin,  // of src0 and src1
  kExp,
  kSilu,
  kGeluTanh,
  kGeluErf,
  kTanh,  // of src0
  kReciprocal,
  kRsqrt,
};
inline constexpr int kVectorOps = 13;
enum class Operand : uint8_t {
  kFull,       // src1[r][c]
  kPerColumn,  // src1[c]
  kPerRow,     // src1[r]
  kImmediate,  // the f32 whose bits are src1
};
// dst = op(src0, src1), elementwise; src0 may be dst, rows and all. kCopy
// moves bits. An op of src0 alone has operand kFull and src1 0.
struct Vector {
  uint32_t src0, src1, dst;
  uint16_t rows, cols;
  VectorOp op;
  Operand operand;
  uint16_t zero;  // no padding: unused bytes of a command are 0
};
enum class ReduceOp : uint8_t { kSum, kMax, kAbsMax, kSumOfSquares };
// dst[r] = op over src0[r][0..cols). Sums: 16 partial sums, element c going to
// sum c mod 16 in the order of c, then added pairwise: s[i] + s[i + 8], then
// 4, 2, 1. All f32.
struct Reduce {
  uint32_t src, dst;
  uint16_t rows, cols;
  ReduceOp op;
  std::array<uint8_t, 3> zero;
};
// y = x * rsqrt(sum of squares / cols + eps) * weight, or, with kLayer,
// y = (x - mean) * rsqrt(mean square of (x - mean) + eps) * weight + bias.
// Sums as in Reduce. weight and bias may be kNoOperand; without kLayer bias
// must be. src may be dst.
struct Norm {
  uint32_t src, dst, weight, bias;
  float eps;
  uint16_t rows, cols;
};
// e = exp(x - max) over the first `visible + r * step` of a row's cols
// elements (at least 1, at most cols), 0 for the rest. With kNormalize
// dst = e * (1 / sum), and `sums` is kNoOperand; else dst = e, and sums[r] =
// sum of e. src may be dst.
struct Softmax {
  uint32_t src, dst, sums, visible;
  uint16_t step, rows;
  uint16_t cols, zero;
};
// Turns `pairs` pairs of each of `heads` heads of `head_dim` elements in a row
// of src: (a, b) -> (a c - b s, a s + b c), with c, s the f32 pair at
// table + 8 * (r * pairs + i). Pairs are neighbours; with kHalf, elements i
// and i + pairs. What is not turned stays. src is dst.
struct Rope {
  uint32_t src, table;
  uint16_t rows, heads, head_dim, pairs;
};
inline constexpr uint32_t kNoOperand = 0xffff'ffff;

// ---- Flags, by opcode ----
inline constexpr uint8_t kForLoad = 1, kForStore = 2;   // kDmaConfig
inline constexpr uint8_t kUnpack4 = 1, kMulticast = 2;  // kLoad
inline constexpr uint8_t kTransposed = 1;               // kLoadWeights
inline constexpr uint8_t kAccumulate = 1;               // kMatmul, kDequantize
inline constexpr uint8_t kSwap = 2;                     // kMatmul
inline constexpr uint8_t kRowScale = 2;                 // kDequantize
inline constexpr uint8_t kDoubleRounding = 1;           // kRequantize
inline constexpr uint8_t kLayer = 1;                    // kNorm
inline constexpr uint8_t kNormalize = 1;                // kSoftmax
inline constexpr uint8_t kHalf = 1;                     // kRope

union Operands {
  Mark mark;
  Register reg;
  Loop loop;
  Credit credit;
  DmaConfig dma_config;
  Dma dma;
  LoadWeights load_weights;
  Matmul matmul;
  Dequantize dequantize;
  Requantize requantize;
  Quantize quantize;
  VectorConfig vector_config;
  Vector vector;
  Reduce reduce;
  Norm norm;
  Softmax softmax;
  Rope rope;
  std::array<uint64_t, 3> words{};  // first to be initialised; all zero
};
static_assert(sizeof(Operands) == 24);

struct Command {
  Opcode opcode = Opcode::kHalt;
  uint8_t flags = 0;
  std::array<uint8_t, 2> wait{}, signal{};  // events; 0: none
  uint16_t cores = 0;                       // bit c: core c; 0: all of them
  Operands operands{};
};
static_assert(sizeof(Command) == 32 && alignof(Command) == 8);

enum class Queue : uint8_t { kFrontEnd, kLoad, kMatrix, kVector, kStore };
inline constexpr int kQueues = 5;

// Sizes of what commands address; from Params and the stream's map.
struct MachineSize {
  int cores = 1;
  int64_t array_rows = 128, array_cols = 128;
  int64_t scratchpad_bytes = 0, accumulator_rows = 0, l2_bytes = 0;
  std::array<int64_t, kRegions> region_bytes{};  // [0] is l2_bytes
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_ISA_H_
