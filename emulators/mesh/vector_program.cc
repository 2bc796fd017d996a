// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/vector_program.h"

#include <algorithm>
#include <array>

#include "emulators/mesh/tile/engine.h"
#include "emulators/mesh/tile/sfpu.h"
#include "kernels/base/units.h"

namespace triptych::mesh {
namespace {

// Of the vector unit, by name: tile/sfpu.cc has their instructions.
int Unary(std::string_view name) { return tile::UnaryInstructions(name); }
int Binary(std::string_view name) { return tile::BinaryInstructions(name); }

constexpr std::array kMoved = {Operand{FpuStep::kMove}};
constexpr std::array kMovedPair = {Operand{FpuStep::kMove, true}};
constexpr std::array kMultiplied = {Operand{FpuStep::kMultiply}};
constexpr std::array kMultipliedPair = {Operand{FpuStep::kMultiply, true}};
constexpr std::array kReduced = {Operand{FpuStep::kReduce}};
constexpr std::array kTurned = {Operand{FpuStep::kProduct}};
constexpr std::array kTwoProducts = {Operand{FpuStep::kMultiply, true},
                                     Operand{FpuStep::kMultiply, true}};
constexpr std::array kScaledAndWeight = {Operand{FpuStep::kMultiply},
                                         Operand{FpuStep::kMove}};

const std::array kSilu = {
    VectorStage{.operands = kMoved, .instructions = Unary("silu")}};
const std::array kGelu = {
    VectorStage{.operands = kMoved, .instructions = Unary("gelu")}};
const std::array kTanh = {
    VectorStage{.operands = kMoved, .instructions = Unary("tanh")}};
const std::array kAdd = {VectorStage{.operands = kMovedPair, .step = 4}};
const std::array kMul = {VectorStage{.operands = kMultipliedPair, .step = 4}};
// Squares are summed; 1 / root of their mean; times that and the weight.
const std::array kRmsNorm = {
    VectorStage{.operands = kMultipliedPair, .step = 4, .each = false},
    VectorStage{.operands = kReduced,
                .each = false,
                .once = Unary("add_immediate") + Unary("rsqrt"),
                .single = true},
    VectorStage{.operands = kScaledAndWeight,
                .step = 2,
                .instructions = Binary("mul")}};
// The mask on the last tile; the maximum; powers; 1 / sum; times that.
const std::array kSoftmax = {
    VectorStage{.operands = kMovedPair, .single = true},
    VectorStage{.operands = kReduced, .step = 4, .each = false},
    VectorStage{.operands = kMoved, .step = 4, .instructions = Unary("exp")},
    VectorStage{
        .operands = kReduced, .step = 4, .each = false, .once = Unary("recip")},
    VectorStage{.operands = kMultiplied, .step = 4}};
// A product with zeros and ones turns pairs; times cosines and sines.
const std::array kRope = {VectorStage{.operands = kTurned, .step = 4},
                          VectorStage{.operands = kTwoProducts, .step = 4}};

const std::array kPrograms = {
    VectorProgram{"silu", kSilu},
    VectorProgram{"gelu_tanh", kGelu},
    VectorProgram{"gelu_erf", kGelu},
    VectorProgram{"tanh", kTanh},
    VectorProgram{"add", kAdd},
    VectorProgram{"mul", kMul},
    VectorProgram{"rmsnorm", kRmsNorm, true},
    VectorProgram{"softmax", kSoftmax, true},
    VectorProgram{"rope", kRope},
};

constexpr double kSingleBytes = 4096;  // a tile of single precision
// From a packed tile's count in L1 to the unpack thread's next command: 14 to
// 81 cycles of T0 in runs of softmax, rmsnorm and rope on the tile level.
constexpr double kWakeCycles = 40;

class Stages {
 public:
  Stages(const Params& p, double bytes)
      : rates_(tile::RatesOf(p)), bytes_(bytes), share_(p.tile_share()) {}

