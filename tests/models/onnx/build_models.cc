// SPDX-License-Identifier: Apache-2.0
#include "tests/models/onnx/build_models.h"

#include <cmath>
#include <span>
#include <utility>

#include "kernels/base/rng.h"
#include "models/onnx/proto.h"

namespace triptych {
namespace {

using ::onnx::TensorProto;
using Names = std::vector<std::string>;
using Numbers = std::vector<int64_t>;

struct Attr {
  std::string name;
  double number = 0;      // of a float
  Numbers integers = {};  // if there are any: of an integer, or a list
  bool list = false;
};
Attr IntAttr(std::string name, int64_t value) {
  return {std::move(name), 0, {value}, false};
}
Attr ListAttr(std::string name, Numbers values) {
  return {std::move(name), 0, std::move(values), true};
}

// Writes nodes and initialisers; every method returns the name of a value.
class Writer {
 public:
  Writer(int64_t opset, uint64_t seed) : rng_(seed, 0) {
    model_.set_ir_version(8);
    model_.set_producer_name("pytorch");
    model_.add_opset_import()->set_version(opset);
    graph_ = model_.mutable_graph();
    graph_->set_name("main_graph");
  }

  // Empty symbols have the size.
  std::string Input(const std::string& name, int type,
                    const std::vector<std::pair<std::string, int64_t>>& dims) {
    Describe(graph_->add_input(), name, type, dims);
    return name;
  }
  void Output(const std::string& name) {
    Describe(graph_->add_output(), name, TensorProto::FLOAT, {});
  }

  std::string Op(const std::string& type, const Names& inputs,
                 const std::vector<Attr>& attributes = {}) {
    return Several(type, inputs, 1, attributes)[0];
  }
  // The same with a name for its output.
  std::string Named(const std::string& output, const std::string& type,
                    const Names& inputs) {
    ::onnx::NodeProto* node = Node(type, inputs, {});
    node->add_output(output);
    return output;
  }
  Names Several(const std::string& type, const Names& inputs, int outputs,
                const std::vector<Attr>& attributes = {}) {
    ::onnx::NodeProto* node = Node(type, inputs, attributes);
    Names names;
    for (int i = 0; i < outputs; ++i) {
      names.push_back(node->name() + "_output_" + std::to_string(i));
      node->add_output(names.back());
    }
    return names;
  }

  // Normal numbers of standard deviation `scale` around `centre`.
  std::string Weight(const std::string& name, const Numbers& dims, double scale,
                     double centre = 0) {
    std::vector<float> values(static_cast<size_t>(Count(dims)));
    for (float& v : values) {
      v = static_cast<float>(centre + scale * rng_.Normal());
    }
    return Store(name, dims, TensorProto::FLOAT, values);
  }
  std::string Matrix(const std::string& name, int64_t in, int64_t out) {
    return Weight(name, {in, out}, 1 / std::sqrt(static_cast<double>(in)));
  }
  std::string Ints(const Numbers& values) {
    return Store(Fresh("ints"), {static_cast<int64_t>(values.size())},
                 TensorProto::INT64, values);
  }
  std::string Int(int64_t value) {
    return Store(Fresh("int"), {}, TensorProto::INT64, Numbers{value});
  }
  std::string Float(double value) {
    return Store(Fresh("float"), {}, TensorProto::FLOAT,
                 std::vector<float>{static_cast<float>(value)});
  }
  template <class T>
  std::string Store(const std::string& name, const Numbers& dims, int type,
                    const std::vector<T>& values) {
    TensorProto* tensor = graph_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const int64_t size : dims) tensor->add_dims(size);
    tensor->set_raw_data(values.data(), values.size() * sizeof(T));
    return name;
  }

  // Names of the nodes that follow start so.
  void Enter(const std::string& scope) { scope_ = scope; }
  const std::string& scope() const { return scope_; }
  OnnxBytes Bytes() const {
    const std::string text = model_.SerializeAsString();
    const auto bytes = std::as_bytes(std::span(text));
    return OnnxBytes(bytes.begin(), bytes.end());
  }

