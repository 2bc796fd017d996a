// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/opcodes.h"

#include <cstddef>
#include <cstring>

#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

using enum FieldKind;

constexpr Field kMarkFields[] = {{"id", offsetof(Mark, id), kU32}};
constexpr Field kRegisterFields[] = {
    {"reg", offsetof(Register, reg), kTarget},
    {"value", offsetof(Register, value), kI64},
};
constexpr Field kLoopFields[] = {{"count", offsetof(Loop, count), kSize32}};
constexpr Field kCreditFields[] = {
    {"event", offsetof(Credit, event), FieldKind::kEvent},
    {"count", offsetof(Credit, count), kSize16},
};
constexpr Field kDmaConfigFields[] = {
    {"remote_stride1", offsetof(DmaConfig, remote_stride1), kI32},
    {"remote_stride2", offsetof(DmaConfig, remote_stride2), kI32},
    {"local_stride1", offsetof(DmaConfig, local_stride1), kU32},
    {"local_stride2", offsetof(DmaConfig, local_stride2), kU32},
};
constexpr Field kDmaFields[] = {
    {"region", offsetof(Dma, region), kRegion},
    {"offset", offsetof(Dma, offset), kOffset},
    {"reg", offsetof(Dma, reg), FieldKind::kRegister},
    {"base", offsetof(Dma, base), FieldKind::kRegister},
    {"local", offsetof(Dma, local), kLocal},
    {"size0", offsetof(Dma, size0), kSize32},
    {"size1", offsetof(Dma, size1), kSize16},
    {"size2", offsetof(Dma, size2), kSize16},
    {"index", offsetof(Dma, index), kLocal},
};
constexpr Field kLoadWeightsFields[] = {
    {"local", offsetof(LoadWeights, local), kLocal},
    {"stride", offsetof(LoadWeights, stride), kU32},
    {"k", offsetof(LoadWeights, k), kSize16},
    {"n", offsetof(LoadWeights, n), kSize16},
};
constexpr Field kMatmulFields[] = {
    {"a", offsetof(Matmul, a), kLocal},
    {"stride", offsetof(Matmul, stride), kU32},
    {"acc_row", offsetof(Matmul, acc_row), kU32},
    {"rows", offsetof(Matmul, rows), kSize16},
};
constexpr Field kDequantizeFields[] = {
    {"acc_row", offsetof(Dequantize, acc_row), kU32},
    {"dst", offsetof(Dequantize, dst), kLocal},
    {"dst_stride", offsetof(Dequantize, dst_stride), kU32},
    {"scales", offsetof(Dequantize, scales), kOptionalLocal},
    {"row_scales", offsetof(Dequantize, row_scales), kOptionalLocal},
    {"rows", offsetof(Dequantize, rows), kSize16},
    {"cols", offsetof(Dequantize, cols), kSize16},
};
constexpr Field kRequantizeFields[] = {
    {"acc_row", offsetof(Requantize, acc_row), kU32},
    {"dst", offsetof(Requantize, dst), kLocal},
    {"dst_stride", offsetof(Requantize, dst_stride), kU32},
    {"table", offsetof(Requantize, table), kLocal},
    {"rows", offsetof(Requantize, rows), kSize16},
    {"cols", offsetof(Requantize, cols), kSize16},
    {"zero_point", offsetof(Requantize, zero_point), kI8},
    {"low", offsetof(Requantize, low), kI8},
    {"high", offsetof(Requantize, high), kI8},
};
constexpr Field kQuantizeFields[] = {
    {"src", offsetof(Quantize, src), kLocal},
    {"dst", offsetof(Quantize, dst), kLocal},
    {"dst_stride", offsetof(Quantize, dst_stride), kU32},
    {"scales", offsetof(Quantize, scales), kLocal},
    {"rows", offsetof(Quantize, rows), kSize16},
    {"cols", offsetof(Quantize, cols), kSize16},
    {"multiplier", offsetof(Quantize, multiplier), kF32},
};
constexpr Field kVectorConfigFields[] = {
    {"src0_stride", offsetof(VectorConfig, src0_stride), kU32},
    {"src1_stride", offsetof(VectorConfig, src1_stride), kU32},
    {"dst_stride", offsetof(VectorConfig, dst_stride), kU32},
};
constexpr Field kVectorFields[] = {
    {"op", offsetof(Vector, op), FieldKind::kVectorOp},
    {"src0", offsetof(Vector, src0), kLocal},
    // An address, or a number under kImmediate.
    {"src1", offsetof(Vector, src1), kU32},
    {"operand", offsetof(Vector, operand), FieldKind::kOperand},
    {"dst", offsetof(Vector, dst), kLocal},
    {"rows", offsetof(Vector, rows), kSize16},
    {"cols", offsetof(Vector, cols), kSize16},
};
constexpr Field kReduceFields[] = {
    {"op", offsetof(Reduce, op), FieldKind::kReduceOp},
    {"src", offsetof(Reduce, src), kLocal},
    {"dst", offsetof(Reduce, dst), kLocal},
    {"rows", offsetof(Reduce, rows), kSize16},
    {"cols", offsetof(Reduce, cols), kSize16},
};
constexpr Field kNormFields[] = {
    {"src", offsetof(Norm, src), kLocal},
    {"dst", offsetof(Norm, dst), kLocal},
    {"weight", offsetof(Norm, weight), kOptionalLocal},
    {"bias", offsetof(Norm, bias), kOptionalLocal},
    {"eps", offsetof(Norm, eps), kF32},
    {"rows", offsetof(Norm, rows), kSize16},
    {"cols", offsetof(Norm, cols), kSize16},
};
constexpr Field kSoftmaxFields[] = {
    {"src", offsetof(Softmax, src), kLocal},
    {"dst", offsetof(Softmax, dst), kLocal},
    {"sums", offsetof(Softmax, sums), kOptionalLocal},
    {"visible", offsetof(Softmax, visible), kU32},
    {"step", offsetof(Softmax, step), kU16},
    {"rows", offsetof(Softmax, rows), kSize16},
    {"cols", offsetof(Softmax, cols), kSize16},
};
constexpr Field kRopeFields[] = {
    {"src", offsetof(Rope, src), kLocal},
    {"table", offsetof(Rope, table), kLocal},
    {"rows", offsetof(Rope, rows), kSize16},
    {"heads", offsetof(Rope, heads), kSize16},
    {"head_dim", offsetof(Rope, head_dim), kSize16},
    {"pairs", offsetof(Rope, pairs), kSize16},
};

