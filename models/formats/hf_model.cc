// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <utility>

#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/formats/byte_reader.h"
#include "models/formats/hf_checkpoint.h"

namespace triptych {
namespace {

// Windows of the graph's convolutions (models/build/whisper.cc).
constexpr int64_t kTaps = 3;

// ---- Names ----

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// `text` with every '#' or '*' (as `mark` says) replaced by `number`.
std::string Fill(std::string_view text, char mark, int64_t number) {
  std::string out;
  for (const char c : text) {
    c == mark ? out += std::to_string(number) : out += c;
  }
  return out;
}

// "layers.12.attn.q" -> "layers.#.attn.q" and 12; -1 without a number.
std::pair<std::string, int64_t> TakeNumber(std::string_view name) {
  const size_t begin = name.find_first_of("0123456789");
  if (begin == std::string_view::npos || begin == 0 || name[begin - 1] != '.') {
    return {std::string(name), -1};
  }
  const size_t end = std::min(name.find('.', begin), name.size());
  int64_t number = 0;
  for (const char c : name.substr(begin, end - begin)) {
    if (!IsDigit(c)) return {std::string(name), -1};
    number = number * 10 + (c - '0');
  }
  return {fmt::format("{}#{}", name.substr(0, begin), name.substr(end)),
          number};
}

// Whether `text` is what HfArchitecture::left_out says by `pattern`.
bool Matches(std::string_view pattern, std::string_view text, int64_t layers) {
  while (!pattern.empty()) {
    const char mark = pattern.front();
    if (mark == '*') {
      pattern.remove_prefix(1);
      for (size_t skip = 0; skip <= text.size(); ++skip) {
        if (Matches(pattern, text.substr(skip), layers)) return true;
      }
      return false;
    }
    if (text.empty()) return false;
    if (mark == '#' || mark == '+') {
      int64_t number = 0;
      size_t digits = 0;
      // Nine digits do not overflow; no model has more layers.
      for (; digits < std::min<size_t>(text.size(), 9); ++digits) {
        if (!IsDigit(text[digits])) break;
        number = number * 10 + (text[digits] - '0');
      }
      if (digits == 0 || (mark == '+' && number < layers)) return false;
      text.remove_prefix(digits);
    } else if (text.front() != mark) {
      return false;
    } else {
      text.remove_prefix(1);
    }
    pattern.remove_prefix(1);
  }
  return text.empty();
}

// ---- Tensors ----

struct Source {
  const SafetensorsFile* file = nullptr;
  const SafeTensor* tensor = nullptr;
};

// What part of a weight one tensor of the checkpoint is for.
struct Band {
  int64_t row, rows, cols;
};

// Types whose numbers mean what they say, without a scale elsewhere.
bool IsReadType(const SafeTensor& tensor) {
  return tensor.dtype == DType::kF32 || tensor.dtype == DType::kBf16 ||
         tensor.dtype == DType::kF16 || tensor.dtype == DType::kF64;
}

int64_t Product(std::span<const int64_t> sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes) product *= size;
  return product;
}

// The rectangles of `band` in `tensor`, laid out as `rule` says; none if its
// shape is not what that needs.
std::vector<WeightPiece> PiecesOf(const SafeTensor& tensor,
                                  const HfTensorRule& rule, const Band& band) {
  const size_t element = RowBytes(*tensor.dtype, 1);
  const auto bytes = [&](int64_t n) {
    return static_cast<size_t>(n) * element;
  };
  std::span<const int64_t> shape = tensor.shape;
  while (shape.size() > 1 && shape.front() == 1) shape = shape.subspan(1);
  WeightPiece piece{
      band.row,         0,      band.rows, band.cols, tensor.data.data(),
      bytes(band.cols), element};
  const int64_t all = band.rows * rule.parts;  // rows of the whole
  if (band.rows == 1 && shape.size() == 1) {
    if (shape[0] != band.cols * rule.parts) return {};
    piece.data += bytes(rule.part * band.cols);
    return {piece};
  }
  switch (rule.layout) {
    case HfLayout::kRows:
      if (shape.empty() || shape[0] != all ||
          Product(shape.subspan(1)) != band.cols) {
        return {};
      }
      piece.data += bytes(rule.part * band.rows * band.cols);
      return {piece};
    case HfLayout::kTransposed:
      if (tensor.shape != std::vector<int64_t>{band.cols, all}) return {};
      piece.data += bytes(rule.part * band.rows);
      std::swap(piece.row_step, piece.col_step);
      piece.col_step = bytes(all);
      return {piece};
    case HfLayout::kTaps:
      break;
  }
  const int64_t in = band.cols / kTaps;
  if (tensor.shape != std::vector<int64_t>{band.rows, in, kTaps}) return {};
  std::vector<WeightPiece> pieces;
  for (int64_t tap = 0; tap < kTaps; ++tap) {
    pieces.push_back({band.row, tap * in, band.rows, in,
                      tensor.data.data() + bytes(tap), bytes(band.cols),
                      bytes(kTaps)});
  }
  return pieces;
}

// The shape PiecesOf wants, for people.
std::string WantedShape(const HfTensorRule& rule, const Band& band) {
  const int64_t all = band.rows * rule.parts;
  if (rule.layout == HfLayout::kTaps && band.rows > 1) {
    return fmt::format("[{}, {}, {}]", band.rows, band.cols / kTaps, kTaps);
  }
  if (band.rows == 1) return fmt::format("[{}]", band.cols * rule.parts);
  return rule.layout == HfLayout::kTransposed
             ? fmt::format("[{}, {}]", band.cols, all)
             : fmt::format("[{}, {}]", all, band.cols);
}

// A tensor that lies as it is wanted needs no pieces.
void Simplify(WeightTensor& tensor) {
  if (tensor.pieces.size() != 1) return;
  const WeightPiece& piece = tensor.pieces.front();
  const size_t element = RowBytes(tensor.dtype, 1);
  const bool aligned = reinterpret_cast<uintptr_t>(piece.data) % element == 0;
  const bool rows_follow =
      piece.rows == 1 ||
      piece.row_step == static_cast<size_t>(piece.cols) * element;
  if (!aligned || !rows_follow || piece.col_step != element) return;
  tensor.data = piece.data;
  tensor.pieces.clear();
}

// Finds the tensors of the graph among those of the checkpoint.
class Importer {
 public:
  Importer(const HfConfig& config, std::span<const SafetensorsFile> shards)
      : c_(config.config),
        architecture_(*config.architecture),
        shards_(shards) {}