  static int64_t Count(const Numbers& dims) {
    int64_t count = 1;
    for (const int64_t size : dims) count *= size;
    return count;
  }

 private:
  std::string Fresh(const std::string& kind) {
    return kind + "_" + std::to_string(count_++);
  }
  static void Describe(
      ::onnx::ValueInfoProto* info, const std::string& name, int type,
      const std::vector<std::pair<std::string, int64_t>>& dims) {
    info->set_name(name);
    auto* tensor = info->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    for (const auto& [symbol, size] : dims) {
      auto* dim = tensor->mutable_shape()->add_dim();
      symbol.empty() ? dim->set_dim_value(size) : dim->set_dim_param(symbol);
    }
  }
  ::onnx::NodeProto* Node(const std::string& type, const Names& inputs,
                          const std::vector<Attr>& attributes) {
    ::onnx::NodeProto* node = graph_->add_node();
    node->set_op_type(type);
    node->set_name(scope_ + "/" + Fresh(type));
    for (const std::string& input : inputs) node->add_input(input);
    for (const Attr& attribute : attributes) {
      auto* a = node->add_attribute();
      a->set_name(attribute.name);
      if (attribute.list) {
        a->set_type(::onnx::AttributeProto::INTS);
        for (const int64_t v : attribute.integers) a->add_ints(v);
      } else if (!attribute.integers.empty()) {
        a->set_type(::onnx::AttributeProto::INT);
        a->set_i(attribute.integers[0]);
      } else {
        a->set_type(::onnx::AttributeProto::FLOAT);
        a->set_f(static_cast<float>(attribute.number));
      }
    }
    return node;
  }

