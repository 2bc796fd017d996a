// What emulating an optical product costs beside computing it: the same
// shape through the levels of fidelity, our f32 product and our int8 product,
// in turns, on one thread.
//
//   bench/optical_bench [VECTORS] [OUTPUTS] [INPUTS] [NAME]
//
// NAME: only the emulations whose name it is a part of.
//
// Each emulated side is a target's step: scaling of the inputs, light,
// product, noise, conversion, charges. Weights are packed before and memory
// for the outputs is there, on all sides. A ratio is of the best times; the
// interval is that of the rounds.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/interleave.h"
#include "bench/statistics.h"
#include "emulators/optical/periphery.h"
#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "kernels/matmul/matmul.h"
#include "kernels/roofline/roofline.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych::bench {
namespace {

struct Shape {
  int64_t m, n, k;
};

// One product on one emulated machine, ready to run.
class Emulated {
 public:
  Emulated(const Shape& shape, const std::vector<std::string>& set)
      : m_(shape.m) {
    GraphBuilder builder("product");
    const ValueId x = builder.Input("x", {kTokenRows, shape.k});
    const ValueId w = builder.Weight("w", shape.n, shape.k);
    const ValueId y = builder.Add("matmul", "y", std::vector<ValueId>{x, w});
    builder.AddEntry(Phase::kEncode, 0, y);
    graph_ = std::make_unique<Graph>(std::move(*builder.Finish()));
    weights_ = std::make_unique<Weights>(Weights::Random(*graph_, 3));
    auto target = MakeTarget("optical", set);
    TRIPTYCH_CHECK(target.has_value(), target.error().message);
    target_ = std::move(*target);
    const Node& node = graph_->nodes().front();
    auto step = target_->Lower(*graph_, node, weights_.get());
    TRIPTYCH_CHECK(step.has_value(), step.error().message);
    step_ = std::move(*step);
    in_.resize(static_cast<size_t>(m_ * shape.k));
    out_.resize(static_cast<size_t>(m_ * shape.n));
    Rng rng(17);
    for (float& value : in_) value = static_cast<float>(rng.Normal());
    n_ = shape.n;
    k_ = shape.k;
  }
  void Run() {
    Ledger ledger(Ledger::Mode::kFold);
    const Binding binding{.tokens = m_};
    const auto rows = static_cast<size_t>(m_);
    const ConstMatView<float> inputs[] = {
        {in_.data(), rows, static_cast<size_t>(k_)}, {}};
    step_->Run({.graph = *graph_,
                .node = graph_->nodes().front(),
                .binding = binding,
                .phase = Phase::kEncode,
                .inputs = inputs,
                .output = {out_.data(), rows, static_cast<size_t>(n_)},
                .seed = 1,
                .begin = Picos(0),
                .ledger = ledger});
  }

