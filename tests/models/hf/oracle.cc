// SPDX-License-Identifier: Apache-2.0
#include "tests/models/hf/oracle.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

namespace triptych::hf {
namespace {

using Row = std::vector<double>;

size_t Z(int64_t n) { return static_cast<size_t>(n); }

// ---- Small pieces ----

// y = W x + b, of a torch Linear: W[out][in].
Matrix Linear(const Tensors& t, const std::string& name, const Matrix& x) {
  const Tensor& w = t.at(name + ".weight");
  const auto bias = t.find(name + ".bias");
  const size_t out = Z(w.shape[0]), in = x[0].size();
  Matrix y(x.size(), Row(out));
  for (size_t r = 0; r < x.size(); ++r) {
    for (size_t o = 0; o < out; ++o) {
      double sum = bias == t.end() ? 0.0 : bias->second.values[o];
      for (size_t i = 0; i < in; ++i) sum += x[r][i] * w.values[o * in + i];
      y[r][o] = sum;
    }
  }
  return y;
}

// y = x W + b, of GPT-2's Conv1D: W[in][out].
Matrix Conv1D(const Tensors& t, const std::string& name, const Matrix& x) {
  const Tensor& w = t.at(name + ".weight");
  const Tensor& b = t.at(name + ".bias");
  const size_t in = Z(w.shape[0]), out = Z(w.shape[1]);
  Matrix y(x.size(), Row(out));
  for (size_t r = 0; r < x.size(); ++r) {
    for (size_t o = 0; o < out; ++o) {
      double sum = b.values[o];
      for (size_t i = 0; i < in; ++i) sum += x[r][i] * w.values[i * out + o];
      y[r][o] = sum;
    }
  }
  return y;
}

Matrix LayerNorm(const Matrix& x, const Tensor& gain, const Tensor& bias,
                 double eps) {
  Matrix y = x;
  for (Row& row : y) {
    const double n = static_cast<double>(row.size());
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / n;
    double variance = 0;
    for (const double v : row) variance += (v - mean) * (v - mean) / n;
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + eps) * gain.values[i] +
               bias.values[i];
    }
  }
  return y;
}

Matrix Norm(const Tensors& t, const std::string& name, const Matrix& x,
            double eps) {
  return LayerNorm(x, t.at(name + ".weight"), t.at(name + ".bias"), eps);
}

void RmsNormRow(double* x, size_t n, const Tensor& gain, double eps) {
  double squares = 0;
  for (size_t i = 0; i < n; ++i) squares += x[i] * x[i];
  const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
  for (size_t i = 0; i < n; ++i) x[i] *= scale * gain.values[i];
}

Matrix RmsNorm(const Tensors& t, const std::string& name, Matrix x,
               double eps) {
  for (Row& row : x) {
    RmsNormRow(row.data(), row.size(), t.at(name + ".weight"), eps);
  }
  return x;
}

Matrix Sum(Matrix a, const Matrix& b) {
  for (size_t r = 0; r < a.size(); ++r) {
    for (size_t c = 0; c < a[r].size(); ++c) a[r][c] += b[r][c];
  }
  return a;
}

Matrix Map(Matrix x, const std::function<double(double)>& f) {
  for (Row& row : x) {
    for (double& v : row) v = f(v);
  }
  return x;
}

double Silu(double x) { return x / (1 + std::exp(-x)); }
double Gelu(double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }
double GeluNew(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                        (x + 0.044715 * x * x * x)));
}

Matrix Lookup(const Tensor& table, const Ids& ids) {
  const size_t cols = Z(table.shape.back());
  Matrix rows;
  for (const int32_t id : ids) {
    const float* from = table.values.data() + Z(id) * cols;
    rows.emplace_back(from, from + cols);
  }
  return rows;
}

Ids FirstIds(size_t n) {
  Ids ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

void Softmax(Row& scores) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  for (double& s : scores) s /= sum;
}

