// The emulator with its converters inside whole peripheries: by model, by RTL
// and over a socket. The same values as without, and the same for all three
// where calibration makes them others.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/weights.h"
#include "tests/emulators/optical/hil_peers.h"
#include "tests/emulators/optical/product.h"

namespace triptych {
namespace {

const Overrides kImperfect = {
    "plane.rows=128",      "plane.cols=64",       "cores=2",
    "dac.unit_sigma=0.05", "adc.unit_sigma=0.05", "plane.copies=1"};

TEST_CASE("Whole peripheries give the fast path's values, by all three ways") {
  const Product product(150, 300, true);
  const optical::hil::SocketPath path;
  const optical::hil::ServerThread server(path.address());
  const std::string socket = "periphery=socket:" + server.address().Text();
  for (const Overrides& variant : std::vector<Overrides>{
           {},
           {"vector.encoding=offset", "dac.dem=rotate", "hil.rtl=slices:0"},
           {"dac.dem=random", "dac.correct=true", "hil.rtl=tiles:1-4"},
           {"dac.bits=10", "adc.bits=6", "adc.full_scale=row_max"},
           {"adc.clip_sigma=1", "hil.bit_errors=0.005"},
           {"adc.bits=0", "dac.bits=0"},
       }) {
    const Overrides set = kImperfect + variant;
    const std::vector<float> fast = product.Run(*Make(set), 6);
    for (const std::string& periphery :
         {std::string("periphery=top_model"), std::string("periphery=top_rtl"),
          socket}) {
      CAPTURE(periphery);
      CHECK(product.Run(*Make(set + Overrides{periphery}), 6) == fast);
    }
  }
}

TEST_CASE(
    "Calibrated and in pairs: model, RTL and socket agree, 1 and 2 "
    "threads too") {
  const Product product(100, 128, false);
  const optical::hil::SocketPath path;
  const optical::hil::ServerThread server(path.address(), "all");
  const Overrides set =
      kImperfect + Overrides{"hil.calibrate_every=15", "hil.pairs=true",
                             "hil.track=2", "hil.bit_errors=0.002"};
  const std::vector<float> model =
      product.Run(*Make(set + Overrides{"periphery=top_model"}), 20);
  CHECK(model == product.Run(*Make(set + Overrides{"periphery=top_model"}), 20,
                             /*threads=*/2));
  CHECK(model ==
        product.Run(*Make(set + Overrides{"periphery=top_rtl"}), 20, 2));
  CHECK(model == product.Run(*Make(set + Overrides{"periphery=socket:" +
                                                   server.address().Text()}),
                             20));
  CHECK(model != product.Run(*Make(set), 20));  // not calibrated
}

TEST_CASE("A peer that dies in a run: the node, the peer and what was lost") {
  const Product product(100, 128, false);
  const optical::hil::SocketPath here, there;
  const optical::hil::ServerThread server(there.address());
  const optical::hil::Proxy proxy(here.address(), server.address(),
                                  {.breaks_after = 20});
  const auto target =
      Make(kImperfect + Overrides{"periphery=socket:" + here.address().Text()});
  Ledger ledger;
  std::vector<float> out;
  const Status status = product.TryRun(*target, 50, ledger, 1, 5, &out);
  REQUIRE(!status.has_value());
  const std::string& message = status.error().message;
  CAPTURE(message);
  CHECK(message.starts_with("optical: product: node y: unix:"));
  CHECK(message.find("tile 0, sources 0 to 127, vector 17: the peer is gone; "
                     "20 requests were answered before") != std::string::npos);
}

// ---- The default model ----

struct DefaultModel {
  explicit DefaultModel(bool* here) {
    const std::string path = "models/default/triptych-stories.gguf";
    *here = std::filesystem::exists(path);
    if (!*here) {
      MESSAGE("skipped: ", path, " is not here");
      return;
    }
    file = LoadModel(path, "");
    REQUIRE_MESSAGE(file.has_value(), file.error().message);
    graph = *BuildGraph(file->config, {.all_logits = true});
    weights = *Weights::Bind(graph, *file);
  }
  // Logits of `prompt` tokens, then of `decoded` one by one. `on_host`: as in
  // CompileOptions.
  std::vector<float> Logits(const std::string& periphery, int prompt,
                            int decoded, std::vector<bool> on_host = {}) {
    const auto target = Make({periphery});
    const auto program =
        target->Compile(graph, &*weights, {.on_host = std::move(on_host)});
    REQUIRE(program.has_value());
    Session session(graph, **program,
                    {.capacity = prompt + decoded, .seed = 1});
    std::vector<int32_t> tokens{1};
    while (std::ssize(tokens) < prompt) {
      tokens.push_back(20 + 7 * (static_cast<int32_t>(tokens.size()) % 40));
    }
    std::vector<float> all;
    const auto keep = [&](const Result<ConstMatView<float>>& result) {
      REQUIRE_MESSAGE(result.has_value(), result.error().message);
      all.insert(all.end(), result->data(), result->data() + result->size());
    };
    keep(session.Prefill(tokens));
    for (int i = 0; i < decoded; ++i) keep(session.Decode(90 + i));
    return all;
  }
  // All nodes but the first product with weights.
  std::vector<bool> AllButOne() const {
    std::vector<bool> on_host(graph.nodes().size(), true);
    const auto first = std::ranges::find_if(
        graph.nodes(),
        [](const Node& node) { return node.op->name == "matmul"; });
    REQUIRE(first != graph.nodes().end());
    on_host[first->id] = false;
    return on_host;
  }

  Result<ModelFile> file = std::unexpected(Error{});
  Graph graph;
  std::optional<Weights> weights;
};

TEST_CASE("Default model, a tile, 64 vectors: RTL == model == fast path") {
  bool here = false;
  DefaultModel model(&here);
  if (!here) return;
  const std::vector<bool> one = model.AllButOne();
  const std::vector<float> fast = model.Logits("periphery=fast", 64, 0, one);
  CHECK(fast == model.Logits("periphery=top_model", 64, 0, one));
  CHECK(fast == model.Logits("periphery=top_rtl", 64, 0, one));
}

TEST_CASE("Default model over a socket: the fast path's logits") {
  bool here = false;
  DefaultModel model(&here);
  if (!here) return;
  const optical::hil::SocketPath path;
  const optical::hil::ServerThread server(path.address());
  CHECK(model.Logits("periphery=fast", 2, 1) ==
        model.Logits("periphery=socket:" + path.address().Text(), 2, 1));
}

TEST_CASE("slow: Default model, whole network on RTL") {
  bool here = false;
  DefaultModel model(&here);
  if (!here) return;
  const std::vector<float> fast = model.Logits("periphery=fast", 64, 4);
  CHECK(fast == model.Logits("periphery=top_model", 64, 4));
  CHECK(fast == model.Logits("periphery=top_rtl", 64, 4));
}

}  // namespace
}  // namespace triptych
