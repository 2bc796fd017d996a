// Encoders: BERT and MiniLM (text), ViT (images), KWT (sound frames).
// SPDX-License-Identifier: Apache-2.0
#include "models/build/blocks.h"

namespace triptych {
namespace {

ValueId TextInput(Blocks& b) {
  const ModelConfig& c = b.config;
  const ValueId tokens = b.graph.Input("tokens", {kTokenRows, 1});
  ValueId x = b.graph.Add(
      "embed", "embed", {tokens, b.graph.Weight("tok_embed", c.vocab, c.dim)});
  x = b.graph.Add("pos_embed", "pos",
                  {x, b.graph.Weight("pos_embed", c.context, c.dim)});
  if (c.segments > 0) {
    const ValueId segments = b.graph.Input("segments", {kTokenRows, 1});
    const ValueId table = b.graph.Weight("segment_embed", c.segments, c.dim);
    x = b.Add("segment.sum", x,
              b.graph.Add("embed", "segment", {segments, table}));
  }
  return b.Norm("norm.embed", x);
}

ValueId PatchInput(Blocks& b) {
  const ModelConfig& c = b.config;
  int64_t rows = c.patch.tokens();
  const ValueId patches =
      b.graph.Input("patches", {RowsPerSequence(rows), c.patch.features()});
  ValueId x = b.Linear("patch_embed", patches, c.dim, true);
  if (c.class_token) {
    x = b.graph.Add("concat_rows", "class",
                    {x, b.graph.Weight("class_token", 1, c.dim)});
    ++rows;
  }
  return b.graph.Add("pos_embed", "pos",
                     {x, b.graph.Weight("pos_embed", rows, c.dim)});
}

}  // namespace

Status BuildEncoder(Blocks& b) {
  const ModelConfig& c = b.config;
  ValueId x = c.family == Family::kBert ? TextInput(b) : PatchInput(b);
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    b.EnterLayer("layers.", layer);
    x = b.EncoderLayer(x);
  }
  b.LeaveLayers();
  if (c.norm_place == NormPlace::kPre) x = b.Norm("norm.final", x);
  if (c.class_token || c.pooler) {
    x = b.graph.Add("select_rows", "first", {x}, {{"last", 0}});
  }
  if (c.pooler) {
    x = b.Unary("tanh", "pooler.tanh", b.Linear("pooler", x, c.dim, true));
  }
  if (c.classes > 0) x = b.Linear("head", x, c.classes, c.head_bias);
  b.graph.AddEntry(Phase::kEncode, 0, x);
  return {};
}

}  // namespace triptych