// Heads side by side in the columns; keys are repeated for grouped heads.
Matrix Attend(const Matrix& q, const Matrix& k, const Matrix& v, size_t heads,
              size_t kv_heads, double scale, bool causal) {
  const size_t d = q[0].size() / heads, dv = v[0].size() / kv_heads;
  Matrix out(q.size(), Row(heads * dv));
  for (size_t h = 0; h < heads; ++h) {
    const size_t g = h / (heads / kv_heads);
    for (size_t r = 0; r < q.size(); ++r) {
      Row scores(causal ? r + 1 : k.size());
      for (size_t s = 0; s < scores.size(); ++s) {
        for (size_t i = 0; i < d; ++i) {
          scores[s] += q[r][h * d + i] * k[s][g * d + i] * scale;
        }
      }
      Softmax(scores);
      for (size_t s = 0; s < scores.size(); ++s) {
        for (size_t i = 0; i < dv; ++i) {
          out[r][h * dv + i] += scores[s] * v[s][g * dv + i];
        }
      }
    }
  }
  return out;
}

// ---- Rotation ----

// inv_freq, kept in f32 as a torch buffer is.
Row InverseFrequency(const Rotation& r, size_t dim) {
  const double pi = std::numbers::pi, d = static_cast<double>(dim);
  Row inv(dim / 2);
  for (size_t i = 0; i < inv.size(); ++i) {
    inv[i] = 1 / std::pow(r.theta, 2 * static_cast<double>(i) / d);
  }
  const auto dimension = [&](double turns) {
    return d * std::log(r.original / (turns * 2 * pi)) /
           (2 * std::log(r.theta));
  };
  const double first = std::max(std::floor(dimension(r.high)), 0.0);
  double last = std::min(std::ceil(dimension(r.low)), d - 1);
  if (first == last) last += 0.001;
  for (size_t i = 0; i < inv.size(); ++i) {
    const double wave = 2 * pi / inv[i];
    if (r.kind == "llama3" && wave > r.original / r.low) {
      inv[i] /= r.factor;
    } else if (r.kind == "llama3" && wave > r.original / r.high) {
      const double smooth = (r.original / wave - r.low) / (r.high - r.low);
      inv[i] = (1 - smooth) * inv[i] / r.factor + smooth * inv[i];
    } else if (r.kind == "yarn") {
      const double ramp = std::clamp(
          (static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
      inv[i] = inv[i] / r.factor * ramp + inv[i] * (1 - ramp);
    }
    inv[i] = static_cast<float>(inv[i]);
  }
  return inv;
}

// x cos + rotate_half(x) sin, of `dim` features at x.
void RotateHalf(double* x, const Row& inv, double position, double gain) {
  const size_t half = inv.size();
  for (size_t i = 0; i < half; ++i) {
    const double c = std::cos(position * inv[i]) * gain;
    const double s = std::sin(position * inv[i]) * gain;
    const double a = x[i], b = x[i + half];
    x[i] = a * c - b * s;
    x[i + half] = b * c + a * s;
  }
}

// DeepSeek's weights have pairs side by side: they are brought to halves,
// and stay so, since queries and keys do alike.
void RotatePairs(double* x, const Row& inv, double position) {
  const size_t half = inv.size();
  Row halves(2 * half);
  for (size_t i = 0; i < half; ++i) {
    halves[i] = x[2 * i];
    halves[i + half] = x[2 * i + 1];
  }
  RotateHalf(halves.data(), inv, position, 1);
  std::copy(halves.begin(), halves.end(), x);
}

// ---- Decoders ----

std::string Layer(int n) { return "model.layers." + std::to_string(n) + "."; }

Matrix GatedNetwork(const Tensors& t, const std::string& name,
                    const Matrix& x) {
  Matrix gate = Map(Linear(t, name + ".gate_proj", x), Silu);
  const Matrix up = Linear(t, name + ".up_proj", x);
  for (size_t r = 0; r < gate.size(); ++r) {
    for (size_t c = 0; c < gate[r].size(); ++c) gate[r][c] *= up[r][c];
  }
  return Linear(t, name + ".down_proj", gate);
}

// Positions of the `count` largest.
std::vector<size_t> Best(const Row& values, size_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  order.resize(count);
  return order;
}

// The experts outside the best groups are out of the question.
void MaskGroups(const DecoderShape& s, Row& choice) {
  const size_t groups = Z(s.groups), size = choice.size() / groups;
  Row rank;
  for (size_t g = 0; g < groups; ++g) {
    Row members(choice.begin() + static_cast<long>(g * size),
                choice.begin() + static_cast<long>((g + 1) * size));
    std::sort(members.rbegin(), members.rend());
    rank.push_back(members[0] + members[1]);
  }
  const auto kept = Best(rank, Z(s.groups_used));
  for (size_t e = 0; e < choice.size(); ++e) {
    if (std::find(kept.begin(), kept.end(), e / size) == kept.end()) {
      choice[e] = -HUGE_VAL;
    }
  }
}

Matrix Experts(const DecoderShape& s, const Tensors& t, const std::string& mlp,
               const Matrix& x) {
  const Matrix logits = Linear(t, mlp + ".gate", x);
  Matrix y(x.size(), Row(x[0].size()));
  for (size_t r = 0; r < x.size(); ++r) {
    Row score = logits[r];
    if (s.sigmoid) {
      for (double& v : score) v = 1 / (1 + std::exp(-v));
    } else {
      Softmax(score);
    }
    Row choice = score;
    if (s.sigmoid) {
      const Tensor& bias = t.at(mlp + ".gate.e_score_correction_bias");
      for (size_t e = 0; e < choice.size(); ++e) choice[e] += bias.values[e];
      MaskGroups(s, choice);
    }
    const auto chosen = Best(choice, Z(s.top_k));
    double total = 0;
    for (const size_t e : chosen) total += score[e];
    for (const size_t e : chosen) {
      const double weight =
          score[e] / (s.normalize ? total : 1) * s.routed_scale;
      const Matrix out =
          GatedNetwork(t, mlp + ".experts." + std::to_string(e), {x[r]});
      for (size_t c = 0; c < y[r].size(); ++c) y[r][c] += weight * out[0][c];
    }
  }
  if (s.shared > 0) y = Sum(y, GatedNetwork(t, mlp + ".shared_experts", x));
  return y;
}

double YarnGain(const Rotation& r) {
  return r.kind == "yarn" ? 0.1 * r.mscale * std::log(r.factor) + 1 : 1;
}

Matrix GroupedAttention(const DecoderShape& s, const Tensors& t,
                        const std::string& attn, const Matrix& x) {
  Matrix q = Linear(t, attn + "q_proj", x), k = Linear(t, attn + "k_proj", x);
  const Matrix v = Linear(t, attn + "v_proj", x);
  const size_t d = Z(s.head_dim);
  const Row inv = InverseFrequency(s.rotation, d);
  const auto prepare = [&](Matrix& m, const char* norm) {
    for (size_t r = 0; r < m.size(); ++r) {
      for (size_t h = 0; h < m[r].size(); h += d) {
        double* head = m[r].data() + h;
        if (s.qk_norm) {
          RmsNormRow(head, d, t.at(attn + norm + ".weight"), s.eps);
        }
        RotateHalf(head, inv, static_cast<double>(r), YarnGain(s.rotation));
      }
    }
  };
  prepare(q, "q_norm");
  prepare(k, "k_norm");
  return Linear(t, attn + "o_proj",
                Attend(q, k, v, Z(s.heads), Z(s.kv_heads),
                       1 / std::sqrt(static_cast<double>(d)), true));
}

// Expanded: every head's keys and values are made, then attended to.
Matrix LatentAttention(const DecoderShape& s, const Tensors& t,
                       const std::string& attn, const Matrix& x) {
  const size_t heads = Z(s.heads), nope = Z(s.nope), rope = Z(s.rope),
               head = nope + rope, v_dim = Z(s.v_dim), lora = Z(s.kv_lora);
  const Row inv = InverseFrequency(s.rotation, rope);
  Matrix q = Linear(t, attn + "q_b_proj",
                    RmsNorm(t, attn + "q_a_layernorm",
                            Linear(t, attn + "q_a_proj", x), s.eps));
  const Matrix low = Linear(t, attn + "kv_a_proj_with_mqa", x);
  Matrix latent, shared;
  for (const Row& row : low) {
    latent.emplace_back(row.begin(), row.begin() + static_cast<long>(lora));
    shared.emplace_back(row.begin() + static_cast<long>(lora), row.end());
  }
  const Matrix kv = Linear(t, attn + "kv_b_proj",
                           RmsNorm(t, attn + "kv_a_layernorm", latent, s.eps));
  Matrix k(x.size()), v(x.size());
  for (size_t r = 0; r < x.size(); ++r) {
    RotatePairs(shared[r].data(), inv, static_cast<double>(r));
    for (size_t h = 0; h < heads; ++h) {
      RotatePairs(q[r].data() + h * head + nope, inv, static_cast<double>(r));
      const double* from = kv[r].data() + h * (nope + v_dim);
      k[r].insert(k[r].end(), from, from + nope);
      k[r].insert(k[r].end(), shared[r].begin(), shared[r].end());
      v[r].insert(v[r].end(), from + nope, from + nope + v_dim);
    }
  }
  const double gain = YarnGain(s.rotation);
  return Linear(
      t, attn + "o_proj",
      Attend(q, k, v, heads, heads,
             gain * gain / std::sqrt(static_cast<double>(head)), true));
}

}  // namespace

Tensors DecoderTensors(const DecoderShape& s) {
  Tensors t;
  const auto network = [&](const std::string& name, int64_t ffn) {
    Add(t, name + ".gate_proj.weight", {ffn, s.dim});
    Add(t, name + ".up_proj.weight", {ffn, s.dim});
    Add(t, name + ".down_proj.weight", {s.dim, ffn});
  };
  const auto gain = [&](const std::string& name, int64_t size) {
    Add(t, name + ".weight", {size}, 0.1, 1);
  };
  Add(t, "model.embed_tokens.weight", {s.vocab, s.dim}, 1);
  for (int n = 0; n < s.layers; ++n) {
    const std::string attn = Layer(n) + "self_attn.", mlp = Layer(n) + "mlp";
    gain(Layer(n) + "input_layernorm", s.dim);
    gain(Layer(n) + "post_attention_layernorm", s.dim);
    if (s.kv_lora > 0) {
      Add(t, attn + "q_a_proj.weight", {s.q_lora, s.dim});
      gain(attn + "q_a_layernorm", s.q_lora);
      Add(t, attn + "q_b_proj.weight", {s.heads * (s.nope + s.rope), s.q_lora});
      Add(t, attn + "kv_a_proj_with_mqa.weight", {s.kv_lora + s.rope, s.dim});
      gain(attn + "kv_a_layernorm", s.kv_lora);
      Add(t, attn + "kv_b_proj.weight",
          {s.heads * (s.nope + s.v_dim), s.kv_lora});
      Add(t, attn + "o_proj.weight", {s.dim, s.heads * s.v_dim});
    } else {
      const std::pair<const char*, int64_t> outs[] = {
          {"q_proj", s.heads * s.head_dim},
          {"k_proj", s.kv_heads * s.head_dim},
          {"v_proj", s.kv_heads * s.head_dim}};
      for (const auto& [name, out] : outs) {
        Add(t, attn + name + ".weight", {out, s.dim});
        if (s.bias) Add(t, attn + name + ".bias", {out}, 0.1);
      }
      Add(t, attn + "o_proj.weight", {s.dim, s.heads * s.head_dim});
      if (s.bias && s.out_bias) Add(t, attn + "o_proj.bias", {s.dim}, 0.1);
    }
    if (s.qk_norm) gain(attn + "q_norm", s.head_dim);
    if (s.qk_norm) gain(attn + "k_norm", s.head_dim);
    if (s.experts == 0 || n < s.dense_layers) {
      network(mlp, s.ffn);
      continue;
    }
    Add(t, mlp + ".gate.weight", {s.experts, s.dim});
    if (s.sigmoid) {
      Add(t, mlp + ".gate.e_score_correction_bias", {s.experts}, 0.2);
    }
    for (int64_t e = 0; e < s.experts; ++e) {
      network(mlp + ".experts." + std::to_string(e), s.expert_ffn);
    }
    if (s.shared > 0) network(mlp + ".shared_experts", s.shared * s.expert_ffn);
  }
  gain("model.norm", s.dim);
  if (!s.tied) Add(t, "lm_head.weight", {s.vocab, s.dim});
  return t;
}

Matrix DecoderLogits(const DecoderShape& s, const Tensors& t, const Ids& ids) {
  Matrix x = Lookup(t.at("model.embed_tokens.weight"), ids);
  for (int n = 0; n < s.layers; ++n) {
    const std::string attn = Layer(n) + "self_attn.", mlp = Layer(n) + "mlp";
    const Matrix h = RmsNorm(t, Layer(n) + "input_layernorm", x, s.eps);
    x = Sum(x, s.kv_lora > 0 ? LatentAttention(s, t, attn, h)
                             : GroupedAttention(s, t, attn, h));
    const Matrix f =
        RmsNorm(t, Layer(n) + "post_attention_layernorm", x, s.eps);
    const bool dense = s.experts == 0 || n < s.dense_layers;
    x = Sum(x, dense ? GatedNetwork(t, mlp, f) : Experts(s, t, mlp, f));
  }
  const Matrix last = RmsNorm(t, "model.norm", x, s.eps);
  return Linear(t, s.tied ? "model.embed_tokens" : "lm_head", last);
}

// ---- GPT-2 ----

namespace {

void AddLinear(Tensors& t, const std::string& name, int64_t out, int64_t in,
               bool bias = true) {
  Add(t, name + ".weight", {out, in});
  if (bias) Add(t, name + ".bias", {out}, 0.1);
}

void AddConv1D(Tensors& t, const std::string& name, int64_t out, int64_t in) {
  Add(t, name + ".weight", {in, out}, 1 / std::sqrt(static_cast<double>(in)));
  Add(t, name + ".bias", {out}, 0.1);
}

void AddNorm(Tensors& t, const std::string& name, int64_t size,
             const char* gain = ".weight", const char* bias = ".bias") {
  Add(t, name + gain, {size}, 0.1, 1);
  Add(t, name + bias, {size}, 0.1);
}

// Columns [part * n, (part + 1) * n).
Matrix Columns(const Matrix& x, size_t part, size_t n) {
  Matrix out;
  for (const Row& row : x) {
    const auto begin = row.begin() + static_cast<long>(part * n);
    out.emplace_back(begin, begin + static_cast<long>(n));
  }
  return out;
}

double HeadScale(const ClassicShape& s) {
  return 1 / std::sqrt(static_cast<double>(s.dim / s.heads));
}

}  // namespace

Tensors Gpt2Tensors(const ClassicShape& s) {
  Tensors t;
  Add(t, s.prefix + "wte.weight", {s.vocab, s.dim}, 1);
  Add(t, s.prefix + "wpe.weight", {s.positions, s.dim}, 0.5);
  for (int n = 0; n < s.layers; ++n) {
    const std::string h = s.prefix + "h." + std::to_string(n) + ".";
    AddNorm(t, h + "ln_1", s.dim);
    AddConv1D(t, h + "attn.c_attn", 3 * s.dim, s.dim);
    AddConv1D(t, h + "attn.c_proj", s.dim, s.dim);
    AddNorm(t, h + "ln_2", s.dim);
    AddConv1D(t, h + "mlp.c_fc", s.ffn, s.dim);
    AddConv1D(t, h + "mlp.c_proj", s.dim, s.ffn);
    Add(t, h + "attn.bias", {1, 1, s.positions, s.positions});
  }
  AddNorm(t, s.prefix + "ln_f", s.dim);
  return t;
}

Matrix Gpt2Logits(const ClassicShape& s, const Tensors& t, const Ids& ids) {
  const size_t dim = Z(s.dim), heads = Z(s.heads);
  Matrix x = Sum(Lookup(t.at(s.prefix + "wte.weight"), ids),
                 Lookup(t.at(s.prefix + "wpe.weight"), FirstIds(ids.size())));
  for (int n = 0; n < s.layers; ++n) {
    const std::string h = s.prefix + "h." + std::to_string(n) + ".";
    const Matrix qkv =
        Conv1D(t, h + "attn.c_attn", Norm(t, h + "ln_1", x, s.eps));
    const Matrix mixed =
        Attend(Columns(qkv, 0, dim), Columns(qkv, 1, dim), Columns(qkv, 2, dim),
               heads, heads, HeadScale(s), true);
    x = Sum(x, Conv1D(t, h + "attn.c_proj", mixed));
    const Matrix inner =
        Map(Conv1D(t, h + "mlp.c_fc", Norm(t, h + "ln_2", x, s.eps)), GeluNew);
    x = Sum(x, Conv1D(t, h + "mlp.c_proj", inner));
  }
  return Linear(t, s.prefix + "wte", Norm(t, s.prefix + "ln_f", x, s.eps));
}

// ---- BERT ----

namespace {

struct NormNames {
  const char *gain, *bias;
  explicit NormNames(bool old)
      : gain(old ? ".gamma" : ".weight"), bias(old ? ".beta" : ".bias") {}
};

}  // namespace

Tensors BertTensors(const ClassicShape& s, bool old_names, bool pooler) {
  Tensors t;
  const NormNames names(old_names);
  const auto norm = [&](const std::string& name) {
    AddNorm(t, name, s.dim, names.gain, names.bias);
  };
  const std::string e = s.prefix + "embeddings.";
  Add(t, e + "word_embeddings.weight", {s.vocab, s.dim}, 1);
  Add(t, e + "position_embeddings.weight", {s.positions, s.dim}, 0.5);
  Add(t, e + "token_type_embeddings.weight", {2, s.dim}, 0.5);
  norm(e + "LayerNorm");
  for (int n = 0; n < s.layers; ++n) {
    const std::string l = s.prefix + "encoder.layer." + std::to_string(n);
    for (const char* part : {"query", "key", "value"}) {
      AddLinear(t, l + ".attention.self." + part, s.dim, s.dim);
    }
    AddLinear(t, l + ".attention.output.dense", s.dim, s.dim);
    norm(l + ".attention.output.LayerNorm");
    AddLinear(t, l + ".intermediate.dense", s.ffn, s.dim);
    AddLinear(t, l + ".output.dense", s.dim, s.ffn);
    norm(l + ".output.LayerNorm");
  }
  if (pooler) AddLinear(t, s.prefix + "pooler.dense", s.dim, s.dim);
  return t;
}

Matrix BertRows(const ClassicShape& s, const Tensors& t, const Ids& ids,
                const Ids& segments, bool old_names, bool pooler) {
  const NormNames names(old_names);
  const auto norm = [&](const std::string& name, const Matrix& x) {
    return LayerNorm(x, t.at(name + names.gain), t.at(name + names.bias),
                     s.eps);
  };
  const std::string e = s.prefix + "embeddings.";
  Matrix x = Sum(Lookup(t.at(e + "word_embeddings.weight"), ids),
                 Lookup(t.at(e + "token_type_embeddings.weight"), segments));
  x = Sum(x,
          Lookup(t.at(e + "position_embeddings.weight"), FirstIds(ids.size())));
  x = norm(e + "LayerNorm", x);
  for (int n = 0; n < s.layers; ++n) {
    const std::string l = s.prefix + "encoder.layer." + std::to_string(n);
    const std::string self = l + ".attention.self.";
    const Matrix mixed =
        Attend(Linear(t, self + "query", x), Linear(t, self + "key", x),
               Linear(t, self + "value", x), Z(s.heads), Z(s.heads),
               HeadScale(s), false);
    const Matrix a =
        norm(l + ".attention.output.LayerNorm",
             Sum(Linear(t, l + ".attention.output.dense", mixed), x));
    const Matrix inner = Map(Linear(t, l + ".intermediate.dense", a), Gelu);
    x = norm(l + ".output.LayerNorm",
             Sum(Linear(t, l + ".output.dense", inner), a));
  }
  if (!pooler) return x;
  return Map(Linear(t, s.prefix + "pooler.dense", {x[0]}),
             [](double v) { return std::tanh(v); });
}

// ---- ViT ----

Tensors VitTensors(const VitShape& s) {
  Tensors t;
  const int64_t patches = (s.side / s.patch) * (s.side / s.patch);
  const std::string e = "vit.embeddings.";
  Add(t, e + "cls_token", {1, 1, s.dim}, 0.5);
  Add(t, e + "position_embeddings", {1, patches + 1, s.dim}, 0.5);
  Add(t, e + "patch_embeddings.projection.weight", {s.dim, 3, s.patch, s.patch},
      0.3);
  Add(t, e + "patch_embeddings.projection.bias", {s.dim}, 0.1);
  for (int n = 0; n < s.layers; ++n) {
    const std::string l = "vit.encoder.layer." + std::to_string(n);
    AddNorm(t, l + ".layernorm_before", s.dim);
    for (const char* part : {"query", "key", "value"}) {
      AddLinear(t, l + ".attention.attention." + part, s.dim, s.dim);
    }
    AddLinear(t, l + ".attention.output.dense", s.dim, s.dim);
    AddNorm(t, l + ".layernorm_after", s.dim);
    AddLinear(t, l + ".intermediate.dense", s.ffn, s.dim);
    AddLinear(t, l + ".output.dense", s.dim, s.ffn);
  }
  AddNorm(t, "vit.layernorm", s.dim);
  AddLinear(t, "classifier", s.classes, s.dim);
  return t;
}

Matrix VitLogits(const VitShape& s, const Tensors& t, const Matrix& pixels) {
  const size_t side = Z(s.side), p = Z(s.patch), dim = Z(s.dim);
  const std::string e = "vit.embeddings.";
  const Tensor& w = t.at(e + "patch_embeddings.projection.weight");
  const Tensor& b = t.at(e + "patch_embeddings.projection.bias");
  Matrix x = Lookup(t.at(e + "cls_token"), {0});
  for (size_t top = 0; top < side; top += p) {
    for (size_t left = 0; left < side; left += p) {
      Row patch(b.values.begin(), b.values.end());
      for (size_t o = 0; o < dim; ++o) {
        for (size_t c = 0; c < 3; ++c) {
          for (size_t y = 0; y < p; ++y) {
            for (size_t z = 0; z < p; ++z) {
              patch[o] += w.values[((o * 3 + c) * p + y) * p + z] *
                          pixels[c][(top + y) * side + left + z];
            }
          }
        }
      }
      x.push_back(patch);
    }
  }
  x = Sum(x, Lookup(t.at(e + "position_embeddings"), FirstIds(x.size())));
  for (int n = 0; n < s.layers; ++n) {
    const std::string l = "vit.encoder.layer." + std::to_string(n);
    const std::string self = l + ".attention.attention.";
    const Matrix h = Norm(t, l + ".layernorm_before", x, s.eps);
    const Matrix mixed =
        Attend(Linear(t, self + "query", h), Linear(t, self + "key", h),
               Linear(t, self + "value", h), Z(s.heads), Z(s.heads),
               HeadScale(s), false);
    x = Sum(x, Linear(t, l + ".attention.output.dense", mixed));
    const Matrix inner = Map(Linear(t, l + ".intermediate.dense",
                                    Norm(t, l + ".layernorm_after", x, s.eps)),
                             Gelu);
    x = Sum(x, Linear(t, l + ".output.dense", inner));
  }
  return Linear(t, "classifier", {Norm(t, "vit.layernorm", x, s.eps)[0]});
}

// ---- Whisper ----

namespace {

// torch's Conv1d of width 3 with a border of one zero, then GELU; rows are
// frames, W[out][in][3].
Matrix Convolve(const Tensors& t, const std::string& name, const Matrix& x,
                size_t stride) {
  const Tensor& w = t.at(name + ".weight");
  const size_t out = Z(w.shape[0]), in = Z(w.shape[1]);
  Matrix y;
  for (size_t at = 0; at < x.size(); at += stride) {
    Row row(out);
    for (size_t o = 0; o < out; ++o) {
      row[o] = t.at(name + ".bias").values[o];
      for (size_t tap = 0; tap < 3; ++tap) {
        if (at + tap < 1 || at + tap - 1 >= x.size()) continue;
        for (size_t i = 0; i < in; ++i) {
          row[o] += w.values[(o * in + i) * 3 + tap] * x[at + tap - 1][i];
        }
      }
    }
    y.push_back(row);
  }
  return Map(y, Gelu);
}

Matrix WhisperAttention(const ClassicShape& s, const Tensors& t,
                        const std::string& name, const Matrix& x,
                        const Matrix& memory, bool causal) {
  return Linear(t, name + ".out_proj",
                Attend(Linear(t, name + ".q_proj", x),
                       Linear(t, name + ".k_proj", memory),
                       Linear(t, name + ".v_proj", memory), Z(s.heads),
                       Z(s.heads), HeadScale(s), causal));
}

Matrix WhisperNetwork(const ClassicShape& s, const Tensors& t,
                      const std::string& l, const Matrix& x) {
  const Matrix h = Norm(t, l + ".final_layer_norm", x, s.eps);
  return Sum(x, Linear(t, l + ".fc2", Map(Linear(t, l + ".fc1", h), Gelu)));
}

void AddWhisperAttention(Tensors& t, const std::string& name, int64_t dim) {
  AddLinear(t, name + ".q_proj", dim, dim);
  AddLinear(t, name + ".k_proj", dim, dim, false);
  AddLinear(t, name + ".v_proj", dim, dim);
  AddLinear(t, name + ".out_proj", dim, dim);
}

void AddWhisperLayer(Tensors& t, const std::string& l, const ClassicShape& s,
                     bool cross) {
  AddNorm(t, l + ".self_attn_layer_norm", s.dim);
  AddWhisperAttention(t, l + ".self_attn", s.dim);
  if (cross) {
    AddNorm(t, l + ".encoder_attn_layer_norm", s.dim);
    AddWhisperAttention(t, l + ".encoder_attn", s.dim);
  }
  AddNorm(t, l + ".final_layer_norm", s.dim);
  AddLinear(t, l + ".fc1", s.ffn, s.dim);
  AddLinear(t, l + ".fc2", s.dim, s.ffn);
}

// The encoder's positions, which a checkpoint stores though they are sines.
Tensor Sinusoids(int64_t positions, int64_t dim) {
  Tensor table{{positions, dim}, {}};
  const int64_t half = dim / 2;
  const double step = std::log(10000.0) / static_cast<double>(half - 1);
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t c = 0; c < dim; ++c) {
      const double angle = static_cast<double>(p) *
                           std::exp(-step * static_cast<double>(c % half));
      table.values.push_back(
          static_cast<float>(c < half ? std::sin(angle) : std::cos(angle)));
    }
  }
  return table;
}

}  // namespace