  ::onnx::ModelProto model_;
  ::onnx::GraphProto* graph_;
  Rng rng_;
  std::string scope_;
  int count_ = 0;
};

const std::vector<std::pair<std::string, int64_t>> kIds = {
    {"batch_size", 0}, {"sequence_length", 0}};

// ---- pieces that exporters write ------------------------------------------

// Size `axis` of a value, as a vector of one.
std::string SizeOf(Writer& w, const std::string& x, int64_t axis) {
  const std::string size =
      w.Op("Gather", {w.Op("Shape", {x}), w.Int(axis)}, {IntAttr("axis", 0)});
  return w.Op("Unsqueeze", {size, w.Ints({0})});
}

// x as [batch, tokens, ...].
std::string AsTokens(Writer& w, const std::string& x, const std::string& of,
                     const Numbers& rest) {
  return w.Op(
      "Reshape",
      {x, w.Op("Concat", {SizeOf(w, of, 0), SizeOf(w, of, 1), w.Ints(rest)},
               {IntAttr("axis", 0)})});
}

std::string LayerNorm(Writer& w, const std::string& x, int64_t dim,
                      const std::string& name) {
  const std::vector<Attr> last = {ListAttr("axes", {-1})};
  const std::string centred = w.Op("Sub", {x, w.Op("ReduceMean", {x}, last)});
  const std::string variance =
      w.Op("ReduceMean", {w.Op("Pow", {centred, w.Float(2)})}, last);
  const std::string root =
      w.Op("Sqrt", {w.Op("Add", {variance, w.Float(1e-5)})});
  const std::string scaled =
      w.Op("Mul", {w.Op("Div", {centred, root}),
                   w.Weight(name + ".weight", {dim}, 0.1, 1)});
  return w.Op("Add", {scaled, w.Weight(name + ".bias", {dim}, 0.1)});
}

std::string RmsNorm(Writer& w, const std::string& x, int64_t dim,
                    const std::string& name) {
  const std::string mean = w.Op("ReduceMean", {w.Op("Pow", {x, w.Float(2)})},
                                {ListAttr("axes", {-1})});
  const std::string root = w.Op("Sqrt", {w.Op("Add", {mean, w.Float(1e-6)})});
  const std::string inverse = w.Op("Div", {w.Float(1), root});
  return w.Op("Mul", {w.Weight(name + ".weight", {dim}, 0.1, 1),
                      w.Op("Mul", {x, inverse})});
}

// MatMul and Add, as torch.nn.Linear is exported for three dimensions.
std::string Linear(Writer& w, const std::string& x, int64_t in, int64_t out,
                   const std::string& name, bool bias) {
  const std::string y =
      w.Op("MatMul", {x, w.Matrix("onnx::MatMul_" + name, in, out)});
  if (!bias) return y;
  return w.Op("Add", {w.Weight(name + ".bias", {out}, 0.1), y});
}

// Gemm on [batch * tokens, in], as GPT-2's layers are exported.
std::string Conv1d(Writer& w, const std::string& x, int64_t in, int64_t out,
                   const std::string& name) {
  const std::string flat = w.Op("Reshape", {x, w.Ints({-1, in})});
  const std::string y = w.Op("Gemm", {flat, w.Matrix(name + ".weight", in, out),
                                      w.Weight(name + ".bias", {out}, 0.1)});
  return AsTokens(w, y, x, {out});
}

std::string GeluTanh(Writer& w, const std::string& x) {
  const std::string cube =
      w.Op("Mul", {w.Op("Pow", {x, w.Float(3)}), w.Float(0.044715)});
  const std::string inner =
      w.Op("Mul", {w.Op("Add", {x, cube}), w.Float(0.7978845608028654)});
  const std::string gate = w.Op("Add", {w.Op("Tanh", {inner}), w.Float(1)});
  return w.Op("Mul", {w.Op("Mul", {x, w.Float(0.5)}), gate});
}

std::string GeluErf(Writer& w, const std::string& x) {
  const std::string erf =
      w.Op("Erf", {w.Op("Div", {x, w.Float(1.4142135381698608)})});
  const std::string gate = w.Op("Add", {erf, w.Float(1)});
  return w.Op("Mul", {w.Op("Mul", {x, gate}), w.Float(0.5)});
}

// [batch, tokens, heads * dim] as [batch, heads, tokens, dim].
std::string SplitHeads(Writer& w, const std::string& x, int64_t heads,
                       int64_t dim) {
  return w.Op("Transpose", {AsTokens(w, x, x, {heads, dim})},
              {ListAttr("perm", {0, 2, 1, 3})});
}

std::string JoinHeads(Writer& w, const std::string& x, const std::string& of,
                      int64_t dim) {
  const std::string turned =
      w.Op("Transpose", {x}, {ListAttr("perm", {0, 2, 1, 3})});
  return AsTokens(w, turned, of, {dim});
}

std::string TurnKeys(Writer& w, const std::string& k) {
  return w.Op("Transpose", {k}, {ListAttr("perm", {0, 1, 3, 2})});
}

std::string Softmax(Writer& w, const std::string& x) {
  return w.Op("Softmax", {x}, {IntAttr("axis", -1)});
}

// 0, 1, ... as [1, tokens].
std::string PositionIds(Writer& w, const std::string& ids) {
  const std::string size =
      w.Op("Gather", {w.Op("Shape", {ids}), w.Int(1)}, {IntAttr("axis", 0)});
  const std::string range = w.Op("Range", {w.Int(0), size, w.Int(1)});
  return w.Op("Unsqueeze", {range, w.Ints({0})});
}

// ---- GPT-2 ---------------------------------------------------------------

std::string Gpt2Attention(Writer& w, const std::string& x, const OnnxSizes& s,
                          const std::string& mask) {
  const int64_t head = s.dim / s.heads;
  const std::string qkv = Conv1d(w, x, s.dim, 3 * s.dim, w.scope() + ".c_attn");
  const Names parts = w.Several("Split", {qkv, w.Ints({s.dim, s.dim, s.dim})},
                                3, {IntAttr("axis", 2)});
  const std::string q = SplitHeads(w, parts[0], s.heads, head);
  const std::string k = SplitHeads(w, parts[1], s.heads, head);
  const std::string v = SplitHeads(w, parts[2], s.heads, head);
  const std::string scores =
      w.Op("Div", {w.Op("MatMul", {q, TurnKeys(w, k)}),
                   w.Float(std::sqrt(static_cast<double>(head)))});
  // A square of the stored triangle, as large as there are tokens.
  const std::string tokens = SizeOf(w, x, 1);
  const std::string rows =
      w.Op("Slice", {mask, w.Ints({0}), tokens, w.Ints({2})});
  const std::string square =
      w.Op("Slice", {rows, w.Ints({0}), tokens, w.Ints({3})});
  const std::string masked =
      w.Op("Where", {square, scores, w.Float(-3.4028234663852886e38)});
  const std::string mixed = w.Op("MatMul", {Softmax(w, masked), v});
  return Conv1d(w, JoinHeads(w, mixed, x, s.dim), s.dim, s.dim,
                w.scope() + ".c_proj");
}

}  // namespace

