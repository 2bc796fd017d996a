// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/matmul.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "emulators/optical/receiver.h"
#include "emulators/optical/schedule.h"
#include "kernels/base/parallel.h"

namespace triptych::optical {
namespace {

// Vectors that one thread takes at a time: few enough to share the work of a
// short prompt, enough to amortise a product's packing.
constexpr size_t kChunk = 16;

// How inputs become brightness.
struct Encoding {
  bool two_pass;
  int bits;
  float steps;  // of an input of 1

  explicit Encoding(const Params& p)
      : two_pass(p.two_pass()),
        bits(static_cast<int>(p.dac_bits)),
        steps(bits == 0 ? 1.0f
                        : static_cast<float>(
                              (1 << (two_pass ? bits : bits - 1)) - 1)) {}
  // The code of input 0; offset encoding only.
  int middle() const { return two_pass || bits == 0 ? 0 : 1 << (bits - 1); }
};

// One pass over one tile for some vectors: levels [m, k] in steps, and the
// sums that the noise and the full scale depend on.
struct Light {
  AlignedVector<float> levels;
  std::vector<double> sum_x, sum_x2, sum_a2;  // by vector, a and x in 0..1
};

class MatmulStep : public Step {
 public:
  MatmulStep(std::shared_ptr<const Machine> machine, const Node& node,
             std::vector<Tile> tiles, const Weights* weights)
      : machine_(std::move(machine)),
        p_(machine_->params),
        encoding_(p_),
        tiles_(std::move(tiles)) {
    if (weights == nullptr) return;
    for (const Tile& tile : tiles_) {
      budgets_.push_back(MakeNoiseBudget(p_, tile.copies));
    }
    weights_ = machine_->planes.Get(*weights, node.inputs[1], [&] {
      return MakePlaneWeights(weights->Rows(node.inputs[1]), p_, tiles_,
                              MaxThreads());
    });
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) {
      if (Status status = Compute(ctx); !status) {
        ctx.Fail(std::move(status).error());
      }
    }
    const bool bias = ctx.node.inputs.size() == 3;
    const int64_t vectors =
        ctx.graph.value(ctx.node.output).shape.rows.Bind(ctx.binding);
    return ChargeTiles(*machine_, tiles_, vectors, bias, ctx);
  }

 private:
  // Errors: a boundary that is gone (Converters).
  Status Compute(const StepContext& ctx) const {
    const Converters& converters = machine_->converters();
    const auto held = converters.Hold();
    const ConstMatView<float> a = ctx.inputs[0];
    const std::vector<float> scale = RowScales(a);
    for (size_t i = 0; i < ctx.output.rows(); ++i) {
      std::ranges::fill(ctx.output.row_span(i), 0.0f);
    }
    const std::array<uint32_t, 2> run = MakeRunKey(ctx.seed, ctx.position);
    for (size_t t = 0; t < tiles_.size(); ++t) {
      for (int pass = 0; pass < p_.passes(); ++pass) {
        TRIPTYCH_ASSIGN(const Light light, Shine(t, a, scale, pass));
        const NoiseKey key{run, ctx.node.id,
                           static_cast<uint32_t>(2 * t + pass), 0};
        const size_t chunks = CeilDiv(a.rows(), kChunk);
        // A whole periphery remembers: vectors go through it in order.
        Adcs in_order(converters, t);
        const int threads = converters.whole ? 1 : ctx.threads;
        ParallelFor(chunks, threads, [&](size_t chunk) {
          const size_t first = chunk * kChunk;
          const size_t count = std::min(kChunk, a.rows() - first);
          std::optional<Adcs> own;
          if (!converters.whole) own.emplace(converters, t);
          Receive(t, pass, light, first, count, key, own ? *own : in_order,
                  ctx.output);
        });
        TRIPTYCH_TRY(in_order.status());
      }
    }
    Finish(scale, ctx.output);
    return {};
  }

  // The largest of each row: what input 1 stands for.
  static std::vector<float> RowScales(ConstMatView<float> a) {
    std::vector<float> scale(a.rows());
    for (size_t i = 0; i < a.rows(); ++i) {
      for (const float v : a.row_span(i)) {
        scale[i] = std::max(scale[i], std::abs(v));
      }
    }
    return scale;
  }

  // Input vectors to light. In order, for rotating elements remember.
  Result<Light> Shine(size_t t, ConstMatView<float> a,
                      std::span<const float> scale, int pass) const {
    const Tile& tile = tiles_[t];
    const auto k = static_cast<size_t>(tile.k);
    const auto copies = static_cast<size_t>(tile.copies);
    Light light;
    light.levels.resize(a.rows() * k);
    Dacs dacs(machine_->converters(), tile.row, tile.rows(), t);
    std::vector<uint16_t> codes(copies * k);
    std::vector<float> levels(copies * k);
    for (size_t i = 0; i < a.rows(); ++i) {
      const std::span<float> row(light.levels.data() + i * k, k);
      const float to_steps = scale[i] > 0 ? encoding_.steps / scale[i] : 0;
      const std::span<const float> in =
          a.row_span(i).subspan(static_cast<size_t>(tile.k0), k);
      for (size_t j = 0; j < k; ++j) {
        const float steps = in[j] * to_steps;
        row[j] = encoding_.two_pass ? std::max(pass == 0 ? steps : -steps, 0.0f)
                                    : steps;
      }
      if (encoding_.bits > 0) Convert(dacs, copies, codes, levels, row);
      Sum(row, light);
    }
    TRIPTYCH_TRY(dacs.status());
    return light;
  }

