// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "models/onnx/layout.h"
#include "models/onnx/rotation.h"

namespace triptych::onnx {
namespace {

using Kind = Factor::Kind;

// A value of the model as a view of one of ours.
struct Activation {
  ValueId value = 0;
  View view;
};

Axis TokenAxis(int64_t size, int64_t stride = 1) {
  if (size == 1) return {};
  return {{Kind::kTokens, size, stride}};
}
const Factor kBatchFactor = {Kind::kBatch, 0, 1};
const Factor kOpenTokens = {Kind::kTokens, 0, 1};

// N of a part "block_N" or "layer_N" of a name, whatever is in front of that;
// Keras leaves the number of the first one out.
int KerasLayerOf(std::string_view name) {
  while (!name.empty()) {
    std::string_view part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    const size_t digits = part.find_last_not_of("0123456789") + 1;
    int number = 0;
    if (digits < part.size() && part.size() - digits < 6 && digits > 0 &&
        part[digits - 1] == '_') {
      number = std::stoi(std::string(part.substr(digits)));
      part = part.substr(0, digits - 1);
    }
    for (const std::string_view word : {"_block", "_layer"}) {
      if (part == word.substr(1) || part.ends_with(word)) return number;
    }
  }
  return -1;
}

// The first number between separators: "/model/layers.3/mlp/Add" is in
// layer 3.
int LayerOf(const std::string& name) {
  for (size_t i = 0; i < name.size(); ++i) {
    const bool starts = i == 0 || name[i - 1] == '.' || name[i - 1] == '/';
    size_t end = i;
    while (end < name.size() && end < i + 6 &&
           std::isdigit(static_cast<unsigned char>(name[end]))) {
      ++end;
    }
    const bool ends =
        end == name.size() || name[end] == '.' || name[end] == '/';
    if (starts && ends && end > i) return std::stoi(name.substr(i, end - i));
  }
  return KerasLayerOf(name);
}

class Emitter {
 public:
  Emitter(const Facts& facts, const BuildOptions& options, Tables& tables,
          ModelConfig& config)
      : f_(facts),
        options_(options),
        tables_(tables),
        config_(config),
        graph_(config.name) {}

  Result<Graph> Emit(std::span<const Step> steps, int output);

 private:
  // What `value` is so far; an input is made when it is first asked for.
  Result<Activation> Get(int value, const Node& user);
  Result<Activation> MakeInput(const InputInfo& input);
  Result<Activation> Do(const Step& step);

  Result<Activation> Embed(const Step& step);
  Result<Activation> Linear(const Step& step);
  Result<Activation> Norm(const Step& step);
  Result<Activation> Binary(const Step& step);
  Result<Activation> AddConstant(const Step& step);
  Result<Activation> AddRows(const Step& step, const Activation& x);
  Result<Activation> Rope(const Step& step);
  // Keys or values, through a cache.
  ValueId Append(const Step& step, const Activation& rows,
                 const std::string& part);
  Result<Activation> Attention(const Step& step);
  Result<Activation> Reshape(const Step& step);
  Result<Activation> Expand(const Step& step);
  Result<Activation> Slice(const Step& step);
  Result<Activation> Concat(const Step& step);
  Result<Activation> Mean(const Step& step);
  Result<Activation> Conv(const Step& step);
  Result<Activation> Patches(const Step& step);
  Result<Activation> Channels(const Step& step);

  // A constant whose rows are rows of a table: `first`, first + 1, ... (one
  // for each token), or `first` again and again.
  struct Lookup {
    int table;
    int64_t first;
    bool same;
  };
  std::optional<Lookup> LookupOf(int value) const;

