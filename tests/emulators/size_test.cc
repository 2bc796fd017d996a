// How much memory a model of a hundred million weights takes on each target:
// the machine's own form of every weight once, and next to nothing besides.
// Each measurement is a process of its own, which is asked for its peak.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "kernels/base/parallel.h"
#include "models/build/build.h"
#include "models/formats/gguf_model.h"
#include "models/reference.h"
#include "tests/models/seeded_file.h"
#include "tests/models/temp_file.h"

namespace triptych {
namespace {

constexpr double kMb = 1e6;
// Whatever is not a weight: activations of eight tokens (logits of 32000 are
// the largest, 1 MB in f32), ledgers, converters and what the allocator
// keeps; for each thread a tile of 32 rows, 0.3 MB, and its stack. Copies of
// weights that a test has to notice are 100 MB and more.
double Slack() { return 24 * kMb + 2 * kMb * MaxThreads(); }

ModelConfig Llama100m() {
  ModelConfig c;
  c.architecture = "llama";
  c.name = "llama-100m";
  c.layers = 12;
  c.dim = 768;
  c.ffn = 2048;
  c.heads = 12;
  c.kv_heads = 4;
  c.head_dim = 64;
  c.rope.dim = 64;
  c.vocab = 32000;
  c.context = 1024;
  c.tied_head = true;
  return c;
}

// Peak resident bytes of a process that only runs `body`. Nothing before it
// may have started threads: they do not survive the fork.
double PeakOf(const std::function<bool()>& body) {
  std::fflush(stdout);  // else the child prints what is waiting there, too
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool ok = body();
    std::fflush(stdout);
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  rusage usage{};
  REQUIRE(::wait4(child, &status, 0, &usage) == child);
  REQUIRE_MESSAGE((WIFEXITED(status) && WEXITSTATUS(status) == 0),
                  "child ended with status ", status);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

// Elements of all weights but vectors.
double MatrixElements(const Graph& graph) {
  double elements = 0;
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    const int64_t rows = value.shape.rows.coefficient;
    if (rows > 1) elements += static_cast<double>(rows * value.shape.cols);
  }
  return elements;
}

// Eight tokens and one after them; by shape alone if there are no weights.
bool Generate(const std::string& name, const Graph& graph,
              const Weights* weights) {
  // The host's rates are given: measuring them takes memory of its own.
  std::vector<std::string> settings;
  if (name == "cpu") {
    settings = {"matrix_gflops=10", "vector_gflops=10", "dram_gb_per_s=10"};
  }
  const auto target = MakeTarget(name, settings);
  if (!target) return false;
  const auto program = (*target)->Compile(graph, weights);
  if (!program) return false;
  if (weights == nullptr) {
    Ledger ledger(Ledger::Mode::kFold);
    return (*program)
        ->Run({.phase = Phase::kPrefill, .binding = {1, 8, 0}}, nullptr, ledger)
        .has_value();
  }
  Session session(graph, **program, {.capacity = 16, .threads = 2});
  return session.Prefill(std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8}) &&
         session.Decode(9);
}

struct Row {
  const char* target;
  double bytes_per_weight;  // in the form it multiplies by
  double own = 0;           // bytes of emulated memories, if there are values
};
// Four scratchpads of 4 MiB with accumulators of 1 MiB, and 16 MiB of L2.
constexpr double kNpuMemories = 36 * 1048576.0;
// Panels of f32 (cpu, gpu, optical), bf16 tiles (mesh), int8 codes (npu);
// rows of panels are padded by a cache line: less than 2 %.
constexpr Row kRows[] = {{"cpu", 4.08},
                         {"gpu", 4.08},
                         {"optical", 4.08},
                         {"mesh", 2},
                         {"npu", 1.1, kNpuMemories}};

bool Sanitized() {
#if defined(__SANITIZE_ADDRESS__)
  return true;
#else
  return false;
#endif
}

TEST_CASE("a target keeps its form of each weight once, the reference none") {
  if (Sanitized()) {
    MESSAGE("skipped: a sanitizer's memory is not the program's");
    return;
  }
  const auto graph = BuildGraph(Llama100m());
  REQUIRE(graph);
  const double matrices = MatrixElements(*graph);
  const Weights weights = Weights::Random(*graph, 1, DType::kBf16);
  for (const Row& row : kRows) {
    const double base =
        PeakOf([&] { return Generate(row.target, *graph, nullptr); });
    const double peak =
        PeakOf([&] { return Generate(row.target, *graph, &weights); });
    const double bound =
        base + row.own + row.bytes_per_weight * matrices + Slack();
    MESSAGE(
        fmt::format("{}: {:.0f} MB, of which {:.0f} without weights; "
                    "allowed {:.0f}",
                    row.target, peak / kMb, base / kMb, bound / kMb));
    CHECK(peak < bound);
    // It does keep them, or nothing was measured.
    CHECK(peak > base + 0.9 * matrices);
  }
  const double base = PeakOf([] { return true; });
  const double peak = PeakOf([&] {
    Reference reference(*graph, weights, 1, 16);
    return reference.Feed(std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8})
        .has_value();
  });
  MESSAGE(
      fmt::format("f64 reference: {:.0f} MB, of which {:.0f} without "
                  "weights",
                  peak / kMb, base / kMb));
  CHECK(peak < base + Slack());
}

Tokenizer NumberedPieces(int64_t vocab) {
  std::vector<Piece> pieces;
  for (int64_t id = 0; id < vocab; ++id) {
    pieces.push_back(
        {fmt::format("[{}]", id), -static_cast<float>(id), PieceType::kNormal});
  }
  return *Tokenizer::Create(std::move(pieces), {});
}

TEST_CASE("opening a file reads none of its weights") {
  if (Sanitized()) {
    MESSAGE("skipped: a sanitizer's memory is not the program's");
    return;
  }
  const ModelConfig config = Llama100m();
  const auto graph = BuildGraph(config);
  REQUIRE(graph);
  const TempFile file("");
  PeakOf([&] {
    SeededFile seeded(config, *graph, 1);
    seeded.model.tokenizer = NumberedPieces(config.vocab);
    return WriteGgufModel(seeded.model, DType::kBf16, file.path()).has_value();
  });
  const double matrices = MatrixElements(*graph);
  const auto size =
      static_cast<double>(std::filesystem::file_size(file.path()));
  CHECK(size > 2 * matrices);
  const auto open = [&](const std::function<bool(const Weights&)>& then) {
    return PeakOf([&] {
      const std::clock_t start = std::clock();
      const auto model = LoadModel(file.path());
      if (!model) return false;
      const auto weights = Weights::Bind(*graph, *model);
      if (!weights) return false;
      fmt::print("  opened {:.0f} MB in {:.0f} ms of processor time\n",
                 size / kMb, 1e3 * (std::clock() - start) / CLOCKS_PER_SEC);
      return then(*weights);
    });
  };
  const double base = PeakOf([] { return true; });
  const double opened = open([](const Weights&) { return true; });
  MESSAGE(fmt::format("opened: {:.0f} MB, of which {:.0f} without the file",
                      opened / kMb, base / kMb));
  CHECK(opened < base + Slack());
  // Pages of the mapped file count as this process's.
  const double run = open([&](const Weights& weights) {
    return Generate("npu", *graph, &weights);
  });
  CHECK(run < base + size + kNpuMemories + 1.1 * matrices + Slack());
}

}  // namespace
}  // namespace triptych
