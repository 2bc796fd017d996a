// Caches of keys and values in the format a machine keeps them in.
//
// A cache holds f32 in this process, but only numbers that its format has:
// rows are rounded when they are appended, and every byte of them is charged
// in the format's size.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_KV_CACHE_H_
#define TRIPTYCH_EMULATORS_KV_CACHE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "emulators/target.h"
#include "models/graph.h"

namespace triptych {

// "f32", "bf16", or "int8": codes in -127..127 and one f32 scale for each head
// of a row.
struct KvFormat {
  std::string_view name;
  double element_bits;
  double scale_bits;                     // of a head
  void (*round)(std::span<float> head);  // in place; null: nothing to round

  // Of one element, with its share of the scale.
  double bits(int64_t head_dim) const {
    return element_bits + scale_bits / static_cast<double>(head_dim);
  }
};
// `name` is one of the above (a check).
const KvFormat& KvFormatOf(std::string_view name);

// Columns of one head in a cache, which share a scale: what the attention that
// reads it says, or all (latent caches).
int64_t CacheHeadDim(const Graph& graph, ValueId cache);
// The cache that `node` reads or appends to; null if there is none.
const Value* CacheOf(const Graph& graph, const Node& node);

// Computes a kv_append node: `round` on every head, of head_dim columns, of
// the rows that are new.
void AppendHeads(const StepContext& ctx, int64_t head_dim,
                 const std::function<void(std::span<float> head)>& round);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_KV_CACHE_H_