  void Add(const VectorStage& stage, int64_t tiles, VectorTimes& times) const {
    const double n = stage.single ? 1 : static_cast<double>(tiles);
    const double packed = stage.each ? n : 1;
    const double packed_bytes = stage.each ? bytes_ : kSingleBytes * share_;
    const double once = stage.once * rates_.vectors * share_;
    for (const Operand& operand : stage.operands) {
      const double brought = operand.pair ? 2 : 1;
      times.unpack += n * brought * bytes_ / rates_.unpack_both;
      times.fpu += n * FpuCycles(operand.step);
    }
    times.sfpu += n * Vectors(stage) + once;
    times.pack += packed * PackCycles(packed_bytes);
    times.total += Passing(stage, n) + once;
  }

  // From the last result of `before` to the first operand of `after`.
  double HandOver(const VectorStage& before, const VectorStage& after) const {
    const double pack = before.each ? before.step * PackCycles(bytes_)
                                    : PackCycles(kSingleBytes * share_);
    return pack + kWakeCycles + BringCycles(after.operands.front());
  }

  double PackCycles(double bytes) const {
    return bytes / rates_.pack + rates_.pack_tile;
  }

 private:
  double FpuCycles(FpuStep step) const {
    switch (step) {
      case FpuStep::kMove:
        return rates_.move * share_;
      case FpuStep::kMultiply:
        return 4 * rates_.move * share_;
      case FpuStep::kReduce:
        return (rates_.pool + rates_.turn) * share_;
      case FpuStep::kProduct:
        break;
    }
    return rates_.product[3];
  }
  double Vectors(const VectorStage& stage) const {
    return stage.instructions * rates_.vectors * share_;
  }
  // Until a tile, or a pair, is in its source register.
  double BringCycles(const Operand& operand) const {
    return operand.pair ? 2 * bytes_ / rates_.unpack_both
                        : bytes_ / rates_.unpack_one + rates_.unpack_tile;
  }

  // n tiles through the three threads.
  double Passing(const VectorStage& stage, double n) const {
    double bring = 0, fpu = 0;
    for (const Operand& operand : stage.operands) {
      bring += BringCycles(operand);
      fpu += FpuCycles(operand.step);
    }
    const double pack = stage.each ? PackCycles(bytes_) : 0.0;
    if (stage.instructions == 0) return n * std::max({bring, fpu, pack});
    const double step = std::min<double>(stage.step, n);
    const double math = Mixed(stage, static_cast<int>(step));
    return n / step * std::max(math, step * pack);
  }

  // A step of which the vector unit works on what the matrix unit has put
  // into Dst. A source register holds two tiles: as many operands come while
  // the vector unit works, the others each when one before has been used.
  double Mixed(const VectorStage& stage, int step) const {
    double ready = 0, end = 0, before = 0;
    size_t number = 0;
    for (const Operand& operand : stage.operands) {
      for (int i = 0; i < step; ++i, ++number) {
        if (number >= 2) ready = std::max(ready, before) + BringCycles(operand);
        before = end;
        end = std::max(end, ready) + FpuCycles(operand.step);
      }
    }
    return end + rates_.fpu_latency + step * Vectors(stage) +
           rates_.sfpu_latency;
  }

  tile::EngineRates rates_;
  double bytes_, share_;
};

}  // namespace

const VectorProgram* FindVectorProgram(std::string_view op) {
  const auto* row = std::ranges::find(kPrograms, op, &VectorProgram::op);
  return row == kPrograms.end() ? nullptr : row;
}

VectorTimes TimesOf(const Params& p, const VectorProgram& program,
                    int64_t tiles, double bytes) {
  const Stages stages(p, bytes);
  VectorTimes times;
  // What is no row goes on in steps: each has all stages.
  const int64_t most = program.rows || program.stages.size() == 1
                           ? tiles
                           : program.stages.front().step;
  for (int64_t done = 0; done < tiles; done += most) {
    const VectorStage* before = nullptr;
    for (const VectorStage& stage : program.stages) {
      if (before != nullptr) times.total += stages.HandOver(*before, stage);
      stages.Add(stage, std::min(most, tiles - done), times);
      if (done == 0 && before == nullptr) times.first = times.total;
      before = &stage;
    }
  }
  return times;
}

}  // namespace triptych::mesh
