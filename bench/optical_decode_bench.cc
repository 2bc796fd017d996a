// Tokens a second of whole models, decoded one by one: the optical emulator
// with all of its noise beside the host's own int8 products. Weights are
// seeded; both get the same.
//
//   bench/optical_decode_bench [MODEL] [TOKENS] [THREADS] [KEY=VALUE ...]
//
// KEY=VALUE are parameters of the optical target. The best token counts, on
// both sides; they take turns, so that what disturbs the machine disturbs
// both.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "kernels/base/check.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/presets/presets.h"

namespace triptych::bench {
namespace {

using Clock = std::chrono::steady_clock;

// One model on one target, with a prompt behind it.
class Decoder {
 public:
  Decoder(const Graph& graph, const Weights& weights, const std::string& spec,
          const std::vector<std::string>& set, int64_t capacity, int threads) {
    auto target = MakeTarget(spec, set);
    TRIPTYCH_CHECK(target.has_value(), target.error().message);
    target_ = std::move(*target);
    auto program = target_->Compile(graph, &weights);
    TRIPTYCH_CHECK(program.has_value(), program.error().message);
    program_ = std::move(*program);
    session_ = std::make_unique<Session>(
        graph, *program_,
        SessionOptions{.capacity = capacity, .seed = 1, .threads = threads});
    const std::vector<int32_t> prompt{1, 2, 3, 4, 5, 6, 7, 8};
    const auto logits = session_->Prefill(prompt);
    TRIPTYCH_CHECK(logits.has_value(), logits.error().message);
  }
  double SecondsOfToken() {
    const Clock::time_point begin = Clock::now();
    const auto logits = session_->Decode(9);
    TRIPTYCH_CHECK(logits.has_value(), logits.error().message);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  std::unique_ptr<Target> target_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Session> session_;
};

int Run(const std::string& model, int tokens, int threads,
        const std::vector<std::string>& set) {
  const auto config = PresetByName(model);
  if (!config.has_value()) {
    fmt::print(stderr, "optical_decode_bench: error: {}\n",
               config.error().message);
    return 2;
  }
  const auto graph = BuildGraph(*config);
  TRIPTYCH_CHECK(graph.has_value(), graph.error().message);
  const Weights weights = Weights::Random(*graph, 1);
  const int64_t capacity = tokens + 8;
  Decoder host(*graph, weights, "cpu:host-int8", {}, capacity, threads);
  Decoder light(*graph, weights, "optical", set, capacity, threads);
  double best_host = 1e30, best_light = 1e30;
  for (int i = 0; i < tokens; ++i) {
    best_host = std::min(best_host, host.SecondsOfToken());
    best_light = std::min(best_light, light.SecondsOfToken());
  }
  fmt::print(
      "{}, {} thread(s), {} tokens each\n"
      "cpu:host-int8 {:8.2f} tokens/s\n"
      "optical       {:8.2f} tokens/s, {:.1f} % of it\n",
      model, threads, tokens, 1 / best_host, 1 / best_light,
      100 * best_host / best_light);
  return 0;
}

}  // namespace
}  // namespace triptych::bench

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : "llama-3.2-1b";
  const int tokens = argc > 2 ? std::atoi(argv[2]) : 12;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  if (tokens < 1 || threads < 1) {
    fmt::print(stderr,
               "optical_decode_bench: error: arguments are [MODEL] [TOKENS] "
               "[THREADS] [KEY=VALUE ...]\n");
    return 2;
  }
  std::vector<std::string> set;
  for (int i = 4; i < argc; ++i) set.emplace_back(argv[i]);
  return triptych::bench::Run(model, tokens, threads, set);
}
