// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "models/formats/byte_reader.h"
#include "models/formats/json_tree.h"
#include "models/presets/config_keys.h"

namespace triptych {
namespace {

using Kind = JsonValue::Kind;

// Larger than any size of a model, small enough that a product of three fits
// int64.
constexpr int64_t kLargest = int64_t{1} << 20;

// The file while it is read: finds keys and says where they went wrong.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file, const JsonValue& root)
      : text_(text), file_(file), root_(root) {}

  const JsonValue& root() const { return root_; }

  // What `key` has; null without the key, and for the null of JSON.
  const JsonValue* Find(std::string_view key) const { return Find(root_, key); }
  static const JsonValue* Find(const JsonValue& object, std::string_view key) {
    const JsonValue* value = object.Find(key);
    return value == nullptr || value->kind == Kind::kNull ? nullptr : value;
  }

  std::unexpected<Error> Fail(const JsonValue& at, std::string_view key,
                              std::string_view what,
                              ErrorCode code = ErrorCode::kInvalid) const {
    return MakeError(code, fmt::format("{}: line {}: {}: {}", file_,
                                       LineOf(text_, at.offset), key, what));
  }
  // "<value>: must be <allowed>".
  std::unexpected<Error> Refuse(const JsonValue& value, std::string_view key,
                                std::string_view allowed) const {
    return Fail(value, key,
                fmt::format("{}: must be {}", value.Describe(), allowed),
                ErrorCode::kUnsupported);
  }
  std::unexpected<Error> Missing(std::string_view key) const {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: line 1: {}: is missing", file_, key));
  }

