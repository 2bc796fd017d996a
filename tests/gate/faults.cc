// SPDX-License-Identifier: Apache-2.0
#include "tests/gate/faults.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "emulators/op_error.h"
#include "kernels/base/aligned.h"

namespace triptych::gate {
namespace {

constexpr size_t kTile = 32;

class FaultyStep : public Step {
 public:
  FaultyStep(std::unique_ptr<Step> step, const Target& target, Seeded fault)
      : step_(std::move(step)), target_(target), fault_(fault) {}

  Picos Run(const StepContext& ctx) const override {
    Picos end =
        ctx.values && SpoilsInputs() ? RunSpoiled(ctx) : step_->Run(ctx);
    if (fault_ == Seeded::kOneBit && ctx.values) {
      float& first = *ctx.output.row(0);
      first = std::nextafter(first, first + 1);
    }
    if (fault_ == Seeded::kExtraCycle) {
      end += Picos(std::llround(1e12 / target_.clock().value));
    }
    if (fault_ == Seeded::kExtraByte) {
      // The first thing of the machine's own that moves bytes.
      for (size_t a = 0; a < target_.actions().size(); ++a) {
        if (a < kHostActions || target_.actions()[a].bytes.value == 0) continue;
        ctx.Charge(UnitId(kHostUnits), static_cast<ActionId>(a), 1, end, end,
                   /*concurrent=*/true);
        break;
      }
    }
    return end;
  }

 private:
  bool SpoilsInputs() const {
    return fault_ == Seeded::kWrongRounding || fault_ == Seeded::kLostTile;
  }

  Picos RunSpoiled(const StepContext& ctx) const {
    const ConstMatView<float> a = ctx.inputs[0];
    AlignedVector<float> spoiled(a.data(), a.data() + a.size());
    for (size_t i = 0; i < a.rows(); ++i) {
      const std::span<float> row(spoiled.data() + i * a.cols(), a.cols());
      if (fault_ == Seeded::kLostTile) {
        std::ranges::fill(row.last(std::min(kTile, row.size())), 0.0f);
      } else {
        Truncate(row);
      }
    }
    std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                            ctx.inputs.end());
    inputs[0] = ConstMatView<float>(spoiled.data(), a.rows(), a.cols());
    StepContext with = ctx;
    with.inputs = inputs;
    return step_->Run(with);
  }

  // To what the machine says it rounds activations to: steps of a part of the
  // row's largest, or significant bits.
  void Truncate(std::span<float> row) const {
    const Rounding rounding = target_.precision().activation;
    float largest = 0;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    for (float& x : row) {
      double step = 2 * rounding.of_max * largest;
      if (rounding.of_max == 0) {
        step = 2 * rounding.of_itself *
               std::exp2(std::floor(std::log2(std::max(std::abs(x), 1e-30f))));
      }
      if (step > 0) x = static_cast<float>(std::trunc(x / step) * step);
    }
  }

  std::unique_ptr<Step> step_;
  const Target& target_;
  Seeded fault_;
};

}  // namespace

std::string_view SeededName(Seeded fault) {
  switch (fault) {
    case Seeded::kNone:
      return "none";
    case Seeded::kWrongRounding:
      return "wrong rounding";
    case Seeded::kLostTile:
      return "lost K-tile";
    case Seeded::kExtraCycle:
      return "extra cycle";
    case Seeded::kExtraByte:
      return "extra byte";
    case Seeded::kOneBit:
      return "one bit";
  }
  return "";
}

CompileOptions WithFault(const Target& target, Seeded fault,
                         const std::string& op, int layer) {
  CompileOptions options;
  if (fault == Seeded::kNone) return options;
  options.wrap = [&target, fault, op, layer](
                     const Node& node,
                     std::unique_ptr<Step> step) -> std::unique_ptr<Step> {
    const bool here =
        NameInLayer(node) == op && (layer < 0 || node.layer == layer);
    if (!here) return step;
    return std::make_unique<FaultyStep>(std::move(step), target, fault);
  };
  return options;
}

}  // namespace triptych::gate
