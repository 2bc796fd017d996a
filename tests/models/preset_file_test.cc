// The file format of the presets, and that every preset says enough.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "models/presets/presets.h"

namespace triptych {
namespace {

const std::string kGood = R"([a]  # comment
source = "a # inside a string"
family = "wan"
layers = 2
dim = 8
heads = 2
kv_heads = 1
head_dim = 4
norm_eps = 1e-6
qk_norm = "all_heads"
tied_head = true
rope.axes = [ 2, 1,1 ]
rope.scaling.kind = "yarn"
parameters = 671026419200
)";

TEST_CASE("A preset sets what it names and leaves the rest") {
  const auto presets = ParsePresets(
      kGood + "\n" + kGood.substr(0, 1) + "b" + kGood.substr(2), "f.toml");
  REQUIRE(presets);
  REQUIRE(presets->size() == 2);
  const ModelPreset& a = presets->front();
  CHECK(presets->back().config.name == "b");
  CHECK(a.source == "a # inside a string");
  CHECK(a.parameters == 671026419200);
  CHECK(a.config.name == "a");
  CHECK(a.config.family == Family::kWan);
  CHECK(a.config.architecture == "wan");
  CHECK(a.config.layers == 2);
  CHECK(a.config.norm_eps == 1e-6);
  CHECK(a.config.qk_norm == QkNorm::kAllHeads);
  CHECK(a.config.tied_head);
  CHECK(a.config.rope.axes == std::array<int64_t, 3>{2, 1, 1});
  CHECK(a.config.rope.scaling.kind == RopeScalingKind::kYarn);
  CHECK(a.config.ffn == 0);
  CHECK(a.config.rope.theta == 10000);
}

TEST_CASE("Mistakes in a preset file are located") {
  const auto says = [](const std::string& more, std::string_view what) {
    const auto presets = ParsePresets(kGood + more, "f.toml");
    const std::string complaint = presets ? "" : presets.error().message;
    CAPTURE(complaint);
    CHECK(complaint.starts_with(what));
  };
  says("layerz = 2", "f.toml:15: layerz: no such key");
  says("layers = 2", "f.toml:15: layers: appears twice");
  says("ffn = -1", "f.toml:15: ffn: -1: must be an integer in 0..");
  says("ffn = 1.5", "f.toml:15: ffn: 1.5: must be an integer");
  says("ffn =", "f.toml:15: ffn: : must be an integer");
  says("rope.theta = 0", "f.toml:15: rope.theta: 0: must be a positive number");
  says("rope.theta = nan", "f.toml:15: rope.theta: nan: must be a positive");
  says("pooler = yes", "f.toml:15: pooler: yes: must be true or false");
  says("norm = \"group\"",
       "f.toml:15: norm: \"group\": must be one of \"rms\", \"layer\"");
  says("diffusion.vae_stride = [1, 2]",
       "f.toml:15: diffusion.vae_stride: [1, 2]: must be three sizes");
  says("hello", "f.toml:15: must be [name] or key = value");
  says("[a]", "f.toml:15: a: appears twice");
  says("[b]", "f.toml:15: b: layers: must be 1 or more");
  CHECK(ParsePresets("dim = 1", "f").error().message ==
        "f:1: dim: must stand in a table, below a [name]");
}

TEST_CASE("The presets compiled in are whole") {
  CHECK(ModelPresets().size() == 28);
  for (const ModelPreset& preset : ModelPresets()) {
    const ModelConfig& c = preset.config;
    CAPTURE(c.name);
    CHECK(PresetByName(c.name)->layers == c.layers);
    const bool text = c.patch.tokens() == 0;
    CHECK((c.vocab > 0) == text);
    CHECK((c.context > 0) == (c.family != Family::kWan));
    if (c.positions == Positions::kRope) {
      CHECK(c.rope.dim > 0);
      CHECK(c.rope.dim % 2 == 0);
    }
    if (c.class_token) CHECK(c.context == c.patch.tokens() + 1);
  }
  CHECK(PresetByName("wan2.2-t2v-a14b")->patch.tokens() == 75600);
  const auto unknown = PresetByName("gpt-5");
  CHECK(unknown.error().code == ErrorCode::kNotFound);
  CHECK(unknown.error().message.find("llama-3.2-1b, ") != std::string::npos);
}

}  // namespace
}  // namespace triptych