OnnxBytes Gpt2Onnx(const OnnxSizes& s) {
  Writer w(14, s.seed);
  const std::string ids = w.Input("input_ids", TensorProto::INT64, kIds);
  std::vector<uint8_t> triangle;
  for (int64_t i = 0; i < s.context * s.context; ++i) {
    triangle.push_back(i % s.context <= i / s.context ? 1 : 0);
  }
  const std::string mask = w.Store("attn.bias", {1, 1, s.context, s.context},
                                   TensorProto::BOOL, triangle);
  const std::string wte =
      w.Weight("transformer.wte.weight", {s.vocab, s.dim}, 0.5);
  const std::string wpe =
      w.Weight("transformer.wpe.weight", {s.context, s.dim}, 0.3);
  w.Enter("/transformer");
  std::string x = w.Op("Add", {w.Op("Gather", {wte, ids}),
                               w.Op("Gather", {wpe, PositionIds(w, ids)})});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string h = "/transformer/h." + std::to_string(layer);
    w.Enter(h + "/attn");
    x = w.Op(
        "Add",
        {Gpt2Attention(w, LayerNorm(w, x, s.dim, h + ".ln_1"), s, mask), x});
    w.Enter(h + "/mlp");
    const std::string up = Conv1d(w, LayerNorm(w, x, s.dim, h + ".ln_2"), s.dim,
                                  s.ffn, h + ".c_fc");
    x = w.Op("Add",
             {x, Conv1d(w, GeluTanh(w, up), s.ffn, s.dim, h + ".mlp.c_proj")});
  }
  w.Enter("");
  const std::string last = LayerNorm(w, x, s.dim, "transformer.ln_f");
  w.Named("logits", "MatMul",
          {last, w.Op("Transpose", {wte}, {ListAttr("perm", {1, 0})})});
  w.Output("logits");
  return w.Bytes();
}

// ---- BERT ----------------------------------------------------------------