 private:
  std::string_view text_;
  const std::string& file_;
  const JsonValue& root_;
};

// ---- Values: each returns what is allowed if `value` is not that, or "" ----

std::string Take(const JsonValue& value, int64_t least, int64_t& out) {
  out = value.integer;
  const bool ok =
      value.kind == Kind::kInteger && out >= least && out <= kLargest;
  return ok ? "" : fmt::format("an integer in {}..{}", least, kLargest);
}
std::string Take(const JsonValue& value, int64_t, double& out) {
  out = value.real;
  const bool number = value.kind == Kind::kReal || value.kind == Kind::kInteger;
  return number && std::isfinite(out) && out > 0 ? "" : "a positive number";
}
std::string Take(const JsonValue& value, int64_t, bool& out) {
  out = value.boolean;
  return value.kind == Kind::kBool ? "" : "true or false";
}
// Of networks without a gate.
std::string Take(const JsonValue& value, int64_t, Activation& out) {
  constexpr std::pair<std::string_view, Activation> kWords[] = {
      {"gelu", Activation::kGeluErf},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
  };
  std::vector<std::string> allowed;
  for (const auto& [word, activation] : kWords) {
    if (value.text == word) {
      out = activation;
      return "";
    }
    allowed.push_back(fmt::format("\"{}\"", word));
  }
  return fmt::format("one of {}", fmt::join(allowed, ", "));
}

Status TakeKey(const Reader& reader, const HfKey& row, ModelConfig& c) {
  const JsonValue* value = reader.Find(row.hf);
  if (value == nullptr) {
    if (row.optional) return {};
    return reader.Missing(row.hf);
  }
  bool known = false;
  std::string allowed;
  VisitKeys(c, [&](std::string_view key, auto& member) {
    if (key != row.ours) return;
    if constexpr (requires { Take(*value, row.least, member); }) {
      known = true;
      allowed = Take(*value, row.least, member);
    }
  });
  TRIPTYCH_CHECK(known, row.hf, "names no number of ModelConfig:", row.ours);
  if (allowed.empty()) return {};
  return reader.Refuse(*value, row.hf, allowed);
}

Status CheckDemand(const Reader& reader, const HfDemand& demand) {
  const JsonValue* value = reader.Find(demand.key);
  if (value == nullptr) return {};
  const std::string text = value->Describe();
  for (std::string_view rest = demand.allowed; !rest.empty();) {
    const size_t end = std::min(rest.find('|'), rest.size());
    if (text == rest.substr(0, end)) return {};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return reader.Refuse(*value, demand.key, demand.allowed);
}

// ---- Rotation ----

// A number of `object`, or `otherwise`.
Result<double> Number(const Reader& reader, const JsonValue& object,
                      std::string_view key, double otherwise) {
  const JsonValue* value = Reader::Find(object, key);
  if (value == nullptr) return otherwise;
  double number = 0;
  const std::string allowed = Take(*value, 0, number);
  if (!allowed.empty()) return reader.Refuse(*value, key, allowed);
  return number;
}

// What multiplies the scores of stretched contexts: the square of what queries
// and keys are multiplied by, 0.1 ln(factor) + 1 unless the file says
// otherwise. DeepSeek has two numbers for it: the first over the second
// multiplies both, the second then the scores. Only the same two are read.
Status ReadYarnScores(const Reader& reader, const JsonValue& object,
                      ModelConfig& c) {
  RopeScaling& scaling = c.rope.scaling;
  const bool latent = c.family == Family::kDeepseek;
  if (const JsonValue* given = Reader::Find(object, "attention_factor")) {
    if (latent) return reader.Refuse(*given, "attention_factor", "null");
    TRIPTYCH_ASSIGN(const double gain,
                    Number(reader, object, "attention_factor", 1));
    scaling.log_multiplier =
        scaling.factor > 1 ? (gain - 1) / std::log(scaling.factor) : 0;
  }
  for (const std::string_view key : {"mscale", "mscale_all_dim"}) {
    const JsonValue* given = Reader::Find(object, key);
    if (given != nullptr && !latent) return reader.Refuse(*given, key, "null");
    if (given == nullptr && latent) return reader.Missing(key);
  }
  if (latent) {
    TRIPTYCH_ASSIGN(const double mscale, Number(reader, object, "mscale", 1));
    TRIPTYCH_ASSIGN(const double all,
                    Number(reader, object, "mscale_all_dim", 1));
    if (mscale != all) {
      return reader.Refuse(*Reader::Find(object, "mscale"), "mscale",
                           fmt::format("mscale_all_dim, {}", all));
    }
    scaling.log_multiplier = 0.1 * all;
  }
  if (const JsonValue* given = Reader::Find(object, "truncate")) {
    if (given->Describe() != "true") {
      return reader.Refuse(*given, "truncate", "true");
    }
  }
  return {};
}

Status ReadScaling(const Reader& reader, const JsonValue& object,
                   ModelConfig& c) {
  const JsonValue* type = Reader::Find(object, "rope_type");
  if (type == nullptr) type = Reader::Find(object, "type");
  if (type == nullptr || type->text == "default") return {};
  RopeScaling& scaling = c.rope.scaling;
  const bool yarn = type->text == "yarn";
  if (!yarn && type->text != "llama3") {
    return reader.Refuse(*type, "rope_type",
                         "one of \"default\", \"llama3\", \"yarn\"");
  }
  scaling.kind = yarn ? RopeScalingKind::kYarn : RopeScalingKind::kLlama3;
  TRIPTYCH_ASSIGN(scaling.factor, Number(reader, object, "factor", 0));
  if (scaling.factor < 1) {
    return reader.Fail(object, "factor", "must be a number, 1 or more");
  }
  TRIPTYCH_ASSIGN(
      scaling.low_freq,
      Number(reader, object, yarn ? "beta_slow" : "low_freq_factor", 1));
  TRIPTYCH_ASSIGN(
      scaling.high_freq,
      Number(reader, object, yarn ? "beta_fast" : "high_freq_factor",
             yarn ? 32 : 4));
  if (scaling.high_freq <= scaling.low_freq) {
    return reader.Fail(object, yarn ? "beta_fast" : "high_freq_factor",
                       "must be above its low counterpart");
  }
  constexpr std::string_view kContext = "original_max_position_embeddings";
  scaling.original_context = c.context;
  if (const JsonValue* value = Reader::Find(object, kContext)) {
    const std::string allowed = Take(*value, 1, scaling.original_context);
    if (!allowed.empty()) return reader.Refuse(*value, kContext, allowed);
  }
  return yarn ? ReadYarnScores(reader, object, c) : Status();
}

// Newer files have one object for what older ones have in two keys.
Status ReadRope(const Reader& reader, ModelConfig& c) {
  TRIPTYCH_ASSIGN(c.rope.theta,
                  Number(reader, reader.root(), "rope_theta", 10000));
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const JsonValue* object = reader.Find(key);
    if (object == nullptr) continue;
    if (object->kind != Kind::kObject) {
      return reader.Refuse(*object, key, "null or an object");
    }
    TRIPTYCH_ASSIGN(c.rope.theta,
                    Number(reader, *object, "rope_theta", c.rope.theta));
    TRIPTYCH_TRY(ReadScaling(reader, *object, c));
    break;
  }
  if (c.rope.theta <= 1) {
    return reader.Fail(reader.root(), "rope_theta", "must be above 1");
  }
  if (c.family == Family::kDeepseek) {
    if (const JsonValue* value = reader.Find("rope_interleave")) {
      bool interleaved = true;
      const std::string allowed = Take(*value, 0, interleaved);
      if (!allowed.empty()) {
        return reader.Refuse(*value, "rope_interleave", allowed);
      }
      c.rope.style = interleaved ? RopeStyle::kInterleaved : RopeStyle::kHalf;
    }
  }
  return {};
}

// ---- What follows from other keys ----

Status DeriveHeads(const Reader& reader, ModelConfig& c) {
  const auto fail = [&](const char* key, const std::string& what) {
    return reader.Fail(reader.root(), key, what);
  };
  if (c.kv_heads == 0) c.kv_heads = c.heads;
  if (c.heads % c.kv_heads != 0) {
    return fail("num_key_value_heads",
                fmt::format("{}: must divide {} heads", c.kv_heads, c.heads));
  }
  if (c.mla.kv_lora > 0) {
    c.head_dim = c.mla.nope_dim + c.mla.rope_dim;
  } else if (c.head_dim == 0) {
    if (c.dim % c.heads != 0) {
      return fail("hidden_size", fmt::format("{}: must be a multiple of {} "
                                             "heads",
                                             c.dim, c.heads));
    }
    c.head_dim = c.dim / c.heads;
  }
  if (c.positions != Positions::kRope) return {};
  c.rope.dim = c.mla.kv_lora > 0 ? c.mla.rope_dim : c.head_dim;
  if (c.rope.dim % 2 != 0) {
    return fail("head_dim",
                fmt::format("{}: what rotates must be pairs", c.rope.dim));
  }
  return ReadRope(reader, c);
}

Status DeriveImage(const Reader& reader, ModelConfig& c) {
  const PatchConfig& patch = c.patch;
  if (patch.height % patch.patch_height != 0) {
    return reader.Fail(reader.root(), "image_size",
                       fmt::format("{}: must be whole patches of {}",
                                   patch.height, patch.patch_height));
  }
  c.context = patch.tokens() + 1;
  if (c.classes != 0) return {};
  const JsonValue* labels = reader.Find("id2label");
  c.classes = labels == nullptr ? 2  // as the class has it
                                : static_cast<int64_t>(labels->members.size());
  if (c.classes >= 1) return {};
  return reader.Fail(*labels, "id2label", "must name one class or more");
}

// The graph has one shape for the layers of both stacks.
Status DeriveSpeech(const Reader& reader, ModelConfig& c) {
  c.audio.frames = 2 * c.audio.context;
  const std::pair<const char*, int64_t> same[] = {
      {"encoder_attention_heads", c.heads}, {"encoder_ffn_dim", c.ffn}};
  for (const auto& [key, expected] : same) {
    const JsonValue* value = reader.Find(key);
    if (value == nullptr) return reader.Missing(key);
    if (value->integer != expected) {
      return reader.Refuse(*value, key,
                           fmt::format("the decoder's {}", expected));
    }
  }
  return {};
}

Status Derive(const Reader& reader, ModelConfig& c) {
  TRIPTYCH_TRY(DeriveHeads(reader, c));
  if (c.family == Family::kGpt2 && c.ffn == 0) c.ffn = 4 * c.dim;
  if (c.family == Family::kVit) return DeriveImage(reader, c);
  if (c.family == Family::kWhisper) return DeriveSpeech(reader, c);
  return {};
}

Result<const HfArchitecture*> FindArchitecture(const Reader& reader) {
  constexpr std::string_view kKey = "architectures";
  const JsonValue* names = reader.Find(kKey);
  if (names == nullptr) return reader.Missing(kKey);
  std::vector<std::string_view> allowed;
  for (const HfArchitecture& architecture : HfArchitectures()) {
    if (!names->list.empty() && names->list[0].text == architecture.name) {
      return &architecture;
    }
    allowed.push_back(architecture.name);
  }
  const JsonValue& at = names->list.empty() ? *names : names->list[0];
  return reader.Refuse(at, kKey,
                       fmt::format("one of {}", fmt::join(allowed, ", ")));
}

}  // namespace

