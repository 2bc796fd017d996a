// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "emulators/kv_cache.h"
#include "emulators/npu/exact_math.h"
#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "models/ops/op.h"
#include "models/ops/ops.h"

namespace triptych::npu {
namespace {

template <class T>
std::span<const std::byte> BytesOf(std::span<const T> values) {
  return std::as_bytes(values);
}

// What is bound to the machine's memory for one run.
class BoundOperands {
 public:
  explicit BoundOperands(Memory& memory) : memory_(memory) {}

  // `bytes` that the machine reads at `at`; they must outlive the run.
  void Read(const Remote& at, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (at.region == Region::kL2) {
      std::ranges::copy(bytes, memory_.l2().subspan(Offset(at)).begin());
      return;
    }
    Add(at.region, ReadOnlyPiece(at.offset, bytes));
  }
  // Bytes that it writes at `at`, and may read.
  void Write(const Remote& at, std::span<std::byte> bytes) {
    if (bytes.empty()) return;
    if (at.region == Region::kL2) {
      back_.push_back({at, bytes});
      return;
    }
    Add(at.region, WritablePiece(at.offset, bytes));
  }
  void Bind() {
    for (size_t r = 1; r < kRegions; ++r) {
      std::ranges::sort(pieces_[r], {}, &Piece::offset);
      memory_.Bind(static_cast<Region>(r), std::move(pieces_[r]));
    }
  }
  // What was written on the chip, to where it belongs.
  void Finish() {
    for (const auto& [at, bytes] : back_) {
      std::ranges::copy(memory_.l2().subspan(Offset(at), bytes.size()),
                        bytes.begin());
    }
  }

 private:
  static size_t Offset(const Remote& at) {
    return static_cast<size_t>(at.offset);
  }
  void Add(Region region, const Piece& piece) {
    pieces_[static_cast<size_t>(region)].push_back(piece);
  }
  Memory& memory_;
  std::array<std::vector<Piece>, kRegions> pieces_;
  std::vector<std::pair<Remote, std::span<std::byte>>> back_;
};

// Codes and scales of the rows that a cache holds, in the machine's layout.
struct CacheImage {
  AlignedVector<int8_t> codes;
  AlignedVector<float> scales;
  int64_t heads = 0, dim = 0, capacity = 0;

  CacheImage(const Graph& graph, ValueId cache, int64_t room, int64_t batch)
      : dim(CacheHeadDim(graph, cache)), capacity(room) {
    heads = graph.value(cache).shape.cols / dim;
    codes.resize(static_cast<size_t>(batch * heads * capacity * dim));
    scales.resize(static_cast<size_t>(batch * heads * capacity));
  }
  size_t At(int64_t sequence, int64_t head, int64_t row) const {
    return static_cast<size_t>((sequence * heads + head) * capacity + row);
  }
  std::span<int8_t> Codes(size_t at) {
    const auto d = static_cast<size_t>(dim);
    return std::span(codes).subspan(at * d, d);
  }
};

class Runner {
 public:
  Runner(const Params& params, const Segment& segment,
         const NodeWeights& weights, const StepContext& ctx, Memory& memory)
      : params_(params),
        segment_(segment),
        place_(segment.layout.place),
        weights_(weights),
        ctx_(ctx),
        memory_(memory),
        bound_(memory) {}

  void Run() {
    const std::string_view op = ctx_.node.op->name;
    rooms_.resize(ctx_.node.inputs.size());
    for (size_t i = 0; i < ctx_.node.inputs.size(); ++i) BindInput(i);
    BindTables();
    if (op == "attention") {
      BindScratch(place_.scratch[0], 1);
      BindScratch(place_.scratch[1], 2);
    } else if (op == "matmul") {
      BindScratch(place_.scratch[0], 0);
    }
    const bool appends = op == "kv_append";
    if (!appends) {
      TRIPTYCH_CHECK(ctx_.output.contiguous(), ctx_.node.name);
      bound_.Write(place_.output.data,
                   std::as_writable_bytes(
                       std::span(ctx_.output.data(), ctx_.output.size())));
    }
    bound_.Bind();
    const Status status =
        Execute(segment_.stream, memory_, {.threads = ctx_.threads});
    TRIPTYCH_CHECK(status.has_value(), status ? "" : status.error().message);
    bound_.Finish();
    if (appends) Unpack();
  }

 private:
  const Value& ValueOf(size_t slot) const {
    return ctx_.graph.value(ctx_.node.inputs[slot]);
  }