  // Steps to codes to levels, the mean of the copies, back in steps.
  void Convert(Dacs& dacs, size_t copies, std::span<uint16_t> codes,
               std::span<float> levels, std::span<float> row) const {
    const int middle = encoding_.middle();
    for (size_t j = 0; j < row.size(); ++j) {
      const auto code = static_cast<uint16_t>(std::lrintf(row[j]) + middle);
      for (size_t c = 0; c < copies; ++c) codes[c * row.size() + j] = code;
    }
    dacs.Convert(codes, levels);
    for (size_t j = 0; j < row.size(); ++j) {
      float sum = 0;
      for (size_t c = 0; c < copies; ++c) sum += levels[c * row.size() + j];
      row[j] = sum / static_cast<float>(copies) - static_cast<float>(middle);
    }
  }

  void Sum(std::span<const float> row, Light& light) const {
    double sum_x = 0, sum_x2 = 0, sum_a2 = 0;
    for (const float steps : row) {
      const double a = steps / encoding_.steps;
      const double x = encoding_.two_pass ? a : (1 + a) / 2;
      sum_x += x;
      sum_x2 += x * x;
      sum_a2 += a * a;
    }
    light.sum_x.push_back(sum_x);
    light.sum_x2.push_back(sum_x2);
    light.sum_a2.push_back(sum_a2);
  }

  // Vectors [first, first + count) of one pass over one tile: product, noise,
  // conversion; added to the outputs in units of gain a w.
  void Receive(size_t t, int pass, const Light& light, size_t first,
               size_t count, NoiseKey key, Adcs& adcs,
               MatView<float> output) const {
    const Tile& tile = tiles_[t];
    const TileWeights& w = weights_->tiles[t];
    const auto k = static_cast<size_t>(tile.k);
    const auto n = static_cast<size_t>(tile.n);
    AlignedVector<float> sums(count * n);
    std::vector<float> sigma(n);
    Matmul(ConstMatView<float>(light.levels.data() + first * k, count, k),
           w.packed, MatView<float>(sums.data(), count, n));
    const float unit = weights_->unit / encoding_.steps;
    const float* gain = weights_->gain.data() + tile.n0;
    const float sign = pass == 0 ? 1 : -1;
    for (size_t i = 0; i < count; ++i) {
      const std::span<float> row(sums.data() + i * n, n);
      float largest = 0;
      for (size_t j = 0; j < n; ++j) {
        row[j] *= unit * gain[j];
        largest = std::max(largest, std::abs(row[j]));
      }
      Sigmas(t, light, first + i, largest, sigma);
      if (noisy()) {
        key.vector = static_cast<uint32_t>(first + i);
        AddNoise(key, sigma, row);
      }
      if (p_.adc_bits > 0) {
        adcs.Convert(tile.col, FullScale(t, light, first + i, largest), row);
      }
      float* out = output.row(first + i) + tile.n0;
      for (size_t j = 0; j < n; ++j) out[j] += sign * row[j];
    }
  }

  bool noisy() const { return p_.physical_noise || p_.output_sigma > 0; }

  // Standard deviations of one vector's outputs. Light and amplifiers are
  // noisy before the gain, the further noise comes after it.
  void Sigmas(size_t t, const Light& light, size_t i, float largest,
              std::span<float> sigma) const {
    const double extra = p_.output_sigma * largest;
    if (!p_.physical_noise) {
      std::ranges::fill(sigma, static_cast<float>(extra));
      return;
    }
    const NoiseBudget& budget = budgets_[t];
    const TileWeights& w = weights_->tiles[t];
    const float* gain = weights_->gain.data() + tiles_[t].n0;
    for (size_t j = 0; j < sigma.size(); ++j) {
      const double a2 = budget
                            .Variance(light.sum_x[i], light.sum_x2[i],
                                      w.mean_abs[j], w.mean_sq[j])
                            .sum();
      const double to_units = gain[j] / budget.signal_a;
      sigma[j] = static_cast<float>(
          std::sqrt(a2 * to_units * to_units + extra * extra));
    }
  }

  // What the largest code stands for, in units of gain a w.
  float FullScale(size_t t, const Light& light, size_t i, float largest) const {
    if (p_.adc_full_scale == "row_max") return largest;
    if (p_.adc_full_scale == "row_sigma") {
      return static_cast<float>(p_.adc_clip_sigma * weights_->tiles[t].rms *
                                std::sqrt(light.sum_a2[i]));
    }
    return static_cast<float>(p_.adc_fixed_fraction * weights_->largest_gain *
                              static_cast<double>(tiles_[t].k));
  }

  // From units of gain a w to numbers.
  void Finish(std::span<const float> scale, MatView<float> output) const {
    for (size_t i = 0; i < output.rows(); ++i) {
      const std::span<float> row = output.row_span(i);
      for (size_t j = 0; j < row.size(); ++j) {
        row[j] *= scale[i] * weights_->scale[j];
        if (!bias_.empty()) row[j] += bias_[j];
      }
    }
  }

  std::shared_ptr<const Machine> machine_;
  const Params& p_;
  Encoding encoding_;
  std::vector<Tile> tiles_;
  std::vector<NoiseBudget> budgets_;  // by tile
  std::shared_ptr<const PlaneWeights> weights_;
  std::span<const float> bias_;
};

}  // namespace

std::unique_ptr<Step> MakeMatmulStep(std::shared_ptr<const Machine> machine,
                                     const Node& node, std::vector<Tile> tiles,
                                     const Weights* weights) {
  return std::make_unique<MatmulStep>(std::move(machine), node,
                                      std::move(tiles), weights);
}

}  // namespace triptych::optical