Result<HfConfig> ParseHfConfig(std::string_view text, const std::string& file) {
  TRIPTYCH_ASSIGN(const JsonValue root, ParseJson(text, file));
  const Reader reader(text, file, root);
  if (root.kind != Kind::kObject) {
    return reader.Refuse(root, "configuration", "an object");
  }
  HfConfig out;
  TRIPTYCH_ASSIGN(out.architecture, FindArchitecture(reader));
  ModelConfig& c = out.config;
  c = out.architecture->base;
  c.architecture = out.architecture->name;
  constexpr HfDemand kOfAll[] = {
      {"quantization_config", "null"},
      {"pruned_heads", "{}"},
  };
  for (const HfDemand& demand : kOfAll) {
    TRIPTYCH_TRY(CheckDemand(reader, demand));
  }
  for (const HfDemand& demand : out.architecture->demands) {
    TRIPTYCH_TRY(CheckDemand(reader, demand));
  }
  for (const HfKey& key : out.architecture->keys) {
    TRIPTYCH_TRY(TakeKey(reader, key, c));
  }
  if (c.norm_eps >= 1) {
    return reader.Fail(root, "eps of the norms", "must be below 1");
  }
  TRIPTYCH_TRY(Derive(reader, c));
  return out;
}

}  // namespace triptych
