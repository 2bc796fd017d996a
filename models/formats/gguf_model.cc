// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_model.h"

#include <fmt/core.h>

#include <memory>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "kernels/base/aligned.h"
#include "kernels/base/formats.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_arch.h"
#include "models/formats/gguf_config.h"
#include "models/formats/gguf_tokenizer.h"
#include "models/formats/gguf_writer.h"

namespace triptych {
namespace {

using Shape = std::vector<int64_t>;

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : " x ", size);
  }
  return text;
}

// One tensor of one model: a row of the table, in its layer.
struct Place {
  const GgufTensorRow& row;
  const ModelConfig& config;
  std::string gguf_prefix, prefix;  // "blk.3.", "layers.3."

  std::string GgufName(std::string_view name) const {
    return fmt::format("{}{}.{}", gguf_prefix, name,
                       row.bias ? "bias" : "weight");
  }
  std::string GgufName() const { return GgufName(row.gguf); }
  // A router's bias has a name of its own; other biases are their matrix's.
  std::string Name(const GgufPart& part) const {
    const bool suffix = row.bias && part.name != "moe.router_bias";
    return fmt::format("{}{}{}", prefix, part.name, suffix ? ".bias" : "");
  }
  Shape ShapeOf(int64_t rows) const {
    Shape shape;
    if (row.experts != nullptr) shape.push_back(row.experts(config));
    shape.push_back(rows);
    if (row.cols != nullptr) shape.push_back(row.cols(config));
    return shape;
  }
  Shape WholeShape() const {
    int64_t rows = 0;
    for (const GgufPart& part : row.parts) rows += part.rows(config);
    return ShapeOf(rows);
  }
};

// Calls visit(place) for every tensor of the model, in file order, until one
// says it failed.
template <class Visit>
Status ForEachTensor(const ModelConfig& c, const GgufArchitecture& architecture,
                     const Visit& visit) {
  const auto all = [&](std::span<const GgufTensorRow> rows, int64_t layer,
                       const std::string& gguf_prefix,
                       const std::string& prefix) -> Status {
    for (const GgufTensorRow& row : rows) {
      if (row.when != nullptr && !row.when(c, layer)) continue;
      TRIPTYCH_TRY(visit(Place{row, c, gguf_prefix, prefix}));
    }
    return {};
  };
  TRIPTYCH_TRY(all(architecture.before, 0, "", ""));
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    TRIPTYCH_TRY(all(architecture.layer, layer, fmt::format("blk.{}.", layer),
                     fmt::format("layers.{}.", layer)));
  }
  return all(architecture.after, 0, "", "");
}

// ---- Reading ----

class TensorTaker {
 public:
  TensorTaker(const GgufFile& file, ModelFile& model)
      : file_(file), model_(model) {}

  Status Take(const Place& place) {
    const std::string name = place.GgufName();
    if (file_.FindTensor(name) == nullptr && place.row.gguf == "attn_kv_b" &&
        file_.FindTensor(place.GgufName("attn_k_b")) != nullptr) {
      return TakeSplitLatent(place);
    }
    TRIPTYCH_ASSIGN(const GgufTensor* tensor, Find(name, place.WholeShape()));
    size_t begin = 0;
    for (const GgufPart& part : place.row.parts) {
      Shape shape = place.ShapeOf(part.rows(place.config));
      const auto cols = static_cast<size_t>(shape.back());
      if (cols % InfoOf(tensor->dtype).block_elements != 0) {
        return file_.Fail(
            *tensor, fmt::format("{}: its {} elements must be whole blocks",
                                 part.name, cols));
      }
      size_t bytes = RowBytes(tensor->dtype, cols);
      for (size_t i = 0; i + 1 < shape.size(); ++i) {
        bytes *= static_cast<size_t>(shape[i]);
      }
      model_.tensors.push_back({place.Name(part), tensor->dtype,
                                std::move(shape), tensor->data.data() + begin,
                                bytes});
      begin += bytes;
    }
    return {};
  }

  // `skipped`: what was read for the configuration.
  Status RefuseOthers(std::string_view skipped) const {
    for (const GgufTensor& tensor : file_.tensors()) {
      if (taken_.contains(tensor.name) || tensor.name == skipped) continue;
      return file_.Fail(
          tensor,
          fmt::format("is no tensor of a model of architecture {} with these "
                      "keys; nothing is left out silently",
                      model_.config.architecture),
          ErrorCode::kUnsupported);
    }
    return {};
  }

 private:
  Result<const GgufTensor*> Find(std::string_view name, const Shape& shape) {
    const GgufTensor* tensor = file_.FindTensor(name);
    if (tensor == nullptr) return file_.Fail(name, "tensor is missing");
    if (tensor->shape != shape) {
      return file_.Fail(*tensor,
                        fmt::format("{}: must be {}", ShapeText(tensor->shape),
                                    ShapeText(shape)));
    }
    taken_.insert(tensor->name);
    return tensor;
  }