OnnxBytes BertOnnx(const OnnxSizes& s, bool pooled) {
  Writer w(13, s.seed);
  const int64_t head = s.dim / s.heads;
  const std::string ids = w.Input("input_ids", TensorProto::INT64, kIds);
  const std::string mask = w.Input("attention_mask", TensorProto::INT64, kIds);
  const std::string types = w.Input("token_type_ids", TensorProto::INT64, kIds);
  Numbers all;
  for (int64_t i = 0; i < s.context; ++i) all.push_back(i);
  const std::string stored = w.Store("embeddings.position_ids", {1, s.context},
                                     TensorProto::INT64, all);
  w.Enter("/embeddings");
  const std::string places =
      w.Op("Slice",
           {stored, w.Ints({0}), SizeOf(w, ids, 1), w.Ints({1}), w.Ints({1})});
  const std::string words = w.Op(
      "Add",
      {w.Op("Gather", {w.Weight("word.weight", {s.vocab, s.dim}, 0.5), ids}),
       w.Op("Gather", {w.Weight("type.weight", {2, s.dim}, 0.3), types})});
  std::string x = w.Op(
      "Add", {words, w.Op("Gather",
                          {w.Weight("position.weight", {s.context, s.dim}, 0.3),
                           places})});
  x = LayerNorm(w, x, s.dim, "embeddings.norm");
  // (1 - mask) * the lowest float, for all heads and queries.
  const std::string wide = w.Op("Unsqueeze", {mask, w.Ints({1, 2})});
  const std::string open =
      w.Op("Cast", {wide}, {IntAttr("to", TensorProto::FLOAT)});
  const std::string closed = w.Op("Mul", {w.Op("Sub", {w.Float(1), open}),
                                          w.Float(-3.4028234663852886e38)});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string l = "/encoder/layer." + std::to_string(layer);
    w.Enter(l + "/attention");
    const auto part = [&](const std::string& name) {
      return SplitHeads(w, Linear(w, x, s.dim, s.dim, l + name, true), s.heads,
                        head);
    };
    const std::string q = part(".query"), k = part(".key"), v = part(".value");
    const std::string scores = w.Op(
        "Add", {w.Op("Div", {w.Op("MatMul", {q, TurnKeys(w, k)}),
                             w.Float(std::sqrt(static_cast<double>(head)))}),
                closed});
    const std::string mixed = w.Op("MatMul", {Softmax(w, scores), v});
    const std::string out = Linear(w, JoinHeads(w, mixed, x, s.dim), s.dim,
                                   s.dim, l + ".out", true);
    x = LayerNorm(w, w.Op("Add", {out, x}), s.dim, l + ".attention.norm");
    w.Enter(l + "/ffn");
    const std::string up =
        GeluErf(w, Linear(w, x, s.dim, s.ffn, l + ".up", true));
    const std::string down = Linear(w, up, s.ffn, s.dim, l + ".down", true);
    x = LayerNorm(w, w.Op("Add", {down, x}), s.dim, l + ".ffn.norm");
  }
  w.Enter("");
  if (!pooled) {
    w.Output(w.Named("last_hidden_state", "Identity", {x}));
    return w.Bytes();
  }
  w.Enter("/pooler");
  const std::string first = w.Op("Gather", {x, w.Int(0)}, {IntAttr("axis", 1)});
  const std::string dense =
      w.Op("Gemm",
           {first, w.Matrix("pooler.weight", s.dim, s.dim),
            w.Weight("pooler.bias", {s.dim}, 0.1)},
           {IntAttr("transB", 1)});
  w.Output(w.Named("pooler_output", "Tanh", {dense}));
  return w.Bytes();
}

// ---- Llama ---------------------------------------------------------------

