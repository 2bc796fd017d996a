// A llama too small to be slow, by shape; tiny_model.h has one with numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TINY_CONFIG_H_
#define TRIPTYCH_TESTS_MODELS_TINY_CONFIG_H_

#include "models/config.h"

namespace triptych {

inline ModelConfig TinyLlama() {
  ModelConfig c;
  c.name = "tiny";
  c.layers = 2;
  c.dim = 32;
  c.ffn = 48;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 8;
  c.vocab = 50;
  c.context = 64;
  c.rope.dim = 8;
  return c;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TINY_CONFIG_H_