  Result<ModelFile> Run() {
    TRIPTYCH_TRY(Index());
    TRIPTYCH_TRY(CheckCounts());
    Result<Graph> graph = BuildGraph(c_);
    if (!graph) return Locate(std::move(graph).error(), File());
    ModelFile model;
    model.config = c_;
    for (const Value& value : graph->values()) {
      if (value.kind != ValueKind::kWeight) continue;
      TRIPTYCH_ASSIGN(WeightTensor tensor, Take(value));
      model.tensors.push_back(std::move(tensor));
    }
    if (c_.family == Family::kWhisper) TRIPTYCH_TRY(CheckSines());
    TRIPTYCH_TRY(TakeRest(model));
    return model;
  }

 private:
  const std::string& File() const { return shards_.front().file(); }

  Status Index() {
    for (const SafetensorsFile& shard : shards_) {
      for (const SafeTensor& tensor : shard.tensors()) {
        const auto [other, added] =
            by_name_.try_emplace(tensor.name, Source{&shard, &tensor});
        if (!added) {
          return shard.Fail(tensor, fmt::format("is in {} as well",
                                                other->second.file->file()));
        }
      }
    }
    return {};
  }

  // Every layer and every expert has a tensor of its own: a file that claims
  // more of them is not worth a graph.
  Status CheckCounts() const {
    const auto most = static_cast<int64_t>(by_name_.size());
    const std::pair<const char*, int64_t> counts[] = {
        {"layers", c_.layers},
        {"layers of the encoder", c_.audio.layers},
        {"experts", c_.moe.experts}};
    for (const auto& [what, count] : counts) {
      if (count <= most) continue;
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: {} tensors: too few for {} {}", File(),
                                   most, count, what));
    }
    return {};
  }

  // With the prefix or without, under any suffix in use. BERT's first
  // checkpoints call a norm's two gamma and beta.
  Source Find(const std::string& name, bool bias) const {
    constexpr std::string_view kWeight[] = {".weight", ".gamma", ""};
    constexpr std::string_view kBias[] = {".bias", ".beta"};
    const std::span<const std::string_view> suffixes =
        bias ? std::span<const std::string_view>(kBias) : kWeight;
    for (const std::string_view prefix : {architecture_.prefix, {}}) {
      for (const std::string_view suffix : suffixes) {
        const auto found =
            by_name_.find(fmt::format("{}{}{}", prefix, name, suffix));
        if (found != by_name_.end()) return found->second;
      }
    }
    return {};
  }

  const HfTensorRule* RuleOf(std::string_view ours) const {
    for (const HfTensorRule& rule : architecture_.tensors) {
      if (rule.ours == ours) return &rule;
    }
    return nullptr;
  }

  Result<WeightTensor> Take(const Value& value) {
    const bool bias = value.name.ends_with(".bias");
    const auto [generic, layer] =
        TakeNumber(std::string_view(value.name)
                       .substr(0, value.name.size() - (bias ? 5 : 0)));
    const HfTensorRule* rule = RuleOf(generic);
    if (rule == nullptr) {
      return MakeError(ErrorCode::kUnsupported,
                       fmt::format("{}: {}: a {} has no such tensor", File(),
                                   value.name, architecture_.name));
    }
    const int64_t rows = value.shape.rows.coefficient;
    const int64_t cols = value.shape.cols;
    WeightTensor out;
    out.name = value.name;
    out.shape = rows == 1 ? std::vector{cols} : std::vector{rows, cols};
    const std::string theirs = Fill(rule->theirs, '#', layer);
    const bool each = theirs.find('*') != std::string::npos;
    const int64_t bands = each ? c_.moe.experts : 1;
    for (int64_t band = 0; band < bands; ++band) {
      TRIPTYCH_TRY(TakeBand(each ? Fill(theirs, '*', band) : theirs, bias,
                            *rule, {band * (rows / bands), rows / bands, cols},
                            out));
    }
    out.bytes = static_cast<size_t>(rows) *
                RowBytes(out.dtype, static_cast<size_t>(cols));
    Simplify(out);
    return out;
  }

  Status TakeBand(const std::string& name, bool bias, const HfTensorRule& rule,
                  const Band& band, WeightTensor& out) {
    const Source source = Find(name, bias);
    if (source.tensor == nullptr) {
      return MakeError(
          ErrorCode::kNotFound,
          fmt::format("{}: {}{}{}: tensor is missing", File(),
                      architecture_.prefix, name, bias ? ".bias" : ".weight"));
    }
    const SafeTensor& tensor = *source.tensor;
    if (!IsReadType(tensor)) {
      return source.file->Fail(
          tensor,
          fmt::format("{}: weights must be F32, BF16, F16 or F64", tensor.type),
          ErrorCode::kUnsupported);
    }
    if (out.pieces.empty()) out.dtype = *tensor.dtype;
    if (out.dtype != *tensor.dtype) {
      return source.file->Fail(
          tensor, fmt::format("{}: must be of the type of the experts before "
                              "it",
                              tensor.type));
    }
    const auto pieces = PiecesOf(tensor, rule, band);
    if (pieces.empty()) {
      return source.file->Fail(
          tensor,
          fmt::format("shape [{}]: must be {}", fmt::join(tensor.shape, ", "),
                      WantedShape(rule, band)));
    }
    out.pieces.insert(out.pieces.end(), pieces.begin(), pieces.end());
    used_.insert(&tensor);
    return {};
  }

  // A tied head may be written out all the same.
  bool IsLeftOut(const SafeTensor& tensor) const {
    std::string_view name = tensor.name;
    const HfTensorRule* head = RuleOf("head");
    if (c_.tied_head && head != nullptr &&
        Find(std::string(head->theirs), false).tensor == &tensor) {
      return true;
    }
    const bool prefixed = name.starts_with(architecture_.prefix);
    for (const std::string_view pattern : architecture_.left_out) {
      if (Matches(pattern, name, c_.layers)) return true;
      if (prefixed && Matches(pattern, name.substr(architecture_.prefix.size()),
                              c_.layers)) {
        return true;
      }
    }
    return false;
  }

  // Positions that the graph computes: a checkpoint that has others is of
  // another model. Within what bf16 stores of a number up to 1.
  Status CheckSines() const {
    const Source source = Find("encoder.embed_positions", false);
    if (source.tensor == nullptr || !IsReadType(*source.tensor)) return {};
    const SafeTensor& table = *source.tensor;
    const std::vector<int64_t> wanted = {c_.audio.context, c_.dim};
    if (table.shape != wanted) {
      return source.file->Fail(table, fmt::format("shape [{}]: must be [{}]",
                                                  fmt::join(table.shape, ", "),
                                                  fmt::join(wanted, ", ")));
    }
    const auto cols = static_cast<size_t>(c_.dim), half = cols / 2;
    const double step =
        std::log(10000.0) / std::max(1.0, static_cast<double>(half) - 1);
    std::vector<float> row(cols);
    for (size_t r = 0; r < static_cast<size_t>(c_.audio.context); ++r) {
      DequantizeRow(*table.dtype,
                    table.data.data() + r * RowBytes(*table.dtype, cols),
                    row.data(), cols);
      for (size_t i = 0; i < cols; ++i) {
        const double angle = static_cast<double>(r) *
                             std::exp(-step * static_cast<double>(i % half));
        const double sine = i < half ? std::sin(angle) : std::cos(angle);
        if (std::abs(row[i] - sine) < 1.0 / 256) continue;
        return source.file->Fail(
            table,
            fmt::format("{} at [{}, {}]: must be the sines of Whisper, {}",
                        row[i], r, i, sine),
            ErrorCode::kUnsupported);
      }
    }
    return {};
  }

  Status TakeRest(ModelFile& model) const {
    for (const SafetensorsFile& shard : shards_) {
      for (const SafeTensor& tensor : shard.tensors()) {
        if (used_.contains(&tensor)) continue;
        if (!IsLeftOut(tensor)) {
          return shard.Fail(
              tensor,
              fmt::format("is no tensor of a {} with this configuration; "
                          "nothing is left out silently",
                          architecture_.name),
              ErrorCode::kUnsupported);
        }
        model.left_out.push_back(tensor.name);
      }
    }
    return {};
  }

  const ModelConfig& c_;
  const HfArchitecture& architecture_;
  std::span<const SafetensorsFile> shards_;
  std::unordered_map<std::string, Source> by_name_;
  std::set<const SafeTensor*> used_;
};

}  // namespace

Result<ModelFile> MakeHfModel(const HfConfig& config,
                              std::span<const SafetensorsFile> shards) {
  return Importer(config, shards).Run();
}

Result<ModelFile> LoadHfModel(const std::string& path) {
  TRIPTYCH_ASSIGN(const HfCheckpoint checkpoint, FindHfCheckpoint(path));
  TRIPTYCH_ASSIGN(const MappedFile config_file,
                  MappedFile::Open(checkpoint.config));
  TRIPTYCH_ASSIGN(HfConfig config,
                  ParseHfConfig(TextOf(config_file), checkpoint.config));
  config.config.name = checkpoint.name;
  TRIPTYCH_ASSIGN(HfShards shards, OpenHfShards(checkpoint));
  TRIPTYCH_ASSIGN(ModelFile model, MakeHfModel(config, shards.files));
  model.storage = std::move(shards.storage);
  return model;
}

}  // namespace triptych