  // DeepSeek's up-projection as files of 2025 and later have it: the keys'
  // part, transposed, and the values'. Put together here, in f32.
  Status TakeSplitLatent(const Place& place) {
    const ModelConfig& c = place.config;
    const MlaConfig& m = c.mla;
    TRIPTYCH_ASSIGN(
        const GgufTensor* keys,
        Find(place.GgufName("attn_k_b"), {c.heads, m.kv_lora, m.nope_dim}));
    TRIPTYCH_ASSIGN(
        const GgufTensor* values,
        Find(place.GgufName("attn_v_b"), {c.heads, m.v_dim, m.kv_lora}));
    const auto nope = static_cast<size_t>(m.nope_dim);
    const auto latent = static_cast<size_t>(m.kv_lora);
    const auto head_rows = static_cast<size_t>(m.nope_dim + m.v_dim);
    auto made = std::make_shared<AlignedVector<float>>(
        static_cast<size_t>(c.heads) * head_rows * latent);
    std::vector<float> row(nope);
    for (size_t h = 0; h < static_cast<size_t>(c.heads); ++h) {
      float* head = made->data() + h * head_rows * latent;
      for (size_t j = 0; j < latent; ++j) {
        Decode(*keys, h * latent + j, row.data());
        for (size_t i = 0; i < nope; ++i) head[i * latent + j] = row[i];
      }
      for (size_t i = nope; i < head_rows; ++i) {
        Decode(*values, h * (head_rows - nope) + i - nope, head + i * latent);
      }
    }
    const auto bytes = std::as_bytes(std::span<const float>(*made));
    model_.tensors.push_back({place.Name(place.row.parts[0]), DType::kF32,
                              place.WholeShape(), bytes.data(), bytes.size(),
                              {}, std::move(made)});
    return {};
  }

  static void Decode(const GgufTensor& tensor, size_t row, float* out) {
    const auto cols = static_cast<size_t>(tensor.shape.back());
    const size_t stride = RowBytes(tensor.dtype, cols);
    DequantizeRow(tensor.dtype, tensor.data.data() + row * stride, out, cols);
  }

  const GgufFile& file_;
  ModelFile& model_;
  std::set<std::string_view> taken_;
};

// ---- Writing ----

// The rows of a tensor as a file wants them, from those of a model.
class TensorSource {
 public:
  TensorSource(const Place& place, std::vector<const WeightTensor*> parts,
               DType dtype, RopeStyle stored)
      : parts_(std::move(parts)),
        dtype_(dtype),
        vector_(place.row.cols == nullptr) {
    const ModelConfig& c = place.config;
    if (place.row.heads == nullptr || c.rope.style == stored) return;
    head_dim_ = static_cast<size_t>(c.head_dim);
    to_pairs_ = stored == RopeStyle::kInterleaved;
  }

  void operator()(size_t first, std::span<std::byte> out) const {
    if (vector_) return FillVector(out);
    const auto cols = static_cast<size_t>(parts_[0]->cols());
    const size_t stride = RowBytes(dtype_, cols);
    std::vector<float> values(cols);
    for (size_t r = 0; r < out.size() / stride; ++r) {
      auto [part, row] = Locate(first + r);
      std::byte* to = out.data() + r * stride;
      if (part->dtype == dtype_ && part->data != nullptr) {
        std::copy_n(part->data + row * stride, stride, to);
      } else {
        ReadRow(*part, static_cast<int64_t>(row), values.data());
        QuantizeRow(dtype_, values.data(), to, cols);
      }
    }
  }

 private:
  // Vectors are whole, and f32.
  void FillVector(std::span<std::byte> out) const {
    std::vector<float> values;
    for (const WeightTensor* part : parts_) {
      const size_t begin = values.size();
      values.resize(begin + static_cast<size_t>(part->cols()));
      ReadRow(*part, 0, values.data() + begin);
    }
    std::vector<float> ordered(values.size());
    for (size_t i = 0; i < values.size(); ++i) ordered[i] = values[Ours(i)];
    QuantizeRow(dtype_, ordered.data(), out.data(), ordered.size());
  }

  // Row `r` of the file: whose, and which of its rows.
  std::pair<const WeightTensor*, size_t> Locate(size_t r) const {
    size_t part = 0;
    while (r >= static_cast<size_t>(parts_[part]->rows())) {
      r -= static_cast<size_t>(parts_[part++]->rows());
    }
    return {parts_[part], Ours(r)};
  }

  // The two features that turn together are neighbours in one order, and half
  // a head apart in the other.
  size_t Ours(size_t r) const {
    if (head_dim_ == 0) return r;
    const size_t half = head_dim_ / 2, i = r % head_dim_;
    return r - i + (to_pairs_ ? i / 2 + i % 2 * half : i % half * 2 + i / half);
  }