  ValueId Weight(const Table& table) {
    const auto [known, fresh] = weights_.try_emplace(table.name, 0);
    if (fresh) {
      known->second = graph_.Weight(table.name, table.rows, table.cols);
    }
    return known->second;
  }
  // `part`: of the step's name, if it becomes several nodes.
  ValueId Add(std::string_view op, const Step& step,
              std::vector<ValueId> inputs, Attributes attributes = {},
              std::string_view part = "") {
    const std::string name = NameOf(step).append(part);
    graph_.SetLayer(LayerOf(name));
    const ValueId value =
        graph_.Add(op, name, std::move(inputs), std::move(attributes));
    graph_.SetLayer(-1);
    return value;
  }
  std::string NameOf(const Step& step) const {
    std::string name = step.node->name;
    if (name.empty()) {
      name = f_.model().values[static_cast<size_t>(step.output)];
    }
    return name.starts_with('/') ? name.substr(1) : name;
  }
  // What the activation of a feed-forward network says of it.
  void NoteActivation(std::string_view op, int64_t width) {
    if (op == "gelu_tanh" || op == "gelu_erf") {
      config_.activation = op == "gelu_tanh" ? triptych::Activation::kGeluTanh
                                             : triptych::Activation::kGeluErf;
      config_.ffn = width;
    } else if (op == "silu") {
      config_.activation = triptych::Activation::kSwiGlu;
      config_.ffn = width;
    }
  }
  int64_t Columns(const Activation& a) const {
    return graph_.ShapeOf(a.value).cols;
  }
  // Rows of a sequence; 0 if they are open.
  int64_t FixedTokens(const Activation& a) const {
    const Dim& rows = graph_.ShapeOf(a.value).rows;
    return rows.tokens ? 0 : rows.coefficient;
  }
  std::unexpected<Error> Fail(const Step& step, const std::string& what) const {
    return f_.Fail(*step.node, what);
  }