namespace {

struct Rotation {
  std::string cos, sin;
};

// theta 10000 from stored f32 frequencies, [1, 1, tokens, head].
Rotation LlamaRotation(Writer& w, const std::string& ids, int64_t head,
                       bool neighbours) {
  std::vector<float> inverse;
  for (int64_t i = 0; i < head / 2; ++i) {
    inverse.push_back(static_cast<float>(std::pow(
        10000.0, -2 * static_cast<double>(i) / static_cast<double>(head))));
  }
  const std::string frequencies =
      w.Store("rotary.inv_freq", {1, head / 2, 1}, TensorProto::FLOAT, inverse);
  const std::string places =
      w.Op("Cast", {w.Op("Unsqueeze", {PositionIds(w, ids), w.Ints({1})})},
           {IntAttr("to", TensorProto::FLOAT)});
  const std::string angles =
      w.Op("Transpose", {w.Op("MatMul", {frequencies, places})},
           {ListAttr("perm", {0, 2, 1})});
  std::string twice = w.Op("Concat", {angles, angles}, {IntAttr("axis", -1)});
  if (neighbours) {
    const std::string column = w.Op("Unsqueeze", {angles, w.Ints({-1})});
    twice = w.Op("Reshape",
                 {w.Op("Concat", {column, column}, {IntAttr("axis", -1)}),
                  w.Ints({1, -1, head})});
  }
  return {w.Op("Unsqueeze", {w.Op("Cos", {twice}), w.Ints({1})}),
          w.Op("Unsqueeze", {w.Op("Sin", {twice}), w.Ints({1})})};
}

// x with each pair (a, b) as (-b, a); pairs are halves or neighbours.
std::string Turn(Writer& w, const std::string& x, int64_t head,
                 bool neighbours) {
  const std::string axis = w.Ints({3}), end = w.Ints({INT64_MAX});
  if (neighbours) {
    const auto part = [&](int64_t first) {
      return w.Op("Slice", {x, w.Ints({first}), end, axis, w.Ints({2})});
    };
    const std::string last = w.Ints({-1});
    const std::string stacked =
        w.Op("Concat",
             {w.Op("Unsqueeze", {w.Op("Neg", {part(1)}), last}),
              w.Op("Unsqueeze", {part(0), last})},
             {IntAttr("axis", -1)});
    return w.Op("Reshape", {stacked, w.Op("Shape", {x})});
  }
  const std::string low =
      w.Op("Slice", {x, w.Ints({0}), w.Ints({head / 2}), axis, w.Ints({1})});
  const std::string high =
      w.Op("Slice", {x, w.Ints({head / 2}), end, axis, w.Ints({1})});
  return w.Op("Concat", {w.Op("Neg", {high}), low}, {IntAttr("axis", -1)});
}

std::string Rotate(Writer& w, const std::string& x, const Rotation& r,
                   int64_t head, bool neighbours) {
  const std::string turned = Turn(w, x, head, neighbours);
  return w.Op("Add", {w.Op("Mul", {x, r.cos}), w.Op("Mul", {turned, r.sin})});
}

// [batch, kv, tokens, head] with each head `times` in a row.
std::string RepeatHeads(Writer& w, const std::string& x, int64_t kv,
                        int64_t times, int64_t head) {
  if (times == 1) return x;
  const std::string batch = SizeOf(w, x, 0), tokens = SizeOf(w, x, 2);
  const std::string wide =
      w.Op("Expand",
           {w.Op("Unsqueeze", {x, w.Ints({2})}),
            w.Op("Concat", {batch, w.Ints({kv, times}), tokens, w.Ints({head})},
                 {IntAttr("axis", 0)})});
  return w.Op("Reshape",
              {wide, w.Op("Concat",
                          {batch, w.Ints({kv * times}), tokens, w.Ints({head})},
                          {IntAttr("axis", 0)})});
}

// The lowest float above the diagonal, [1, 1, tokens, tokens].
std::string CausalMask(Writer& w, const std::string& ids) {
  const std::string tokens = SizeOf(w, ids, 1);
  const std::string full =
      w.Op("Expand", {w.Float(-3.4028234663852886e38),
                      w.Op("Concat", {tokens, tokens}, {IntAttr("axis", 0)})});
  const std::string upper =
      w.Op("Trilu", {full, w.Int(1)}, {IntAttr("upper", 1)});
  return w.Op("Unsqueeze", {upper, w.Ints({0, 1})});
}

std::string LlamaAttention(Writer& w, const std::string& x, const OnnxSizes& s,
                           const Rotation& r, const std::string& mask,
                           bool qk_norm) {
  const int64_t head = s.dim / s.heads;
  const auto part = [&](const std::string& name, int64_t heads, bool norm) {
    std::string y = Linear(w, x, s.dim, heads * head, w.scope() + name, false);
    y = AsTokens(w, y, x, {heads, head});
    if (norm) y = RmsNorm(w, y, head, w.scope() + name + "_norm");
    return w.Op("Transpose", {y}, {ListAttr("perm", {0, 2, 1, 3})});
  };
  const std::string q =
      Rotate(w, part(".q", s.heads, qk_norm), r, head, s.neighbours);
  const std::string k =
      Rotate(w, part(".k", s.kv_heads, qk_norm), r, head, s.neighbours);
  const std::string v = part(".v", s.kv_heads, false);
  const int64_t times = s.heads / s.kv_heads;
  const std::string keys = RepeatHeads(w, k, s.kv_heads, times, head);
  const std::string values = RepeatHeads(w, v, s.kv_heads, times, head);
  // As scaled_dot_product_attention is exported: the root of the scale on
  // either side.
  const std::string root = w.Float(std::pow(static_cast<double>(head), -0.25));
  const std::string scores =
      w.Op("MatMul",
           {w.Op("Mul", {q, root}), w.Op("Mul", {TurnKeys(w, keys), root})});
  const std::string weights = Softmax(w, w.Op("Add", {scores, mask}));
  const std::string mixed = w.Op("MatMul", {weights, values});
  return Linear(w, JoinHeads(w, mixed, x, s.dim), s.dim, s.dim,
                w.scope() + ".o", false);
}

}  // namespace

