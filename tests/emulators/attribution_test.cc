// SPDX-License-Identifier: Apache-2.0
#include "emulators/attribution.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "models/ops/op.h"
#include "tests/emulators/fake_target.h"
#include "tests/models/tiny_config.h"

namespace triptych {
namespace {

TEST_CASE("KL by operator: each alone, each left out, the costliest by layer") {
  const Graph tiny = *BuildGraph(TinyLlama(), {.all_logits = true});
  const Weights weights = Weights::Random(tiny, 7);
  auto text = *SelfSegments(tiny, weights, 1, 40, 3);
  const auto test = *AccuracyTest::Make(tiny, weights, std::move(text));
  const auto target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  size_t told = 0, of = 0;
  const auto report = Attribute(test, weights, *target, {.drill = 2},
                                [&](size_t done, size_t total) {
                                  told = done;
                                  of = total;
                                });
  REQUIRE(report);
  CHECK(told == of);

  // Every product, and nothing else: the fake does no other operator.
  std::set<std::string> names;
  for (const Attributed& a : report->operators) {
    CHECK(a.op == "matmul");
    names.insert(a.name);
  }
  CHECK(names == std::set<std::string>{"attn.q", "attn.k", "attn.v", "attn.o",
                                       "ffn.gate", "ffn.up", "ffn.down",
                                       "head"});
  CHECK(report->none.mean < 1e-3 * report->all.mean);
  double sum = 0;
  for (const Attributed& a : report->operators) {
    CHECK(a.alone.mean > report->none.mean);
    CHECK(a.alone.stderr_of_mean > 0);
    sum += a.alone.mean;
  }
  // Independent errors: KL is quadratic, so it adds up, roughly.
  CHECK(sum > 0.3 * report->all.mean);
  CHECK(sum < 3 * report->all.mean);
  CHECK(
      std::ranges::is_sorted(report->operators, std::greater<>(),
                             [](const Attributed& a) { return a.alone.mean; }));
  // Those of the first two that are in layers, layer by layer.
  for (const Attributed& a : report->layers) {
    CHECK(a.layer >= 0);
    CHECK(a.name.starts_with("layers."));
    CHECK(a.nodes == 1);
  }
  CHECK((report->layers.size() == 2 || report->layers.size() == 4));
}

TEST_CASE("nodes sent to the host cost what the host costs, transfers too") {
  const Graph tiny = *BuildGraph(TinyLlama());
  const auto target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  const auto run = [&](const CompileOptions& options) {
    const auto program = *target->Compile(tiny, nullptr, options);
    Ledger ledger(Ledger::Mode::kFold);
    REQUIRE(program->Run({.phase = Phase::kPrefill, .binding = {1, 8, 0}},
                         nullptr, ledger));
    uint64_t host_flops = 0, array_flops = 0, link_bytes = 0;
    for (const auto& [key, row] : ledger.rows()) {
      const auto [node, unit, action] = key;
      if (action == kHostMatrixFlop) host_flops += row.count;
      if (action == kLinkByte) link_bytes += row.count;
      if (unit == kFakeArray) array_flops += row.count;
    }
    return std::vector<uint64_t>{host_flops, array_flops, link_bytes};
  };
  const auto usual = run({});
  const std::vector<bool> all(tiny.nodes().size(), true);
  const auto hosted = run({.on_host = all, .wrap = {}});
  CHECK(hosted[0] > usual[0]);
  CHECK(hosted[1] == 0);
  CHECK(hosted[2] == 0);  // nothing has to cross
  std::vector<bool> one(tiny.nodes().size());
  for (const Node& node : tiny.nodes()) {
    if (node.name == "layers.0.ffn.up") one[node.id] = true;
  }
  const auto mixed = run({.on_host = one, .wrap = {}});
  CHECK(mixed[0] > usual[0]);
  CHECK(mixed[1] < usual[1]);
  CHECK(mixed[1] > 0);
}

}  // namespace
}  // namespace triptych
