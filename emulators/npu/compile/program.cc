// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/values.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/npu/quantiser/calibration.h"
#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

using Bytes = AlignedVector<std::byte>;

template <class T>
Bytes BytesOf(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

// A name as labels have them: without blanks and what listings use.
std::string LabelOf(const MapEntry& entry) {
  std::string name = fmt::format("{}.{}", entry.name, NameOf(entry.form));
  for (char& c : name) {
    if (c == ' ' || c == '#' || c == '=' || c == '+') c = '_';
  }
  const bool digit = name[0] >= '0' && name[0] <= '9';
  return digit ? fmt::format("_{}", name) : name;
}

class Filler {
 public:
  Filler(const Params& params, const Graph& graph, const Weights& weights,
         const Entry& entry, const Binding& binding, int threads)
      : params_(params),
        graph_(graph),
        weights_(weights),
        entry_(entry),
        binding_(binding),
        threads_(threads),
        calibration_(Calibrate(params, graph, weights)) {}

  // What the entry's bytes are; empty if the stream makes them.
  Bytes BytesFor(const MapEntry& entry) {
    switch (entry.form) {
      case MapEntry::Form::kCodes:
        return BytesOf(std::span<const uint8_t>(ImageOf(entry.value).codes));
      case MapEntry::Form::kScales:
        return BytesOf(std::span<const float>(ImageOf(entry.value).scales));
      case MapEntry::Form::kFloats:
        return Floats(entry.value);
      case MapEntry::Form::kTable:
        return Table(entry);
      default:
        return {};
    }
  }

 private:
  // The last one asked for: codes and scales come one after the other.
  const WeightImage& ImageOf(ValueId value) {
    if (image_of_ == value && made_) return image_;
    const auto node =
        std::ranges::find_if(graph_.NodesOf(entry_), [value](const Node& n) {
          return n.op->name == "matmul" && n.inputs[1] == value;
        });
    TRIPTYCH_CHECK(node != graph_.NodesOf(entry_).end(), "value", value);
    const MatmulSize size = MatmulSizeOf(params_, graph_, *node, binding_);
    image_ =
        MakeWeightImage(weights_.Rows(value), size.layout(SizeOf(params_, {})),
                        threads_, params_.quant, calibration_.Of(value));
    image_of_ = value;
    made_ = true;
    return image_;
  }

  Bytes Floats(ValueId value) const {
    const WeightRows& w = weights_.Rows(value);
    Bytes bytes(w.size() * sizeof(float));
    w.CopyTo(0, MatView<float>(reinterpret_cast<float*>(bytes.data()), w.rows(),
                               w.cols()));
    return bytes;
  }

  Bytes Table(const MapEntry& entry) const {
    const auto table = NodeTable(graph_, graph_.node(entry.node), binding_);
    return BytesOf(std::span<const float>(table));
  }

  const Params& params_;
  const Graph& graph_;
  const Weights& weights_;
  const Entry& entry_;
  const Binding& binding_;
  int threads_;
  Calibration calibration_;
  WeightImage image_;
  ValueId image_of_ = 0;
  bool made_ = false;
};

}  // namespace

Result<NpuProgram> MakeProgram(const Params& params, const Graph& graph,
                               const Weights* weights, Phase phase,
                               const Binding& binding, int threads) {
  TRIPTYCH_ASSIGN(PhaseStream stream,
                  CompilePhase(params, graph, phase, binding));
  const Entry& entry = *graph.FindEntry(phase);
  NpuProgram program;
  program.unrolled = stream.unrolled;
  program.tnpu.machine = SizeOf(params, stream.region_bytes);
  program.tnpu.commands = std::move(stream.commands);
  for (const MapEntry& place : stream.map) {
    program.tnpu.labels.push_back({LabelOf(place), place.region,
                                   static_cast<uint64_t>(place.offset),
                                   static_cast<uint64_t>(place.bytes)});
  }
  for (const Node& node : graph.NodesOf(entry)) {
    program.tnpu.marks[node.id] = node.name;
  }
  if (weights == nullptr) return program;
  Filler filler(params, graph, *weights, entry, binding, threads);
  for (const MapEntry& place : stream.map) {
    Bytes bytes = filler.BytesFor(place);
    if (bytes.empty()) continue;
    TRIPTYCH_CHECK(static_cast<int64_t>(bytes.size()) <= place.bytes,
                   place.name, bytes.size(), place.bytes);
    program.storage.push_back(std::move(bytes));
    program.tnpu.data.push_back(
        {place.region, place.offset, std::span(program.storage.back())});
  }
  std::ranges::sort(program.tnpu.data, {}, [](const RegionData& data) {
    return std::pair(data.region, data.offset);
  });
  return program;
}

}  // namespace triptych::npu