OnnxBytes LlamaOnnx(const OnnxSizes& s, bool qk_norm) {
  Writer w(17, s.seed);
  const std::string ids = w.Input("input_ids", TensorProto::INT64, kIds);
  w.Enter("/model");
  const Rotation rotation =
      LlamaRotation(w, ids, s.dim / s.heads, s.neighbours);
  const std::string mask = CausalMask(w, ids);
  std::string x = w.Op(
      "Gather", {w.Weight("model.embed.weight", {s.vocab, s.dim}, 0.5), ids});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string l = "/model/layers." + std::to_string(layer);
    w.Enter(l + "/self_attn");
    x = w.Op("Add", {x, LlamaAttention(w, RmsNorm(w, x, s.dim, l + ".input"), s,
                                       rotation, mask, qk_norm)});
    w.Enter(l + "/mlp");
    const std::string h = RmsNorm(w, x, s.dim, l + ".post");
    const std::string gate = Linear(w, h, s.dim, s.ffn, l + ".gate", false);
    const std::string act = w.Op("Mul", {gate, w.Op("Sigmoid", {gate})});
    const std::string up = Linear(w, h, s.dim, s.ffn, l + ".up", false);
    x = w.Op("Add", {x, Linear(w, w.Op("Mul", {act, up}), s.ffn, s.dim,
                               l + ".down", false)});
  }
  w.Enter("");
  w.Named("logits", "MatMul",
          {RmsNorm(w, x, s.dim, "model.norm"),
           w.Matrix("lm_head", s.dim, s.vocab)});
  w.Output("logits");
  return w.Bytes();
}

// ---- images and sound ------------------------------------------------------

namespace {

std::string FusedNorm(Writer& w, const std::string& x, int64_t dim,
                      const std::string& name) {
  return w.Op("LayerNormalization",
              {x, w.Weight(name + ".weight", {dim}, 0.1, 1),
               w.Weight(name + ".bias", {dim}, 0.1)},
              {IntAttr("axis", -1), Attr{"epsilon", 1e-6}});
}

// One linear layer for all three, told apart by an axis of size 3.
std::string FusedAttention(Writer& w, const std::string& x, const OnnxSizes& s,
                           const std::string& name) {
  const int64_t head = s.dim / s.heads;
  const std::string qkv = Linear(w, x, s.dim, 3 * s.dim, name + ".qkv", true);
  const std::string all =
      w.Op("Transpose", {AsTokens(w, qkv, x, {3, s.heads, head})},
           {ListAttr("perm", {2, 0, 3, 1, 4})});
  const auto part = [&](int64_t which) {
    return w.Op("Gather", {all, w.Int(which)}, {IntAttr("axis", 0)});
  };
  const std::string q = part(0), k = part(1), v = part(2);
  const std::string scores =
      w.Op("Mul", {w.Op("MatMul", {q, TurnKeys(w, k)}),
                   w.Float(std::pow(static_cast<double>(head), -0.5))});
  const std::string mixed = w.Op("MatMul", {Softmax(w, scores), v});
  return Linear(w, JoinHeads(w, mixed, x, s.dim), s.dim, s.dim, name + ".proj",
                true);
}

std::string EncoderBlock(Writer& w, std::string x, const OnnxSizes& s,
                         const std::string& name) {
  w.Enter("/" + name);
  x = w.Op("Add", {x, FusedAttention(w, FusedNorm(w, x, s.dim, name + ".n1"), s,
                                     name)});
  const std::string up =
      GeluErf(w, Linear(w, FusedNorm(w, x, s.dim, name + ".n2"), s.dim, s.ffn,
                        name + ".fc1", true));
  return w.Op("Add", {x, Linear(w, up, s.ffn, s.dim, name + ".fc2", true)});
}

}  // namespace

