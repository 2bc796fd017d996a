// SCALE-Sim's files: both forms, what our columns add, and what is refused.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "models/formats/scalesim_config.h"
#include "models/formats/scalesim_topology.h"

namespace triptych {
namespace {

constexpr std::string_view kConv =
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, "
    "Channels, Num Filter, Strides,\r\n";

TEST_CASE("a convolution is a product of its pixels, filters and window") {
  const auto layers = ParseTopology(
      std::string(kConv) + "Conv1, 230, 230, 7, 7, 3, 64, 2,\r\n\n# note\n" +
          "FC, 1, 1, 1, 1, 2048, 1000, 1\n",
      "net.csv");
  REQUIRE_MESSAGE(layers, (layers ? "" : layers.error().message));
  REQUIRE(layers->size() == 2);
  const TopologyLayer& conv = layers->front();
  CHECK(conv.name == "Conv1");
  CHECK(conv.line == 2);
  CHECK(conv.m() == 112 * 112);
  CHECK(conv.n() == 64);
  CHECK(conv.k() == 147);
  CHECK(conv.weights() == 147 * 64);
  CHECK(layers->back().line == 5);
  CHECK(layers->back().m() == 1);
}

TEST_CASE("a product by M, N, K") {
  const auto layers =
      ParseTopology("Layer, M, N, K,\nqk, 128, 768, 64,\n", "net.csv");
  REQUIRE_MESSAGE(layers, (layers ? "" : layers.error().message));
  REQUIRE(layers->size() == 1);
  CHECK(layers->front().m() == 128);
  CHECK(layers->front().n() == 768);
  CHECK(layers->front().k() == 64);
}

TEST_CASE("padding, groups and kind by name") {
  const auto layers = ParseTopology(
      "layer,h,w,r,s,c,n,stride,padding,groups,kind\n"
      "dw,56,56,3,3,32,32,2,1,32,conv\n"
      "out,28,28,1,1,32,16,1,0,1,conv+add\n"
      "max,28,28,2,2,16,16,2,0,16,pool\n",
      "net.csv");
  REQUIRE_MESSAGE(layers, (layers ? "" : layers.error().message));
  REQUIRE(layers->size() == 3);
  CHECK((*layers)[0].out_height() == 28);
  CHECK((*layers)[0].k() == 9);
  CHECK((*layers)[0].n() == 1);
  CHECK((*layers)[0].macs() == 28 * 28 * 9 * 32);
  CHECK((*layers)[1].kind == LayerKind::kConvAdd);
  CHECK((*layers)[2].macs() == 0);
  CHECK((*layers)[2].weights() == 0);
}

TEST_CASE("what a topology gets wrong is said with its line and column") {
  const auto refused = [](const std::string& text, std::string_view says) {
    const auto layers = ParseTopology(text, "net.csv");
    REQUIRE_FALSE(layers);
    CAPTURE(layers.error().message);
    CHECK(layers.error().message.starts_with("net.csv:"));
    CHECK(layers.error().message.find(says) != std::string::npos);
  };
  const std::string conv(kConv);
  refused("", "net.csv:0: file: no layer");
  refused("a,b,c\n", "net.csv:1: header: 3 columns");
  refused(conv, "no layer");
  refused(conv + "x,1,1,1,1,1,1\n", "net.csv:2: line: 7 fields; allowed 8");
  refused(conv + "x,1,1,1,1,1,1,0\n", ":2: stride: \"0\" is not allowed");
  refused(conv + "x,1,1,1,1,1,1,1.5\n", ":2: stride: \"1.5\"");
  refused(conv + "x,1,1,1,1,1e3,1,1\n", ":2: channels: \"1e3\"");
  refused(conv + "x,1000001,1,1,1,1,1,1\n", "ifmap height");
  refused(conv + "x,2,2,3,3,1,1,1\n", "3x3 does not fit the input of 2x2");
  refused(conv + "x,1000000,1000000,1,1,1000000,1000000,1\n", "too large");
  refused("l,a,b,c,d,e,f,g,colour\nx,1,1,1,1,1,1,1,red\n",
          ":1: header: \"colour\" is not allowed");
  refused("l,a,b,c,d,e,f,g,groups\nx,1,1,1,1,4,6,1,4\n",
          ":2: groups: 4 does not divide");
  refused("l,a,b,c,d,e,f,g,kind\nx,1,1,1,1,4,6,1,dense\n",
          ":2: kind: \"dense\" is not allowed");
  refused("Layer,M,N,K,groups\nx,1,1,1,1\n", "\"groups\" is not allowed");
  CHECK(LoadTopology("/nowhere.csv").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a configuration, whichever way its lines are written") {
  const auto config = ParseScaleSimConfig(
      "[general]\nrun_name = mine\n\n; old\n[architecture_presets]\n"
      "ArrayHeight:    16\r\narraywidth=8\nIfmapSramSzkB: 32\n"
      "IfmapOffset: 0\nDataflow : OS\nBandwidth: 7\n[run_presets]\n"
      "InterfaceBandwidth: USER\n",
      "a.cfg");
  REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
  CHECK(config->run_name == "mine");
  CHECK(config->array_height == 16);
  CHECK(config->array_width == 8);
  CHECK(config->ifmap_sram_kb == 32);
  CHECK(config->dataflow == "os");
  CHECK(config->fixed_bandwidth);
  CHECK(config->words_per_cycle == 7);
}

TEST_CASE("what a configuration gets wrong is said with its line and key") {
  const auto complaint = [](std::string_view text) {
    const auto config = ParseScaleSimConfig(text, "a.cfg");
    REQUIRE_FALSE(config);
    return config.error().message;
  };
  CHECK(complaint("ArrayHeight: 0\n")
            .starts_with("a.cfg:1: ArrayHeight: \"0\" is not allowed"));
  CHECK(complaint("\nBandwidth: 2.5\n").starts_with("a.cfg:2: Bandwidth"));
  CHECK(complaint("Dataflow: rs\n").find("allowed ws, os, is") !=
        std::string::npos);
  CHECK(complaint("InterfaceBandwidth: some\n").find("allowed USER, CALC") !=
        std::string::npos);
  CHECK(complaint("hello\n").starts_with("a.cfg:1: \"hello\""));
}

}  // namespace
}  // namespace triptych