  std::vector<const WeightTensor*> parts_;
  DType dtype_;
  bool vector_;
  size_t head_dim_ = 0;  // 0: rows stay where they are
  bool to_pairs_ = false;
};

// What a tensor is stored as, when matrices are `matrices`.
DType StoredType(const GgufTensorRow& row, const Shape& shape, DType matrices) {
  if (row.cols == nullptr || row.f32) return DType::kF32;
  const bool whole = shape.back() % InfoOf(matrices).block_elements == 0;
  return whole ? matrices : DType::kBf16;
}

int64_t Elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1},
                         std::multiplies<>());
}

Status AddTensor(const ModelFile& model, const Place& place, DType matrices,
                 RopeStyle stored, GgufWriter& writer) {
  std::vector<const WeightTensor*> parts;
  for (const GgufPart& part : place.row.parts) {
    const std::string name = place.Name(part);
    const Shape shape = place.ShapeOf(part.rows(place.config));
    const WeightTensor* tensor = model.Find(name);
    // Whether experts are a dimension of their own is the reader's choice.
    if (tensor == nullptr || tensor->cols() != shape.back() ||
        tensor->rows() * tensor->cols() != Elements(shape)) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: {}: must be a tensor of {}",
                                   model.config.name, name, ShapeText(shape)));
    }
    parts.push_back(tensor);
  }
  const Shape shape = place.WholeShape();
  const DType dtype = StoredType(place.row, shape, matrices);
  writer.AddTensor(place.GgufName(), dtype, shape,
                   TensorSource(place, std::move(parts), dtype, stored));
  return {};
}

// Everything but the bytes: they are made from `model`, which must outlive
// the writer.
Result<GgufWriter> Prepare(const ModelFile& model, DType matrices) {
  const ModelConfig& c = model.config;
  if (!GgmlTypeOf(matrices)) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("matrices: {}: {} can be written",
                                 InfoOf(matrices).name, GgmlTypesRead()));
  }
  const GgufArchitecture* architecture = GgufArchitectureOf(c);
  if (architecture == nullptr) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: family {}: GGUF is written for architectures {}",
                    c.name, NameOf(c.family), GgufArchitectureNames()));
  }
  GgufWriter writer;
  TRIPTYCH_TRY(AddGgufConfig(c, *architecture, writer));
  if (!model.tokenizer.empty()) {
    TRIPTYCH_TRY(AddGgufTokenizer(model.tokenizer, writer));
  }
  ModelConfig implied;
  architecture->implies(implied);
  TRIPTYCH_TRY(ForEachTensor(c, *architecture, [&](const Place& place) {
    return AddTensor(model, place, matrices, implied.rope.style, writer);
  }));
  const auto factors = GgufRopeFactors(c.rope);
  if (!factors.empty()) {
    const Shape shape = {static_cast<int64_t>(factors.size())};
    writer.AddTensor(kGgufRopeFactors, DType::kF32, shape,
                     [factors](size_t, std::span<std::byte> out) {
                       QuantizeRow(DType::kF32, factors.data(), out.data(),
                                   factors.size());
                     });
  }
  return writer;
}

}  // namespace

bool LooksLikeGguf(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "");
  const Result<uint32_t> magic = reader.Read<uint32_t>("magic");
  return magic && *magic == kGgufMagic;
}

Result<ModelFile> ParseGgufModel(std::span<const std::byte> bytes,
                                 const std::string& file) {
  TRIPTYCH_ASSIGN(const GgufFile gguf, GgufFile::Parse(bytes, file));
  ModelFile model;
  TRIPTYCH_ASSIGN(model.config, ReadGgufConfig(gguf));
  TensorTaker taker(gguf, model);
  TRIPTYCH_TRY(ForEachTensor(
      model.config, *FindGgufArchitecture(model.config.architecture),
      [&](const Place& place) { return taker.Take(place); }));
  const bool scaled = model.config.positions == Positions::kRope;
  TRIPTYCH_TRY(taker.RefuseOthers(scaled ? kGgufRopeFactors : ""));
  TRIPTYCH_ASSIGN(model.tokenizer, ReadGgufTokenizer(gguf, model.config.vocab));
  return model;
}

Result<std::vector<std::byte>> GgufModelBytes(const ModelFile& model,
                                              DType matrices) {
  TRIPTYCH_ASSIGN(const GgufWriter writer, Prepare(model, matrices));
  return writer.Finish();
}

Status WriteGgufModel(const ModelFile& model, DType matrices,
                      const std::string& path) {
  TRIPTYCH_ASSIGN(const GgufWriter writer, Prepare(model, matrices));
  return writer.Write(path);
}

}  // namespace triptych