constexpr FlagName kDmaConfigFlags[] = {{"load", kForLoad},
                                        {"store", kForStore}};
constexpr FlagName kLoadFlags[] = {{"unpack4", kUnpack4},
                                   {"multicast", kMulticast}};
constexpr FlagName kLoadWeightsFlags[] = {{"transposed", kTransposed}};
constexpr FlagName kMatmulFlags[] = {{"accumulate", kAccumulate},
                                     {"swap", kSwap}};
constexpr FlagName kDequantizeFlags[] = {{"accumulate", kAccumulate},
                                         {"row_scale", kRowScale}};
constexpr FlagName kRequantizeFlags[] = {{"double_rounding", kDoubleRounding}};
// Bits 2 .. 8 are the number itself.
constexpr FlagName kQuantizeFlags[] = {
    {"bits2", 2}, {"bits3", 3}, {"bits4", 4}, {"bits5", 5},
    {"bits6", 6}, {"bits7", 7}, {"bits8", 8},
};
constexpr FlagName kNormFlags[] = {{"layer", kLayer}};
constexpr FlagName kSoftmaxFlags[] = {{"normalize", kNormalize}};
constexpr FlagName kRopeFlags[] = {{"half", kHalf}};

constexpr std::span<const Field> kNone;
constexpr std::span<const FlagName> kNoFlags;
constexpr std::span<const Field> kDirectDma(kDmaFields, 8);  // no index