  void BindInput(size_t slot) {
    const Location& at = place_.inputs[slot];
    const std::string_view op = ctx_.node.op->name;
    switch (ValueOf(slot).kind) {
      case ValueKind::kWeight:
        BindWeight(slot);
        return;
      case ValueKind::kCache:
        BindCache(slot, op == "attention");
        return;
      default:
        break;
    }
    const ConstMatView<float>& x = ctx_.inputs[slot];
    if (op == "embed" && slot == 0) {
      BindIds(x);
      return;
    }
    TRIPTYCH_CHECK(x.contiguous(), ctx_.node.name, "input", slot);
    bound_.Read(at.data, BytesOf(std::span(x.data(), x.size())));
  }

  void BindWeight(size_t slot) {
    const Location& at = place_.inputs[slot];
    const std::string_view op = ctx_.node.op->name;
    if (op == "matmul" && slot == 1) {
      const WeightImage& image = *weights_.image();
      bound_.Read(at.data, BytesOf(std::span<const uint8_t>(image.codes)));
      bound_.Read(at.scales, BytesOf(std::span<const float>(image.scales)));
      return;
    }
    if (op == "embed") return;  // BindIds
    int64_t first = 0;
    auto count = static_cast<int64_t>(weights_.of(slot).rows());
    if (op == "pos_embed") {
      first = ctx_.binding.context;
      count = static_cast<int64_t>(ctx_.output.rows()) / ctx_.binding.batch;
    }
    const auto bytes = weights_.Rows(slot, first, count, rooms_[slot]);
    const int64_t row = ValueOf(slot).shape.cols * 4;
    bound_.Read(at.data + first * row, bytes);
  }

  // A table of the rows that are wanted, and ids that count in it: the whole
  // one in f32 is nowhere. The commands are those of the whole one.
  void BindIds(const ConstMatView<float>& x) {
    const WeightRows& table = weights_.of(1);
    std::map<int64_t, int32_t> known;
    ids_.clear();
    embedded_.clear();
    WeightRows::Tile tile;
    for (size_t r = 0; r < x.rows(); ++r) {
      const auto id = static_cast<int64_t>(x(r, 0));
      TRIPTYCH_CHECK(id >= 0 && static_cast<size_t>(id) < table.rows(), "token",
                     id, "vocabulary", table.rows());
      const auto [at, fresh] =
          known.try_emplace(id, static_cast<int32_t>(known.size()));
      if (fresh) {
        const auto row = table.ReadRow(static_cast<size_t>(id), tile);
        embedded_.insert(embedded_.end(), row.begin(), row.end());
      }
      ids_.push_back(at->second);
    }
    bound_.Read(place_.inputs[0].data, BytesOf(std::span<const int32_t>(ids_)));
    bound_.Read(place_.inputs[1].data,
                BytesOf(std::span<const float>(embedded_)));
  }

  void BindCache(size_t slot, bool filled) {
    const Location& at = place_.inputs[slot];
    caches_.push_back(std::make_unique<CacheImage>(
        ctx_.graph, ctx_.node.inputs[slot], at.capacity, ctx_.binding.batch));
    CacheImage& image = *caches_.back();
    if (filled) Pack(ctx_.inputs[slot], ValueOf(slot), image);
    bound_.Write(at.data, std::as_writable_bytes(std::span(image.codes)));
    bound_.Write(at.scales, std::as_writable_bytes(std::span(image.scales)));
  }

  // The f32 rows of a cache are codes times a scale: quantising them gives
  // the codes back.
  void Pack(const ConstMatView<float>& rows, const Value& cache,
            CacheImage& image) const {
    const Binding& b = ctx_.binding;
    const int64_t keys = cache.shape.rows.Bind(b) / b.batch;
    const int64_t stride = cache.shape.rows.total ? ctx_.capacity : keys;
    const auto bits = static_cast<int>(params_.attention_bits);
    ParallelFor(static_cast<size_t>(b.batch * image.heads), ctx_.threads,
                [&](size_t task) {
                  const auto s = static_cast<int64_t>(task) / image.heads;
                  const auto h = static_cast<int64_t>(task) % image.heads;
                  for (int64_t t = 0; t < keys; ++t) {
                    const auto head =
                        rows.row_span(static_cast<size_t>(s * stride + t))
                            .subspan(static_cast<size_t>(h * image.dim),
                                     static_cast<size_t>(image.dim));
                    const size_t at = image.At(s, h, t);
                    image.scales[at] =
                        QuantizeRowInt<int8_t>(head, bits, image.Codes(at));
                  }
                });
  }

  // New rows of the cache, as the numbers they stand for.
  void Unpack() const {
    CacheImage& image = *caches_.back();
    const Value& cache = ctx_.graph.value(ctx_.node.output);
    const Binding& b = ctx_.binding;
    const bool growing = cache.shape.rows.total;
    const auto rows = static_cast<int64_t>(ctx_.inputs[0].rows()) / b.batch;
    const int64_t stride = growing ? ctx_.capacity : rows;
    const int64_t first = growing ? b.context : 0;
    for (int64_t r = 0; r < b.batch * rows; ++r) {
      const int64_t s = r / rows, t = first + r % rows;
      const auto to = ctx_.output.row_span(static_cast<size_t>(s * stride + t));
      for (int64_t h = 0; h < image.heads; ++h) {
        const size_t at = image.At(s, h, t);
        const auto codes = image.Codes(at);
        for (size_t i = 0; i < codes.size(); ++i) {
          to[static_cast<size_t>(h * image.dim) + i] =
              static_cast<float>(codes[i]) * image.scales[at];
        }
      }
    }
  }