Tensors WhisperTensors(const WhisperShape& s) {
  Tensors t;
  const std::string e = "model.encoder.", d = "model.decoder.";
  Add(t, e + "conv1.weight", {s.dim, s.mels, 3}, 0.3);
  Add(t, e + "conv1.bias", {s.dim}, 0.1);
  Add(t, e + "conv2.weight", {s.dim, s.dim, 3}, 0.2);
  Add(t, e + "conv2.bias", {s.dim}, 0.1);
  t[e + "embed_positions.weight"] = Sinusoids(s.source, s.dim);
  for (int n = 0; n < s.encoder_layers; ++n) {
    AddWhisperLayer(t, e + "layers." + std::to_string(n), s, false);
  }
  AddNorm(t, e + "layer_norm", s.dim);
  Add(t, d + "embed_tokens.weight", {s.vocab, s.dim}, 1);
  Add(t, d + "embed_positions.weight", {s.positions, s.dim}, 0.5);
  for (int n = 0; n < s.layers; ++n) {
    AddWhisperLayer(t, d + "layers." + std::to_string(n), s, true);
  }
  AddNorm(t, d + "layer_norm", s.dim);
  return t;
}

Matrix WhisperLogits(const WhisperShape& s, const Tensors& t, const Matrix& mel,
                     const Ids& ids) {
  const std::string e = "model.encoder.", d = "model.decoder.";
  Matrix frames(mel[0].size(), Row(mel.size()));
  for (size_t m = 0; m < mel.size(); ++m) {
    for (size_t f = 0; f < mel[m].size(); ++f) frames[f][m] = mel[m][f];
  }
  Matrix x = Convolve(t, e + "conv2", Convolve(t, e + "conv1", frames, 1), 2);
  // In f64, as the graph has them: the table's f32 is the file's alone.
  const int64_t half = s.dim / 2;
  const double step = std::log(10000.0) / static_cast<double>(half - 1);
  for (size_t r = 0; r < x.size(); ++r) {
    for (size_t c = 0; c < x[r].size(); ++c) {
      const double angle = static_cast<double>(r) *
                           std::exp(-step * static_cast<double>(c % Z(half)));
      x[r][c] += c < Z(half) ? std::sin(angle) : std::cos(angle);
    }
  }
  for (int n = 0; n < s.encoder_layers; ++n) {
    const std::string l = e + "layers." + std::to_string(n);
    const Matrix h = Norm(t, l + ".self_attn_layer_norm", x, s.eps);
    x = Sum(x, WhisperAttention(s, t, l + ".self_attn", h, h, false));
    x = WhisperNetwork(s, t, l, x);
  }
  const Matrix memory = Norm(t, e + "layer_norm", x, s.eps);
  Matrix y =
      Sum(Lookup(t.at(d + "embed_tokens.weight"), ids),
          Lookup(t.at(d + "embed_positions.weight"), FirstIds(ids.size())));
  for (int n = 0; n < s.layers; ++n) {
    const std::string l = d + "layers." + std::to_string(n);
    const Matrix h = Norm(t, l + ".self_attn_layer_norm", y, s.eps);
    y = Sum(y, WhisperAttention(s, t, l + ".self_attn", h, h, true));
    y = Sum(y,
            WhisperAttention(s, t, l + ".encoder_attn",
                             Norm(t, l + ".encoder_attn_layer_norm", y, s.eps),
                             memory, false));
    y = WhisperNetwork(s, t, l, y);
  }
  return Linear(t, d + "embed_tokens", Norm(t, d + "layer_norm", y, s.eps));
}

}  // namespace triptych::hf
