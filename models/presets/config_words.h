// The members of a ModelConfig as text: what presets.toml has for them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_PRESETS_CONFIG_WORDS_H_
#define TRIPTYCH_MODELS_PRESETS_CONFIG_WORDS_H_

#include <string_view>
#include <vector>

#include "models/config.h"

namespace triptych {

// The words for the values of an enumeration, in its order.
template <class Enum>
std::vector<std::string_view> WordsOf();
template <>
inline std::vector<std::string_view> WordsOf<Family>() {
  std::vector<std::string_view> words;
  for (auto f = Family::kLlama; f <= Family::kWan;
       f = static_cast<Family>(static_cast<int>(f) + 1)) {
    words.push_back(NameOf(f));
  }
  return words;
}
template <>
inline std::vector<std::string_view> WordsOf<NormKind>() {
  return {"rms", "layer"};
}
template <>
inline std::vector<std::string_view> WordsOf<NormPlace>() {
  return {"pre", "post"};
}
template <>
inline std::vector<std::string_view> WordsOf<Activation>() {
  return {"swiglu", "gelu_tanh", "gelu_erf"};
}
template <>
inline std::vector<std::string_view> WordsOf<QkNorm>() {
  return {"none", "per_head", "all_heads"};
}
template <>
inline std::vector<std::string_view> WordsOf<Positions>() {
  return {"rope", "learned", "sinusoidal"};
}
template <>
inline std::vector<std::string_view> WordsOf<Router>() {
  return {"none", "softmax", "sigmoid"};
}
template <>
inline std::vector<std::string_view> WordsOf<RopeStyle>() {
  return {"interleaved", "half"};
}
template <>
inline std::vector<std::string_view> WordsOf<RopeScalingKind>() {
  return {"none", "llama3", "yarn"};
}

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_PRESETS_CONFIG_WORDS_H_