  void BindTables() {
    table_ = NodeTable(ctx_.graph, ctx_.node, ctx_.binding);
    bound_.Read(place_.tables, BytesOf(std::span<const float>(table_)));
  }

  void BindScratch(const Location& at, size_t slot) {
    const Extent extent =
        ScratchExtent(ctx_.graph, ctx_.node, ctx_.binding, slot);
    if (extent.data == 0 || at.data.region == Region::kL2) return;
    for (const auto& [remote, bytes] : {std::pair(at.data, extent.data),
                                        std::pair(at.scales, extent.scales)}) {
      scratch_.emplace_back(static_cast<size_t>(bytes));
      bound_.Write(remote, scratch_.back());
    }
  }

  const Params& params_;
  const Segment& segment_;
  const Placement& place_;
  const NodeWeights& weights_;
  const StepContext& ctx_;
  Memory& memory_;
  BoundOperands bound_;
  std::vector<AlignedVector<float>> rooms_;
  AlignedVector<float> table_, embedded_;
  AlignedVector<int32_t> ids_;
  std::vector<std::unique_ptr<CacheImage>> caches_;
  std::vector<AlignedVector<std::byte>> scratch_;
};

}  // namespace

NodeWeights::NodeWeights(const Graph& graph, const Node& node,
                         const Weights& weights,
                         std::shared_ptr<const WeightImage> image)
    : image_(std::move(image)), rows_(weights.InputsOf(graph, node)) {}

std::span<const std::byte> NodeWeights::Rows(size_t slot, int64_t first,
                                             int64_t count,
                                             AlignedVector<float>& room) const {
  const WeightRows& w = rows_[slot];
  if (w.rows() == 1) return BytesOf(w.vector());
  room.resize(static_cast<size_t>(count) * w.cols());
  w.CopyTo(static_cast<size_t>(first),
           MatView<float>(room.data(), static_cast<size_t>(count), w.cols()));
  return BytesOf(std::span<const float>(room));
}

namespace {

AlignedVector<float> RopeTable(const Node& node, const Binding& binding,
                               size_t rows) {
  AlignedVector<float> table;
  for (const RopeTurn& turn : RopeTurns(node, binding, rows)) {
    for (size_t r = 0; r < rows; ++r) {
      for (const float frequency : turn.inverse_frequency) {
        const auto [sine, cosine] =
            ExactSinCos(double{frequency} * turn.position[r]);
        table.push_back(static_cast<float>(cosine));
        table.push_back(static_cast<float>(sine));
      }
    }
  }
  return table;
}

// As models/ops/embed.cc has it.
AlignedVector<float> SinusoidTable(size_t rows, size_t cols) {
  const size_t half = cols / 2;
  const double step =
      std::log(10000.0) / std::max(1.0, static_cast<double>(half) - 1);
  AlignedVector<float> table(rows * cols);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < half; ++c) {
      const double turn = ExactExp(-step * static_cast<double>(c));
      const auto [sine, cosine] = ExactSinCos(static_cast<double>(r) * turn);
      table[r * cols + c] = static_cast<float>(sine);
      table[r * cols + half + c] = static_cast<float>(cosine);
    }
  }
  return table;
}

AlignedVector<float> Countdown(size_t from) {
  AlignedVector<float> table;
  for (; from > 0; --from) table.push_back(static_cast<float>(from));
  return table;
}

}  // namespace

AlignedVector<float> NodeTable(const Graph& graph, const Node& node,
                               const Binding& binding) {
  const std::string_view op = node.op->name;
  const Shape& x = graph.value(node.inputs[0]).shape;
  const auto cols = static_cast<size_t>(x.cols);
  const auto rows = static_cast<size_t>(x.rows.Bind(binding));
  if (op == "rope") return RopeTable(node, binding, rows);
  if (op == "pos_sinusoid") {
    return SinusoidTable(rows / static_cast<size_t>(binding.batch), cols);
  }
  if (op == "moe_route") return Countdown(cols);
  if (op == "im2col") return AlignedVector<float>(cols, 0.0f);
  return {};
}

void RunValues(const Params& params, const Segment& segment,
               const NodeWeights& weights, const StepContext& ctx,
               Memory& memory) {
  Runner(params, segment, weights, ctx, memory).Run();
}

}  // namespace triptych::npu