OnnxBytes VitOnnx(const OnnxSizes& s) {
  Writer w(17, s.seed);
  const std::string image =
      w.Input("pixel_values", TensorProto::FLOAT,
              {{"batch_size", 0}, {"", 3}, {"", 8}, {"", 8}});
  w.Enter("/embeddings");
  const std::string patches =
      w.Op("Conv",
           {image, w.Weight("patch.weight", {s.dim, 3, 4, 4}, 0.15),
            w.Weight("patch.bias", {s.dim}, 0.1)},
           {ListAttr("strides", {4, 4}), ListAttr("kernel_shape", {4, 4})});
  const std::string batch = SizeOf(w, image, 0);
  const std::string flat =
      w.Op("Reshape", {patches, w.Op("Concat", {batch, w.Ints({s.dim, -1})},
                                     {IntAttr("axis", 0)})});
  const std::string rows =
      w.Op("Transpose", {flat}, {ListAttr("perm", {0, 2, 1})});
  const std::string token =
      w.Op("Expand",
           {w.Weight("cls_token", {1, 1, s.dim}, 0.3),
            w.Op("Concat", {batch, w.Ints({1, s.dim})}, {IntAttr("axis", 0)})});
  std::string x = w.Op("Concat", {token, rows}, {IntAttr("axis", 1)});
  x = w.Op("Add", {x, w.Weight("pos_embed", {1, 5, s.dim}, 0.3)});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    x = EncoderBlock(w, x, s, "blocks." + std::to_string(layer));
  }
  w.Enter("");
  const std::string norm = FusedNorm(w, x, s.dim, "norm");
  const std::string first =
      w.Op("Gather", {norm, w.Int(0)}, {IntAttr("axis", 1)});
  w.Output(w.Named(
      "logits", "Gemm",
      {first, w.Matrix("head", s.dim, 10), w.Weight("head.bias", {10}, 0.1)}));
  return w.Bytes();
}

OnnxBytes AudioOnnx(const OnnxSizes& s) {
  Writer w(17, s.seed);
  std::string x = w.Input("input_features", TensorProto::FLOAT,
                          {{"batch_size", 0}, {"", 10}, {"", 16}});
  int64_t channels = 10;
  for (const int64_t stride : {1, 2}) {
    const std::string name = "conv" + std::to_string(stride);
    x = w.Op("Conv",
             {x, w.Weight(name + ".weight", {s.dim, channels, 3}, 0.2),
              w.Weight(name + ".bias", {s.dim}, 0.1)},
             {ListAttr("strides", {stride}), ListAttr("pads", {1, 1})});
    x = GeluErf(w, x);
    channels = s.dim;
  }
  x = w.Op("Transpose", {x}, {ListAttr("perm", {0, 2, 1})});
  x = w.Op("Add", {x, w.Weight("positions", {8, s.dim}, 0.3)});
  x = EncoderBlock(w, x, s, "layers.0");
  w.Enter("");
  const std::string mean =
      w.Op("ReduceMean", {x}, {ListAttr("axes", {1}), IntAttr("keepdims", 0)});
  w.Output(w.Named("embedding", "MatMul", {mean, w.Matrix("head", s.dim, 6)}));
  return w.Bytes();
}

}  // namespace triptych
