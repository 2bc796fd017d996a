// The whole forward pass of a Llama-3.2-1B shape, with seeded weights in
// codes: prefill of a prompt, then decoding, against the roof.
//
//   bench/forward_bench [int8|int8_g32|int4_g32] [THREADS] [PROMPT]
//
// Best of some calls; embeddings are random rows, logits are computed for the
// last token. Elements of every product of one step are checked against their
// sums in f64 first; a wrong one makes the exit status 1.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>

#include "bench/forward.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"
#include "kernels/roofline/roofline.h"

namespace triptych::bench {
namespace {

using Clock = std::chrono::steady_clock;

const std::map<std::string, CodeFormat> kFormats = {
    {"int8", {8, CodeFormat::kWholeRow}},
    {"int8_g32", {8, 32}},
    {"int4_g32", {4, 32}}};

AlignedVector<float> Embeddings(size_t tokens, size_t width, uint64_t seed) {
  AlignedVector<float> x(tokens * width);
  Rng rng(seed);
  for (float& value : x) value = static_cast<float>(rng.Normal());
  return x;
}

double SecondsOf(Forward& model, size_t tokens, size_t width, uint64_t seed,
                 int threads) {
  AlignedVector<float> x = Embeddings(tokens, width, seed);
  const Clock::time_point begin = Clock::now();
  model.Step({x.data(), tokens, width}, threads);
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int Run(const std::string& name, int threads, size_t prompt) {
  constexpr size_t kDecoded = 24, kPrefills = 3, kCheck = 3;
  const ForwardShape& shape = kLlama32Of1B;
  Forward model(shape, kFormats.at(name),
                kCheck + kPrefills * prompt + kDecoded, 1, MaxThreads());
  AlignedVector<float> x = Embeddings(kCheck, shape.width, 1);
  const Verdict verdict = model.CheckedStep({x.data(), kCheck, shape.width}, 1);
  if (!verdict.ok) {
    fmt::print(stderr, "forward_bench: {}\n", verdict.detail);
    return 1;
  }
  size_t past = kCheck;
  double prefill = 1e30, decode = 1e30;
  for (size_t i = 0; i < kPrefills; ++i, past += prompt) {
    prefill =
        std::min(prefill, SecondsOf(model, prompt, shape.width, past, threads));
  }
  const auto probe = [&] { return MeasureBandwidth(1u << 30, threads).value; };
  const double before = probe();
  for (size_t i = 0; i < kDecoded; ++i, ++past) {
    decode = std::min(decode, SecondsOf(model, 1, shape.width, past, threads));
  }
  const double memory = std::max(before, probe());
  const double peak = MeasurePeak(DType::kI8, threads).value;
  const auto flops =
      static_cast<double>(model.ProductWork(prompt, kCheck).flops.value);
  const auto bytes =
      static_cast<double>(model.ProductWork(1, past - kDecoded).bytes.value);
  fmt::print(
      "{} on {}, {} thread(s)\n"
      "prefill {:5} tokens  {:8.1f} tokens/s  products {:6.1f} GOP/s, {:.1f} % "
      "of the int8 peak {:.1f}\n"
      "decode  at {:6}      {:8.1f} tokens/s  weights and KV {:6.1f} GB/s, "
      "{:.1f} % of the memory probe {:.1f}\n",
      name, SimdTargetName(), threads, prompt,
      static_cast<double>(prompt) / prefill, flops / prefill * 1e-9,
      100 * flops / prefill / peak, peak * 1e-9, past - kDecoded, 1 / decode,
      bytes / decode * 1e-9, 100 * bytes / decode / memory, memory * 1e-9);
  return 0;
}

}  // namespace
}  // namespace triptych::bench

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "int4_g32";
  const int threads = argc > 2 ? std::atoi(argv[2]) : triptych::MaxThreads();
  const int prompt = argc > 3 ? std::atoi(argv[3]) : 512;
  if (!triptych::bench::kFormats.contains(name) || threads < 1 || prompt < 1) {
    fmt::print(stderr,
               "forward_bench: error: arguments are "
               "[int8|int8_g32|int4_g32] [THREADS] [PROMPT]\n");
    return 2;
  }
  return triptych::bench::Run(name, threads, static_cast<size_t>(prompt));
}
