// SPDX-License-Identifier: Apache-2.0
#include "bench/shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <span>

namespace triptych::bench {
namespace {

std::vector<ProblemShape> Cubes(std::initializer_list<size_t> sides) {
  std::vector<ProblemShape> shapes;
  for (const size_t s : sides) shapes.push_back({s, s, s});
  return shapes;
}

// Linear layers, outputs x inputs, at the batches that matter: one token, a
// few (2 and 8 are where libraries are weakest), a prompt.
struct Layer {
  size_t n, k;
};
std::vector<ProblemShape> Batches(std::initializer_list<Layer> layers) {
  std::vector<ProblemShape> shapes;
  for (const Layer& layer : layers) {
    for (const size_t m : {1, 2, 4, 8, 16, 64, 512}) {
      shapes.push_back({m, layer.n, layer.k});
    }
  }
  return shapes;
}

std::vector<ProblemShape> Square() {
  return Cubes({64, 128, 256, 512, 1024, 2048});
}
// Where the code for edges counts.
std::vector<ProblemShape> Odd() { return Cubes({63, 100, 193, 1000}); }

// A layer of Llama 3.2 1B: q, k and v in one; o; gate and up in one; down.
std::vector<ProblemShape> Llama() {
  return Batches({{3072, 2048}, {2048, 2048}, {16384, 2048}, {2048, 8192}});
}
// Its last layer, which only ever sees one token: a GiB of weights in f32.
std::vector<ProblemShape> LlamaHead() { return {{1, 128256, 2048}}; }

// Models of 288 and of 768 channels: o, up, down.
std::vector<ProblemShape> Small() {
  return Batches({{288, 288},
                  {768, 288},
                  {288, 768},
                  {768, 768},
                  {2048, 768},
                  {768, 2048}});
}

struct List {
  std::string_view name;
  std::vector<ProblemShape> (*shapes)();
};
constexpr List kLists[] = {
    {"square", Square},      {"odd", Odd},
    {"llama-3.2-1b", Llama}, {"llama-3.2-1b-head", LlamaHead},
    {"small", Small},
};

std::unexpected<Error> NoSuchList(std::string_view name) {
  std::vector<std::string_view> names;
  for (const List& list : kLists) names.push_back(list.name);
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("shapes={}: no such list; allowed: {}", name,
                               fmt::join(names, ", ")));
}

}  // namespace

Result<std::vector<ListedShape>> ProductShapes(const std::string& names) {
  std::vector<ListedShape> shapes;
  for (size_t at = 0; at <= names.size();) {
    const size_t end = std::min(names.find(',', at), names.size());
    const std::string_view name = std::string_view(names).substr(at, end - at);
    const auto* list = std::ranges::find(kLists, name, &List::name);
    if (list == std::end(kLists)) return NoSuchList(name);
    for (ProblemShape& shape : list->shapes()) {
      shapes.push_back({list->name, std::move(shape)});
    }
    at = end + 1;
  }
  return shapes;
}

}  // namespace triptych::bench