  const Facts& f_;
  const BuildOptions& options_;
  Tables& tables_;
  ModelConfig& config_;
  GraphBuilder graph_;
  bool decoder_ = false;
  int head_ = kAbsent;  // the value of the last linear layer, if it ends all
  std::map<int, Activation> made_;
  std::map<std::string, ValueId> weights_;
};

// ---- inputs ------------------------------------------------------------

Result<Activation> Emitter::MakeInput(const InputInfo& input) {
  TRIPTYCH_ASSIGN(const std::vector<SymbolicDim> sizes, f_.Sizes(input.value));
  const InputRole role = f_.RoleOf(input);
  const bool ids = role != InputRole::kFeatures;
  const size_t rank = sizes.size(), token_axis = ids ? rank - 1 : rank - 2;
  if (rank < (ids ? 1u : 2u) || rank > (ids ? 2u : 3u)) {
    return f_.Fail(input.value,
                   "must be [batch, tokens] of ids, or [batch, "
                   "tokens, features], or an image that a "
                   "convolution cuts into patches");
  }
  Activation a;
  Dim rows = kTokenRows;
  for (size_t d = 0; d < rank; ++d) {
    const SymbolicDim& size = sizes[d];
    if (size.coefficient < 1) return f_.Fail(input.value, "has nothing in it");
    const bool batch = d == 0 && token_axis == 1;
    if (batch) {
      const bool fits = size == SymbolicDim{1, 1, 0} || size == SymbolicDim{};
      if (!fits) return f_.Fail(input.value, "the batch must be open, or 1");
      a.view.push_back(size.batch ? Axis{kBatchFactor} : Axis{});
    } else if (d == token_axis) {
      const bool open = size == SymbolicDim{1, 0, 1};
      if (!open) rows = RowsPerSequence(size.coefficient);
      a.view.push_back(open ? Axis{kOpenTokens} : TokenAxis(size.coefficient));
    } else {
      a.view.push_back(ColumnAxis(size.coefficient));
    }
  }
  const std::string name =
      role == InputRole::kTokens ? "tokens"
      : role == InputRole::kSegments
          ? "segments"
          : f_.model().values[static_cast<size_t>(input.value)];
  a.value = graph_.Input(name, {rows, ids ? 1 : sizes.back().coefficient});
  return a;
}

Result<Activation> Emitter::Get(int value, const Node& user) {
  const auto made = made_.find(value);
  if (made != made_.end()) return made->second;
  for (const InputInfo& input : f_.model().inputs) {
    if (input.value != value) continue;
    TRIPTYCH_ASSIGN(const Activation a, MakeInput(input));
    made_[value] = a;
    return a;
  }
  return f_.Fail(user, "an input that nothing makes");
}

// ---- tables and linear layers ----------------------------------------------

Result<Activation> Emitter::Embed(const Step& step) {
  TRIPTYCH_ASSIGN(Activation ids, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(const Table table, tables_.Rows(step.constants[0], 0, -1));
  if (Columns(ids) != 1 || !IsWhole(ids.view, 1)) {
    return Fail(step, "input 1: must be ids, one a token");
  }
  if (config_.vocab == 0) config_.vocab = table.rows;
  ids.value = Add("embed", step, {ids.value, Weight(table)});
  ids.view.push_back(ColumnAxis(table.cols));
  return ids;
}

Result<Activation> Emitter::Linear(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(const Table w,
                  tables_.Linear(step.constants[0], step.turned));
  const int64_t k = Columns(x);
  if (w.cols != k || !IsWhole(x.view, k) || !EndsInRun(x.view, k)) {
    return Fail(
        step, fmt::format("input 0: must be rows of all {} features", w.cols));
  }
  const bool last = step.output == head_ && !options_.all_logits && decoder_;
  if (last) {
    x.value = graph_.Add("select_rows", "last", {x.value}, {{"last", 1}});
  }
  std::vector<ValueId> inputs = {x.value, Weight(w)};
  if (step.constants[1] != kAbsent) {
    TRIPTYCH_ASSIGN(const Table bias, tables_.Row(step.constants[1], w.rows));
    inputs.push_back(Weight(bias));
  }
  x.value = Add("matmul", step, std::move(inputs));
  x.view.back() = ColumnAxis(w.rows);
  return x;
}

Result<Activation> Emitter::Norm(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const bool rms = step.kind == StepKind::kRmsNorm;
  const Dims& dims = f_.ShapeOf(step.inputs[0]);
  const int64_t all = Columns(x), group = rms ? dims.back() : all;
  if (!EndsInRun(x.view, group) || all % group != 0) {
    return Fail(step, rms ? "must be over neighbouring features"
                          : "must be over all features of a row");
  }
  config_.norm_eps = step.number;
  config_.norm = rms ? NormKind::kRms : NormKind::kLayer;
  if (config_.dim == 0 && group == all) config_.dim = all;
  std::vector<ValueId> inputs = {x.value};
  if (step.constants[0] != kAbsent) {
    TRIPTYCH_ASSIGN(const Table scale, tables_.Row(step.constants[0], group));
    inputs.push_back(Weight(scale));
  } else if (rms) {
    inputs.push_back(
        Weight(tables_.Filled(fmt::format("ones.{}", group), group, 1)));
  }
  if (rms) {
    x.value = Add("rmsnorm", step, std::move(inputs),
                  {{"eps", step.number},
                   {"width", static_cast<double>(all)},
                   {"group", static_cast<double>(group)}});
    return x;
  }
  if (step.constants[1] != kAbsent) {
    TRIPTYCH_ASSIGN(const Table bias, tables_.Row(step.constants[1], all));
    inputs.push_back(Weight(bias));
  } else if (inputs.size() > 1) {
    inputs.push_back(
        Weight(tables_.Filled(fmt::format("zeros.{}.bias", all), all, 0)));
  }
  x.value = Add("layernorm", step, std::move(inputs), {{"eps", step.number}});
  return x;
}

Result<Activation> Emitter::Binary(const Step& step) {
  TRIPTYCH_ASSIGN(Activation a, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(const Activation b, Get(step.inputs[1], *step.node));
  View aligned = b.view;
  while (aligned.size() < a.view.size())
    aligned.insert(aligned.begin(), Axis{});
  const bool same = FlattenView(aligned) == FlattenView(a.view) &&
                    graph_.ShapeOf(a.value) == graph_.ShapeOf(b.value);
  if (!same) {
    return Fail(step,
                "both inputs must lie the same way; nothing that "
                "depends on data is repeated");
  }
  a.value = Add(step.op, step, {a.value, b.value});
  return a;
}

// ---- constants that are added ----------------------------------------------

std::optional<Emitter::Lookup> Emitter::LookupOf(int value) const {
  constexpr std::string_view kViews[] = {"Cast",    "Expand",  "Identity",
                                         "Reshape", "Squeeze", "Unsqueeze"};
  const Node* node = f_.Producer(value);
  while (node != nullptr && std::find(std::begin(kViews), std::end(kViews),
                                      node->op) != std::end(kViews)) {
    value = node->inputs[0];
    node = f_.Producer(value);
  }
  if (node == nullptr) return {};
  if (node->op == "Slice" && node->inputs.size() > 2) {
    const Tensor* starts = f_.Elements(node->inputs[1]);
    const bool rows =
        f_.ShapeOf(value).back() == f_.ShapeOf(node->inputs[0]).back();
    if (!rows || starts == nullptr || starts->count() != 1 ||
        starts->ints[0] < 0) {
      return {};
    }
    return Lookup{node->inputs[0], starts->ints[0], false};
  }
  if (node->op != "Gather" || node->Get<int64_t>("axis", 0) != 0) return {};
  std::optional<Lookup> found;
  for (const size_t probe : {0, 1}) {
    const Tensor* ids = f_.Elements(node->inputs[1], probe);
    if (ids == nullptr || ids->ints.size() < 2 || ids->dims.back() < 2) {
      return {};
    }
    const std::vector<int64_t>& rows = ids->ints;
    if (!found) found = Lookup{node->inputs[0], rows[0], rows[0] == rows[1]};
    const auto period = static_cast<size_t>(ids->dims.back());
    for (size_t k = 0; k < rows.size(); ++k) {
      const auto step = static_cast<int64_t>(found->same ? 0 : k % period);
      if (rows[k] != found->first + step) return {};
    }
  }
  return found;
}

// One row for all, or a row for each of a fixed number of tokens.
Result<Activation> Emitter::AddRows(const Step& step, const Activation& x) {
  const int constant = step.constants[0];
  TRIPTYCH_ASSIGN(const std::vector<SymbolicDim> sizes, f_.Sizes(constant));
  const int64_t cols = Columns(x), tokens = FixedTokens(x);
  Activation y = x;
  int64_t rows = 1;
  bool open = false;
  for (size_t d = 0; d + 1 < sizes.size(); ++d) {
    rows *= sizes[d].coefficient;
    open = open || sizes[d].batch || sizes[d].tokens;
  }
  if (!open && !sizes.empty() && sizes.back().coefficient == cols) {
    if (rows == 1) {
      TRIPTYCH_ASSIGN(const Table row, tables_.Row(constant, cols));
      y.value = Add("add_rows", step, {x.value, Weight(row)});
      return y;
    }
    if (rows == tokens) {
      TRIPTYCH_ASSIGN(const Table table, tables_.Rows(constant, 0, rows));
      config_.positions = Positions::kLearned;
      config_.context = rows;
      y.value = Add("pos_embed", step, {x.value, Weight(table)});
      return y;
    }
  }
  return Fail(step,
              "adds a constant that is neither one row for all tokens "
              "nor a table of positions");
}

Result<Activation> Emitter::AddConstant(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const int64_t cols = Columns(x);
  if (!IsWhole(x.view, cols) || !EndsInRun(x.view, cols)) {
    return Fail(step, "a constant is added to what is not rows of features");
  }
  const auto lookup = LookupOf(step.constants[0]);
  if (!lookup) return AddRows(step, x);
  const int64_t tokens = FixedTokens(x);
  const int64_t count = lookup->same ? 1 : tokens > 0 ? tokens : -1;
  TRIPTYCH_ASSIGN(const Table table,
                  tables_.Rows(lookup->table, lookup->first, count));
  if (table.cols != cols) return AddRows(step, x);
  if (lookup->same) {
    x.value = Add("add_rows", step, {x.value, Weight(table)});
    return x;
  }
  config_.positions = Positions::kLearned;
  if (tokens == 0) config_.context = std::min(config_.context, table.rows);
  x.value = Add("pos_embed", step, {x.value, Weight(table)});
  return x;
}

// ---- attention ---------------------------------------------------------

Result<Activation> Emitter::Rope(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const int64_t head_dim = f_.ShapeOf(step.inputs[0]).back();
  const int64_t cols = Columns(x);
  if (!EndsInRun(x.view, head_dim) || cols % head_dim != 0) {
    return Fail(step, "rotates what are not neighbouring features of heads");
  }
  size_t token_axis = x.view.size();
  for (size_t d = 0; d < x.view.size(); ++d) {
    if (x.view[d] == Axis{kOpenTokens}) token_axis = d;
  }
  if (token_axis == x.view.size()) {
    return Fail(step, "rotates what has no axis of tokens");
  }
  TRIPTYCH_ASSIGN(const double theta,
                  ThetaOf(f_, *step.node, step.constants[0], step.constants[1],
                          x.view.size() - token_axis, head_dim, step.flag));
  config_.positions = Positions::kRope;
  config_.rope.theta = theta;
  config_.rope.dim = head_dim;
  config_.rope.style = step.flag ? RopeStyle::kHalf : RopeStyle::kInterleaved;
  x.value = Add("rope", step, {x.value},
                {{"heads", static_cast<double>(cols / head_dim)},
                 {"head_dim", static_cast<double>(head_dim)},
                 {"theta", theta},
                 {"half", step.flag ? 1.0 : 0.0}});
  return x;
}

// The heads of one operand of an attention.
struct Heads {
  bool batch = false;
  int64_t heads = 1;    // with features of their own
  int64_t repeats = 1;  // neighbours that share one
};

// The leading axes as heads of `dim` features; nothing if they are not.
std::optional<Heads> HeadsOf(const View& view, int64_t dim, int64_t columns) {
  Heads h;
  const Axis lead = FlattenView(View(view.begin(), view.end() - 2));
  size_t next = 0;
  if (next < lead.size() && lead[next].kind == Kind::kBatch) {
    h.batch = true;
    ++next;
  }
  if (next < lead.size() && lead[next].kind == Kind::kColumns &&
      lead[next].stride == dim) {
    h.heads = lead[next++].size;
  }
  if (next < lead.size() && lead[next].kind == Kind::kColumns &&
      lead[next].stride == 0) {
    h.repeats = lead[next++].size;
  }
  if (next != lead.size() || h.heads * dim != columns) return {};
  return h;
}

ValueId Emitter::Append(const Step& step, const Activation& rows,
                        const std::string& part) {
  const ValueId cache =
      graph_.Cache(NameOf(step) + part + "_cache", {kCacheRows, Columns(rows)});
  return Add("kv_append", step, {rows.value, cache}, {}, part + "_append");
}

Result<Activation> Emitter::Attention(const Step& step) {
  TRIPTYCH_ASSIGN(Activation q, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(Activation k, Get(step.inputs[1], *step.node));
  TRIPTYCH_ASSIGN(Activation v, Get(step.inputs[2], *step.node));
  // Ranks differ where a file leaves out sizes of one.
  constexpr size_t kLeast = 3;
  const size_t rank =
      std::max({q.view.size(), k.view.size(), v.view.size(), kLeast});
  for (Activation* a : {&q, &k, &v}) {
    if (a->view.size() < 2) {
      return Fail(step,
                  "queries, keys and values must be [batch, heads, tokens, "
                  "features], or without sizes of one in front");
    }
    a->view.insert(a->view.begin(), rank - a->view.size(), Axis{});
  }
  std::swap(k.view[rank - 2], k.view[rank - 1]);
  const int64_t dim = f_.ShapeOf(step.inputs[0]).back();
  const int64_t v_dim = f_.ShapeOf(step.inputs[2]).back();
  const auto fits = [&](const Activation& a, int64_t size) {
    const Axis& tokens = a.view[rank - 2];
    return EndsInRun(a.view, size) &&
           std::all_of(tokens.begin(), tokens.end(),
                       [](const Factor& f) { return f.kind == Kind::kTokens; });
  };
  const auto hq = HeadsOf(q.view, dim, Columns(q));
  const auto hk = HeadsOf(k.view, dim, Columns(k));
  const auto hv = HeadsOf(v.view, v_dim, Columns(v));
  const bool heads = hq && hk && hv && hq->repeats == 1 &&
                     hk->heads == hv->heads && hk->repeats == hv->repeats &&
                     hk->heads * hk->repeats == hq->heads;
  if (!heads || !fits(q, dim) || !fits(k, dim) || !fits(v, v_dim)) {
    return Fail(step,
                "queries, keys and values must be whole heads of "
                "neighbouring features, keys perhaps shared by "
                "neighbouring heads");
  }
  if (decoder_ && !step.flag) {
    return Fail(step, "sees all tokens, where others are causal");
  }
  if (decoder_) {
    k.value = Append(step, k, ".k");
    v.value = Append(step, v, ".v");
  }
  config_.heads = hq->heads;
  config_.kv_heads = hk->heads;
  config_.head_dim = dim;
  ++config_.layers;
  Activation y = q;
  y.value = Add("attention", step, {q.value, k.value, v.value},
                {{"heads", static_cast<double>(hq->heads)},
                 {"kv_heads", static_cast<double>(hk->heads)},
                 {"head_dim", static_cast<double>(dim)},
                 {"v_dim", static_cast<double>(v_dim)},
                 {"causal", decoder_ ? 1.0 : 0.0},
                 {"scale", step.number}});
  for (Axis& axis : y.view) {
    for (Factor& f : axis) {
      if (f.kind == Kind::kColumns) f.stride = f.stride / dim * v_dim;
    }
  }
  y.view.back() = ColumnAxis(v_dim);
  const auto wanted = static_cast<size_t>(f_.Rank(step.output));
  while (y.view.size() > wanted && y.view.front().empty()) {
    y.view.erase(y.view.begin());
  }
  if (y.view.size() < wanted) {
    y.view.insert(y.view.begin(), wanted - y.view.size(), Axis{});
  }
  return y;
}

// ---- views -------------------------------------------------------------

Result<Activation> Emitter::Reshape(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(const std::vector<SymbolicDim> sizes, f_.Sizes(step.output));
  auto view = ReshapeView(x.view, sizes);
  if (!view) return Fail(step, "joins or cuts what is not side by side");
  x.view = *std::move(view);
  return x;
}

Result<Activation> Emitter::Expand(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  TRIPTYCH_ASSIGN(const std::vector<SymbolicDim> sizes, f_.Sizes(step.output));
  while (x.view.size() < sizes.size()) x.view.insert(x.view.begin(), Axis{});
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (!x.view[d].empty() || sizes[d] == SymbolicDim{}) continue;
    if (sizes[d].batch || sizes[d].tokens) {
      return Fail(step, "repeats what depends on data along the tokens");
    }
    x.view[d] = ColumnAxis(sizes[d].coefficient, 0);
  }
  return x;
}

Result<Activation> Emitter::Slice(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const auto d = static_cast<size_t>(step.integers[0]);
  const int64_t first = step.integers[1], count = step.integers[2];
  const Axis axis = FlattenView({x.view[d]});
  const auto finish = [&] {
    if (step.integers[3]) x.view.erase(x.view.begin() + step.integers[0]);
    return x;
  };
  if (axis.empty()) return finish();
  if (axis.size() != 1) return Fail(step, "slices what is not side by side");
  const Factor& f = axis[0];
  if (f.kind == Kind::kTokens && count == 1 && IsWhole(x.view, Columns(x))) {
    const int64_t size = f_.ShapeOf(step.inputs[0])[d];
    const bool last = first == size - 1 && (f.size > 0 || step.flag);
    if (first != 0 && !last) {
      return Fail(step, "only the first or the last token can be chosen");
    }
    x.value = Add("select_rows", step, {x.value}, {{"last", last ? 1.0 : 0.0}});
    x.view[d] = {};
    return finish();
  }
  if (f.kind != Kind::kColumns || f.stride == 0 ||
      f.size * f.stride != Columns(x)) {
    return Fail(step, "slices what is not side by side");
  }
  if (count != f.size) {
    x.value = Add("slice_cols", step, {x.value},
                  {{"first", static_cast<double>(first * f.stride)},
                   {"count", static_cast<double>(count * f.stride)}});
  }
  x.view[d] = ColumnAxis(count, f.stride);
  return finish();
}

Result<Activation> Emitter::Concat(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const auto d = static_cast<size_t>(step.integers[0]);
  const int64_t cols = Columns(x), tokens = FixedTokens(x);
  const bool rows = x.view.size() == 3 && d == 1 && tokens > 0 &&
                    IsWhole(x.view, cols) && EndsInRun(x.view, cols);
  // A class token for each sequence: one table, repeated for the batch.
  int constant = step.constants[0];
  if (const Node* node = f_.Producer(constant)) {
    if (node->op == "Expand") constant = node->inputs[0];
  }
  if (!rows || f_.Rank(constant) != 3 || f_.ShapeOf(constant)[0] != 1) {
    return Fail(step, "only rows of a table before a fixed number of tokens");
  }
  const int64_t added = f_.ShapeOf(constant)[1];
  TRIPTYCH_ASSIGN(const Table table, tables_.Rows(constant, 0, added));
  config_.class_token = true;
  x.value = Add("concat_rows", step, {x.value, Weight(table)});
  x.view[1] = TokenAxis(tokens + added);
  return x;
}

Result<Activation> Emitter::Mean(const Step& step) {
  TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
  const auto d = static_cast<size_t>(step.integers[0]);
  const bool tokens =
      x.view[d].size() == 1 && x.view[d][0].kind == Kind::kTokens;
  if (!tokens || !IsWhole(x.view, Columns(x))) {
    return Fail(step, "only all tokens of a sequence can be averaged");
  }
  x.value = Add("mean_pool", step, {x.value});
  x.view[d] = {};
  if (!step.integers[1]) x.view.erase(x.view.begin() + step.integers[0]);
  return x;
}

// ---- convolutions ------------------------------------------------------

// A convolution whose windows meet and do not overlap: a linear layer of
// patches, which the caller cuts.
Result<Activation> Emitter::Patches(const Step& step) {
  const Node& node = *step.node;
  const Dims& image = f_.ShapeOf(step.inputs[0]);
  const Dims& kernel = f_.ShapeOf(step.constants[0]);
  const auto sizes = node.Get("strides", Dims{1, 1});
  const auto pads = node.Get("pads", Dims{0, 0, 0, 0});
  const bool plain = f_.Producer(step.inputs[0]) == nullptr &&
                     sizes == std::vector<int64_t>{kernel[2], kernel[3]} &&
                     pads == std::vector<int64_t>(4, 0) &&
                     kernel[1] == image[1] && CountOf(kernel) > 0;
  if (!plain || made_.contains(step.inputs[0])) {
    return Fail(step,
                "a convolution in two dimensions must cut the model's "
                "input into patches that meet and do not overlap");
  }
  const int64_t down = image[2] / kernel[2], across = image[3] / kernel[3];
  TRIPTYCH_ASSIGN(const Table w, tables_.Kernel(step.constants[0], false));
  const ValueId patches =
      graph_.Input("patches", {RowsPerSequence(down * across), w.cols});
  config_.patch = {.height = image[2],
                   .width = image[3],
                   .channels = image[1],
                   .patch_height = kernel[2],
                   .patch_width = kernel[3]};
  std::vector<ValueId> inputs = {patches, Weight(w)};
  if (step.constants[1] != kAbsent) {
    TRIPTYCH_ASSIGN(const Table bias, tables_.Row(step.constants[1], w.rows));
    inputs.push_back(Weight(bias));
  }
  TRIPTYCH_ASSIGN(const auto shape, f_.Sizes(step.output));
  Activation y;
  y.value = Add("matmul", step, std::move(inputs));
  y.view = {shape[0].batch ? Axis{kBatchFactor} : Axis{}, ColumnAxis(w.rows),
            TokenAxis(down, across), TokenAxis(across)};
  return y;
}

// What a convolution reads. An input of the model comes with its channels
// first; ours has them last.
Result<Activation> Emitter::Channels(const Step& step) {
  const int value = step.inputs[0];
  if (f_.Producer(value) != nullptr || made_.contains(value)) {
    return Get(value, *step.node);
  }
  TRIPTYCH_ASSIGN(const auto sizes, f_.Sizes(value));
  if (sizes.size() != 3 || sizes[2].batch || sizes[2].tokens) {
    return Fail(step,
                "input 0: must be [batch, channels, tokens], the last "
                "two fixed");
  }
  const int64_t channels = sizes[1].coefficient, tokens = sizes[2].coefficient;
  Activation x;
  x.value = graph_.Input(f_.model().values[static_cast<size_t>(value)],
                         {RowsPerSequence(tokens), channels});
  x.view = {sizes[0].batch ? Axis{kBatchFactor} : Axis{}, ColumnAxis(channels),
            TokenAxis(tokens)};
  made_[value] = x;
  return x;
}

// Along the tokens of [batch, channels, tokens]: windows, then a linear
// layer.
Result<Activation> Emitter::Conv(const Step& step) {
  const Node& node = *step.node;
  for (const int64_t dilation : node.Get("dilations", Dims{})) {
    if (dilation != 1) return Fail(step, "dilations must be 1");
  }
  if (node.Get("auto_pad", std::string("NOTSET")) != "NOTSET") {
    return Fail(step, "attribute auto_pad: must be NOTSET");
  }
  if (node.Get<int64_t>("group", 1) != 1) {
    return Fail(step, "attribute group: must be 1");
  }
  if (f_.Rank(step.inputs[0]) == 4) return Patches(step);
  TRIPTYCH_ASSIGN(Activation x, Channels(step));
  const Dims& kernel = f_.ShapeOf(step.constants[0]);
  const int64_t tokens = FixedTokens(x), taps = kernel.back();
  const int64_t stride = node.Get("strides", Dims{1})[0];
  const auto pads = node.Get("pads", Dims{0, 0});
  View turned = x.view;
  if (turned.size() == 3) std::swap(turned[1], turned[2]);
  const bool fits = turned.size() == 3 && IsWhole(turned, Columns(x)) &&
                    EndsInRun(turned, Columns(x)) && tokens > 0 &&
                    CountOf(kernel) > 0 && taps % 2 == 1 &&
                    kernel[1] == Columns(x) &&
                    pads == std::vector<int64_t>(2, (taps - 1) / 2);
  if (!fits) {
    return Fail(step,
                "must be along a fixed number of tokens, of an odd "
                "width and padded by half of it");
  }
  TRIPTYCH_ASSIGN(const Table w, tables_.Kernel(step.constants[0], true));
  const ValueId windows = Add("im2col", step, {x.value},
                              {{"kernel", static_cast<double>(taps)},
                               {"stride", static_cast<double>(stride)}},
                              ".windows");
  std::vector<ValueId> inputs = {windows, Weight(w)};
  if (step.constants[1] != kAbsent) {
    TRIPTYCH_ASSIGN(const Table bias, tables_.Row(step.constants[1], w.rows));
    inputs.push_back(Weight(bias));
  }
  x.value = Add("matmul", step, std::move(inputs));
  x.view[1] = ColumnAxis(w.rows);
  x.view[2] = TokenAxis((tokens + stride - 1) / stride);
  return x;
}

// ---- all ---------------------------------------------------------------

Result<Activation> Emitter::Do(const Step& step) {
  switch (step.kind) {
    case StepKind::kEmbed:
      return Embed(step);
    case StepKind::kLinear:
      return Linear(step);
    case StepKind::kLayerNorm:
    case StepKind::kRmsNorm:
      return Norm(step);
    case StepKind::kBinary:
      return Binary(step);
    case StepKind::kAddConstant:
      return AddConstant(step);
    case StepKind::kRope:
      return Rope(step);
    case StepKind::kAttention:
      return Attention(step);
    case StepKind::kReshape:
      return Reshape(step);
    case StepKind::kExpand:
      return Expand(step);
    case StepKind::kSlice:
      return Slice(step);
    case StepKind::kConcat:
      return Concat(step);
    case StepKind::kMean:
      return Mean(step);
    case StepKind::kConv:
      return Conv(step);
    case StepKind::kUnary: {
      TRIPTYCH_ASSIGN(Activation x, Get(step.inputs[0], *step.node));
      NoteActivation(step.op, Columns(x));
      x.value = Add(step.op, step, {x.value});
      return x;
    }
    case StepKind::kTranspose: {
      TRIPTYCH_ASSIGN(const Activation x, Get(step.inputs[0], *step.node));
      Activation y = {x.value, {}};
      for (const int64_t axis : step.integers) {
        const auto rank = static_cast<int64_t>(x.view.size());
        y.view.push_back(
            x.view[static_cast<size_t>(axis < 0 ? axis + rank : axis)]);
      }
      return y;
    }
  }
  return Fail(step, "no such step");
}

Result<Graph> Emitter::Emit(std::span<const Step> steps, int output) {
  for (const Step& step : steps) {
    decoder_ = decoder_ || (step.kind == StepKind::kAttention && step.flag);
  }
  size_t last = steps.size();
  while (last > 0 && steps[last - 1].kind == StepKind::kReshape) --last;
  if (last > 0 && steps[last - 1].kind == StepKind::kLinear) {
    head_ = steps[last - 1].output;
  }
  if (steps.empty()) return f_.Fail(output, "an output must be computed");
  Activation result;
  for (const Step& step : steps) {
    TRIPTYCH_ASSIGN(result, Do(step));
    if (std::cmp_not_equal(result.view.size(), f_.Rank(step.output))) {
      return Fail(step, "adds or drops dimensions of what depends on data");
    }
    if (Columns(result) < 1) break;  // a mistake that the builder has kept
    made_[step.output] = result;
    if (step.output == head_) break;
  }
  const int64_t cols = Columns(result);
  const bool rows = IsWhole(result.view, cols) && EndsInRun(result.view, cols);
  if (cols >= 1 && !rows) {
    return f_.Fail(output, "an output must be rows of features");
  }
  if (config_.dim == 0) config_.dim = cols;
  if (decoder_) {
    graph_.AddEntry(Phase::kPrefill, 0, result.value);
    graph_.AddEntry(Phase::kDecode, 0, result.value);
  } else {
    graph_.AddEntry(Phase::kEncode, 0, result.value);
  }
  Result<Graph> graph = graph_.Finish();
  if (!graph) return Locate(std::move(graph).error(), f_.model().file);
  return graph;
}

}  // namespace

Result<Graph> EmitGraph(const Facts& facts, std::span<const Step> steps,
                        int output, const BuildOptions& options, Tables& tables,
                        ModelConfig& config) {
  return Emitter(facts, options, tables, config).Emit(steps, output);
}

}  // namespace triptych::onnx