 private:
  int64_t m_, n_ = 0, k_ = 0;
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<Step> step_;
  AlignedVector<float> in_, out_;
};

// Our own products on the same shape.
struct Plain {
  explicit Plain(const Shape& shape)
      : m(static_cast<size_t>(shape.m)),
        n(static_cast<size_t>(shape.n)),
        k(static_cast<size_t>(shape.k)),
        a(m * k),
        c(m * n),
        bytes(m * k),
        sums(m * n) {
    AlignedVector<float> w(n * k);
    AlignedVector<int8_t> w8(n * k);
    Rng rng(5);
    for (size_t i = 0; i < w.size(); ++i) {
      w8[i] = static_cast<int8_t>(rng.Next());
      w[i] = w8[i];
    }
    for (size_t i = 0; i < a.size(); ++i) {
      bytes[i] = static_cast<uint8_t>(rng.Next());
      a[i] = bytes[i];
    }
    f32 = Pack(StridedView<float>(MatView<float>(w.data(), n, k)), DType::kF32);
    i8 = Pack(StridedView<int8_t>(MatView<int8_t>(w8.data(), n, k)));
  }
  void F32() {
    Matmul(StridedView<float>(MatView<float>(a.data(), m, k)), f32,
           {c.data(), m, n});
  }
  void I8() {
    MatmulI8(StridedView<uint8_t>(MatView<uint8_t>(bytes.data(), m, k)), i8,
             {sums.data(), m, n});
  }
  size_t m, n, k;
  AlignedVector<float> a, c;
  AlignedVector<uint8_t> bytes;
  AlignedVector<int32_t> sums;
  PackedWeights f32, i8;
};

struct Emulation {
  std::string name;
  std::vector<std::string> set;
};

// Offset inputs are one pass. Elements of DACs that are exact make levels of
// one byte, mismatched ones of two; those of ADCs are mismatched throughout.
std::vector<Emulation> Emulations() {
  const auto with = [](std::vector<std::string> more) {
    std::vector<std::string> set = {"vector.encoding=offset", "cores=1",
                                    "plane.rails=complementary",
                                    "dac.unit_sigma=0"};
    set.insert(set.end(), more.begin(), more.end());
    return set;
  };
  return {
      {"L0", with({"fidelity=L0"})},
      {"L1", with({"fidelity=L1"})},
      {"L2", with({})},
      {"L2, DAC elements mismatched", with({"dac.unit_sigma=0.005"})},
      {"L2, split rails, light of each output",
       with({"plane.rails=split", "noise.light=output"})},
      {"L2, two passes", with({"vector.encoding=two_pass"})},
      {"L2, weights of 9 bits (f32)", with({"plane.weight_bits=9"})},
  };
}

// Samples a second of the SAR model alone, converting from the cache.
double SarRate(double* seconds_of) {
  optical::Params params;
  params.plane_cols = 2048;
  params.plane_rows = 64;
  params.adc_unit_sigma = 0.005;
  const optical::Converters converters(params);
  optical::Adcs adcs(converters);
  std::vector<int32_t> levels(2048);
  std::vector<uint16_t> codes(2048);
  Rng rng(9);
  for (int32_t& level : levels) {
    level = static_cast<int32_t>(rng.Below(1024 * 256));
  }
  const Side side = [&] { adcs.Convert(0, levels, codes); };
  const auto times = Interleave(std::span(&side, 1), {});
  *seconds_of = Best(times[0]);
  return 2048 / *seconds_of;
}

int Run(const Shape& shape, const std::string& name) {
  Plain plain(shape);
  std::vector<Emulation> emulations = Emulations();
  std::erase_if(emulations, [&](const Emulation& emulation) {
    return emulation.name.find(name) == std::string::npos;
  });
  std::vector<std::unique_ptr<Emulated>> machines;
  std::vector<Side> sides = {[&] { plain.F32(); }, [&] { plain.I8(); }};
  for (const Emulation& emulation : emulations) {
    machines.push_back(std::make_unique<Emulated>(shape, emulation.set));
    sides.push_back([machine = machines.back().get()] { machine->Run(); });
  }
  const auto times = Interleave(sides, {});
  const double flops = 2.0 * static_cast<double>(shape.m * shape.n * shape.k);
  fmt::print("{} x {} x {} (vectors, outputs, inputs), {}, one thread\n",
             shape.m, shape.n, shape.k, SimdTargetName());
  fmt::print("{:40} {:>9} {:>9} {:>9} {:>17} {:>9} {:>17}\n", "", "ms", "GOP/s",
             "/ f32", "95 % interval", "/ int8", "95 % interval");
  const auto row = [&](const std::string& of, size_t side) {
    const double best = Best(times[side]);
    const Ratio f32 = RatioOf(times[0], times[side], 1);
    const Ratio i8 = RatioOf(times[1], times[side], 1);
    fmt::print(
        "{:40} {:9.3f} {:9.1f} {:9.3f} {:8.3f} {:8.3f} {:9.3f} {:8.3f} "
        "{:8.3f}\n",
        of, best * 1e3, flops / best * 1e-9, f32.of_best, f32.low, f32.high,
        i8.of_best, i8.low, i8.high);
  };
  row("our f32 product", 0);
  row("our int8 product", 1);
  for (size_t i = 0; i < emulations.size(); ++i) {
    row("optical " + emulations[i].name, i + 2);
  }
  double seconds;
  const double rate = SarRate(&seconds);
  fmt::print("SAR model, 10 bits, mismatched: {:.0f} Msample/s\n", rate * 1e-6);
  return 0;
}

}  // namespace
}  // namespace triptych::bench

int main(int argc, char** argv) {
  const auto arg = [&](int i, int fallback) {
    return argc > i ? std::atoi(argv[i]) : fallback;
  };
  const triptych::bench::Shape shape = {arg(1, 240), arg(2, 2048),
                                        arg(3, 1024)};
  if (shape.m < 1 || shape.n < 1 || shape.k < 1) {
    fmt::print(stderr,
               "optical_bench: error: arguments are [VECTORS] [OUTPUTS] "
               "[INPUTS], each at least 1, and [NAME]\n");
    return 2;
  }
  return triptych::bench::Run(shape, argc > 4 ? argv[4] : "");
}