constexpr OpcodeInfo kTable[kOpcodes] = {
    {Opcode::kHalt, "HALT", Queue::kFrontEnd, false, kNone, kNoFlags},
    {Opcode::kMark, "MARK", Queue::kFrontEnd, false, kMarkFields, kNoFlags},
    {Opcode::kSet, "SET", Queue::kFrontEnd, true, kRegisterFields, kNoFlags},
    {Opcode::kAdd, "ADD", Queue::kFrontEnd, true, kRegisterFields, kNoFlags},
    {Opcode::kAddCore, "ADDC", Queue::kFrontEnd, true, kRegisterFields,
     kNoFlags},
    {Opcode::kLoop, "LOOP", Queue::kFrontEnd, false, kLoopFields, kNoFlags},
    {Opcode::kEnd, "END", Queue::kFrontEnd, false, kNone, kNoFlags},
    {Opcode::kEvent, "EVT", Queue::kFrontEnd, true, kCreditFields, kNoFlags},
    {Opcode::kBarrier, "BAR", Queue::kFrontEnd, false, kNone, kNoFlags},
    {Opcode::kDmaConfig, "DCFG", Queue::kLoad, true, kDmaConfigFields,
     kDmaConfigFlags},
    {Opcode::kLoad, "LD", Queue::kLoad, true, kDirectDma, kLoadFlags},
    {Opcode::kGather, "GATHER", Queue::kLoad, true, kDmaFields, kNoFlags},
    {Opcode::kStore, "ST", Queue::kStore, true, kDirectDma, kNoFlags},
    {Opcode::kLoadWeights, "MMLD", Queue::kMatrix, true, kLoadWeightsFields,
     kLoadWeightsFlags},
    {Opcode::kMatmul, "MM", Queue::kMatrix, true, kMatmulFields, kMatmulFlags},
    {Opcode::kDequantize, "DQ", Queue::kVector, true, kDequantizeFields,
     kDequantizeFlags},
    {Opcode::kRequantize, "RQ", Queue::kVector, true, kRequantizeFields,
     kRequantizeFlags},
    {Opcode::kQuantize, "QT", Queue::kVector, true, kQuantizeFields,
     kQuantizeFlags},
    {Opcode::kVectorConfig, "VCFG", Queue::kVector, true, kVectorConfigFields,
     kNoFlags},
    {Opcode::kVector, "VEC", Queue::kVector, true, kVectorFields, kNoFlags},
    {Opcode::kReduce, "RED", Queue::kVector, true, kReduceFields, kNoFlags},
    {Opcode::kNorm, "NORM", Queue::kVector, true, kNormFields, kNormFlags},
    {Opcode::kSoftmax, "SMX", Queue::kVector, true, kSoftmaxFields,
     kSoftmaxFlags},
    {Opcode::kRope, "ROPE", Queue::kVector, true, kRopeFields, kRopeFlags},
};

constexpr std::string_view kRegionNames[kRegions] = {
    "l2", "weights", "constants", "cache", "activations"};
constexpr std::string_view kVectorOpNames[kVectorOps] = {
    "copy", "add",       "sub",      "mul",  "max",        "min",  "exp",
    "silu", "gelu_tanh", "gelu_erf", "tanh", "reciprocal", "rsqrt"};
constexpr std::string_view kOperandNames[] = {"full", "per_column", "per_row",
                                              "immediate"};
constexpr std::string_view kReduceOpNames[] = {"sum", "max", "absmax",
                                               "sum_of_squares"};

}  // namespace

int FieldBytes(FieldKind kind) {
  switch (kind) {
    case kU8:
    case kI8:
    case kRegion:
    case FieldKind::kRegister:
    case kTarget:
    case FieldKind::kEvent:
    case FieldKind::kVectorOp:
    case FieldKind::kOperand:
    case FieldKind::kReduceOp:
      return 1;
    case kU16:
    case kSize16:
      return 2;
    case kI64:
      return 8;
    default:
      return 4;
  }
}

bool FieldHolds(FieldKind kind, int64_t value) {
  const int bits = 8 * FieldBytes(kind);
  if (bits == 64) return true;
  if (kind == kI8 || kind == kI32) {
    return value >= -(int64_t{1} << (bits - 1)) && value < int64_t{1}
                                                               << (bits - 1);
  }
  return value >= 0 && value >> bits == 0;
}

std::span<const OpcodeInfo> OpcodeTable() { return kTable; }

const OpcodeInfo& InfoOf(Opcode opcode) {
  const auto i = static_cast<int>(opcode);
  TRIPTYCH_CHECK(i < kOpcodes, "opcode", i);
  return kTable[i];
}

const OpcodeInfo* FindOpcode(std::string_view name) {
  for (const OpcodeInfo& info : kTable) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

std::span<const std::string_view> RegionNames() { return kRegionNames; }
std::span<const std::string_view> VectorOpNames() { return kVectorOpNames; }
std::span<const std::string_view> OperandNames() { return kOperandNames; }
std::span<const std::string_view> ReduceOpNames() { return kReduceOpNames; }

uint64_t ReadField(const Command& command, const Field& field) {
  const auto* from =
      reinterpret_cast<const char*>(&command.operands) + field.offset;
  uint64_t value = 0;
  std::memcpy(&value, from, static_cast<size_t>(FieldBytes(field.kind)));
  if (field.kind == kI8) {
    value = static_cast<uint64_t>(static_cast<int8_t>(value));
  }
  if (field.kind == kI32) {
    value = static_cast<uint64_t>(static_cast<int32_t>(value));
  }
  return value;
}

void WriteField(Command& command, const Field& field, uint64_t value) {
  auto* to = reinterpret_cast<char*>(&command.operands) + field.offset;
  std::memcpy(to, &value, static_cast<size_t>(FieldBytes(field.kind)));
}

}  // namespace triptych::npu
