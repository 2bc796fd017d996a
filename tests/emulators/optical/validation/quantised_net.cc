// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/optical/validation/quantised_net.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/rng.h"
#include "kernels/matmul/matmul.h"

namespace triptych {
namespace {

constexpr size_t kBatch = 100;
constexpr float kMomentum = 0.9f;
// Levels: 0..15 of an activation; of a weight, half-integers to +-15.5.
constexpr float kActivationSteps = 15, kWeightSteps = 15.5f;
constexpr double kClip = 2;

struct Buffer {
  Buffer(size_t rows, size_t cols) : data(rows * cols) {
    view = MatView<float>(data.data(), rows, cols);
  }
  AlignedVector<float> data;
  MatView<float> view;
};

// To the gradient of the mean cross-entropy by the logits.
void SoftmaxGradient(std::span<const uint8_t> labels, MatView<float> logits) {
  for (size_t r = 0; r < logits.rows(); ++r) {
    const auto row = logits.row_span(r);
    const float top = *std::ranges::max_element(row);
    float sum = 0;
    for (float& v : row) sum += v = std::exp(v - top);
    for (float& v : row) v /= sum * static_cast<float>(logits.rows());
    row[labels[r]] -= 1 / static_cast<float>(logits.rows());
  }
}

}  // namespace

QuantisedNet::QuantisedNet(uint64_t seed) : seed_(seed) {
  for (size_t l = 0; l < kLayers; ++l) {
    Layer layer{kSizes[l], kSizes[l + 1], {}, {}, {}};
    const size_t size = layer.in * layer.out;
    layer.weights.resize(size);
    layer.velocity.resize(size);
    layer.rounded.resize(size);
    std::ranges::fill(layer.velocity, 0.0f);
    Rng rng(seed, l);
    const double sigma = std::sqrt(2 / static_cast<double>(layer.in));
    for (float& w : layer.weights) w = static_cast<float>(sigma * rng.Normal());
    layers_.push_back(std::move(layer));
  }
  RoundWeights();
}

// 32 levels around zero: those of a plane. What lies beyond kClip times the
// root mean square is clipped: a few large weights would leave all others in
// the dark, for the light is shared out by the largest.
void QuantisedNet::RoundWeights() {
  for (Layer& layer : layers_) {
    double squares = 0;
    for (const float w : layer.weights) squares += double{w} * w;
    const auto size = static_cast<double>(layer.weights.size());
    const auto clip = static_cast<float>(kClip * std::sqrt(squares / size));
    const float step = clip / kWeightSteps;
    for (size_t i = 0; i < layer.weights.size(); ++i) {
      const float level = std::floor(layer.weights[i] / step) + 0.5f;
      layer.rounded[i] = std::clamp(level, -kWeightSteps, kWeightSteps) * step;
    }
  }
}

void QuantisedNet::RoundActivations(std::span<float> x) {
  const float largest = *std::ranges::max_element(x);
  if (largest <= 0) return;
  const float step = largest / kActivationSteps;
  for (float& v : x) v = std::rint(v / step) * step;
}

ConstMatView<float> QuantisedNet::Weights(size_t layer) const {
  const Layer& l = layers_[layer];
  return ConstMatView<float>(l.rounded.data(), l.out, l.in);
}

void QuantisedNet::Step(ConstMatView<float> images,
                        std::span<const uint8_t> labels, float rate) {
  std::vector<Buffer> x;
  x.emplace_back(images.rows(), images.cols());
  for (size_t r = 0; r < images.rows(); ++r) {
    std::ranges::copy(images.row_span(r), x[0].view.row(r));
    RoundActivations(x[0].view.row_span(r));
  }
  for (Layer& layer : layers_) {
    Buffer y(images.rows(), layer.out);
    Matmul(x.back().view, Pack(layer.view(layer.rounded), DType::kF32), y.view);
    if (&layer != &layers_.back()) {
      for (size_t r = 0; r < y.view.rows(); ++r) {
        for (float& v : y.view.row_span(r)) v = std::max(v, 0.0f);
        RoundActivations(y.view.row_span(r));
      }
    }
    x.push_back(std::move(y));
  }
  SoftmaxGradient(labels, x.back().view);
  for (size_t l = kLayers; l-- > 0;) {
    Layer& layer = layers_[l];
    Buffer down(layer.out, layer.in);
    Matmul(Transposed(x[l + 1].view), Pack(Transposed(x[l].view), DType::kF32),
           down.view);
    if (l > 0) {
      // Before the weights change: what the layer below gets, where it was on.
      Buffer below(images.rows(), layer.in);
      Matmul(x[l + 1].view,
             Pack(Transposed(layer.view(layer.rounded)), DType::kF32),
             below.view);
      for (size_t i = 0; i < below.data.size(); ++i) {
        if (x[l].data[i] <= 0) below.data[i] = 0;
      }
      std::ranges::copy(below.data, x[l].data.begin());
    }
    for (size_t i = 0; i < layer.weights.size(); ++i) {
      layer.velocity[i] = kMomentum * layer.velocity[i] - rate * down.data[i];
      layer.weights[i] += layer.velocity[i];
    }
  }
  RoundWeights();
}

void QuantisedNet::Train(const Images& images, int epochs) {
  std::vector<size_t> order(images.count());
  std::iota(order.begin(), order.end(), size_t{0});
  Buffer batch(kBatch, Images::kPixels);
  std::vector<uint8_t> labels(kBatch);
  Rng rng(seed_, /*stream=*/99);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[rng.Below(static_cast<uint32_t>(i))]);
    }
    // Down to a tenth, a little every epoch.
    const float rate =
        0.1f * std::pow(0.1f, static_cast<float>(epoch) /
                                  static_cast<float>(std::max(1, epochs - 1)));
    for (size_t first = 0; first + kBatch <= order.size(); first += kBatch) {
      for (size_t r = 0; r < kBatch; ++r) {
        const size_t from = order[first + r];
        std::copy_n(images.pixels.begin() +
                        static_cast<ptrdiff_t>(from * Images::kPixels),
                    Images::kPixels, batch.view.row(r));
        labels[r] = images.labels[from];
      }
      Step(batch.view, labels, rate);
    }
  }
}

}  // namespace triptych
