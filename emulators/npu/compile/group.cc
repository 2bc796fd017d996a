// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/rows.h"
#include "emulators/npu/compile/search.h"
#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr float kOne = 1;

struct ActivationOp {
  std::string_view name;
  VectorOp op;
};
constexpr ActivationOp kActivations[] = {
    {"silu", VectorOp::kSilu},
    {"gelu_tanh", VectorOp::kGeluTanh},
    {"gelu_erf", VectorOp::kGeluErf},
    {"tanh", VectorOp::kTanh},
};

MatmulSize SizeOfProduct(const Params& params, const Graph& graph,
                         const FusedProduct& product, const Binding& binding,
                         bool coded) {
  MatmulSize size =
      MatmulSizeOf(params, graph, graph.node(product.products[0]), binding);
  size.factors = static_cast<int64_t>(product.products.size());
  size.residual = product.add.has_value();
  size.coded = coded;
  return size;
}

// What a plan must be good for: several products of one input, rows in two
// places, sums that take the place of what is added to them.
struct Wanted {
  bool several = false, split = false, in_place = false;
};
std::optional<MatmulPlan> FindPlan(const LowerRequest& request,
                                   const MatmulSize& size,
                                   const Wanted& wanted) {
  for (const MatmulPlan& plan : SearchPlans(request, size)) {
    if (wanted.several && plan.together) continue;
    if (wanted.split && (plan.blocks.parts > 1 || plan.split_rows)) continue;
    // Cores whose rows overlap read what others have written.
    const bool overlaps = plan.split_rows && !plan.rows.exact();
    if (wanted.in_place && (overlaps || !plan.blocks.exact())) continue;
    return plan;
  }
  return std::nullopt;
}

class GroupEmitter {
 public:
  GroupEmitter(const GroupRequest& r, Builder& b)
      : r_(r),
        b_(b),
        rows_(r.graph.value(r.group.input).shape.rows.Bind(r.binding)) {}

  Status Run() {
    const FusedGroup& group = r_.group;
    const int64_t k = r_.graph.value(group.input).shape.cols;
    Codes input{
        .place = Whole(r_.place.codes.data, k),
        .scales = r_.place.codes.scales,
        .floats = group.norm
                      ? Remote()
                      : PlaceOf(group.products[0].products[0]).inputs[0].data,
        .made = false};
    if (group.norm) TRIPTYCH_TRY(Norm(*group.norm, input));
    for (size_t i = 0; i < group.products.size();) {
      const size_t end = EndOfRun(i);
      if (i > 0) b_.Barrier();
      TRIPTYCH_TRY(Products(std::span(group.products).subspan(i, end - i),
                            input, !group.down));
      i = end;
    }
    if (!group.down) return {};
    b_.Barrier();
    return Down();
  }

 private:
  // A product's input as codes, and where it can be had as f32.
  struct Codes {
    SplitRows place;
    Remote scales, floats;
    bool made = false;
  };

  const Placement& PlaceOf(NodeId node) const {
    const auto at = std::ranges::find(r_.group.nodes, node);
    return r_.place.nodes[static_cast<size_t>(at - r_.group.nodes.begin())];
  }
  const Node& NodeOf(NodeId node) const { return r_.graph.node(node); }
  SplitRows Whole(const Remote& at, int64_t stride) const {
    return {.at = at, .rest = {}, .near = rows_, .stride = stride};
  }
  LowerRequest RequestOf(NodeId node) const {
    return {r_.params, r_.graph, NodeOf(node), r_.binding, PlaceOf(node)};
  }

  // Products that one emission can make: those that agree in all but width.
  size_t EndOfRun(size_t first) const {
    const auto& products = r_.group.products;
    const auto alike = [&](const FusedProduct& p) {
      const FusedProduct& q = products[first];
      return p.products.size() == q.products.size() && p.act == q.act &&
             p.add == q.add &&
             NodeOf(p.products[0]).inputs.size() ==
                 NodeOf(q.products[0]).inputs.size() &&
             OutCols(p) >= b_.cores();
    };
    size_t end = first + 1;
    // An activation or a sum is its node's: only plain ones are alike.
    while (end < products.size() && alike(products[end]) &&
           alike(products[first])) {
      ++end;
    }
    return end;
  }
  int64_t OutCols(const FusedProduct& p) const {
    return r_.graph.value(p.out).shape.cols;
  }

  // ---- Rows to codes ----

  Status Norm(NodeId id, Codes& input) {
    const Node& node = NodeOf(id);
    const Placement& at = PlaceOf(id);
    const int64_t cols = r_.graph.value(node.output).shape.cols;
    b_.Mark(id);
    b_.OnCores(RowCores(b_, rows_));
    uint32_t affine[2] = {kNoOperand, kNoOperand};
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      affine[i - 1] = LoadConstant(b_, at.inputs[i].data, cols * kF32);
    }
    const auto eps = static_cast<float>(node.attributes.Get("eps"));
    const bool layer = node.op->name == "layernorm";
    const auto norm = [&](const RowBlock& block) {
      b_.Norm({.src = block.in[0],
               .dst = block.in[0],
               .weight = affine[0],
               .bias = affine[1],
               .eps = eps,
               .rows = static_cast<uint16_t>(block.rows),
               .cols = static_cast<uint16_t>(cols)},
              layer, {}, block.first);
    };
    TRIPTYCH_TRY(ToCodes(id, {at.inputs[0].data, cols * kF32, cols * kF32},
                         rows_, {input.place.at, cols, input.place.stride},
                         input.scales, norm));
    b_.Barrier();
    input.made = true;
    return {};
  }

  // `count` rows to codes, after `change`, if any, has been at each block.
  template <class Change>
  Status ToCodes(NodeId id, const RowStream& from, int64_t count,
                 const RowStream& to, const Remote& scales,
                 const Change& change) {
    const int64_t cols = from.bytes / kF32;
    RowWork work{.rows = count, .in = {from}, .out = {}, .change = {}};
    work.outs = {to, {scales, kF32, kF32}};
    work.change = [&](const RowBlock& block) {
      Sync sync = block.both();
      if constexpr (!std::is_same_v<Change, std::nullptr_t>) {
        change(block);
        sync.wait = {};
      }
      b_.Quantize({.src = block.in[0],
                   .dst = block.out[0],
                   .scales = block.out[1],
                   .rows = static_cast<uint16_t>(block.rows),
                   .cols = static_cast<uint16_t>(cols),
                   .multiplier = kOne,
                   .dst_stride = 0},
                  static_cast<int>(r_.params.activation_bits), 0, sync);
    };
    return EmitRows(RequestOf(id), work, b_);
  }

  // ---- Products ----

  ProductWork WorkOf(const FusedProduct& p, const MatmulSize& size) const {
    ProductWork work{
        .size = size, .factors = {}, .act = {}, .residual = {}, .out = {}};
    for (const NodeId id : p.products) {
      const Placement& at = PlaceOf(id);
      work.factors.push_back(
          {at.inputs[1], size.bias ? at.inputs[2].data : Remote()});
    }
    NodeId last = p.products.back();
    if (p.act) {
      const std::string_view name = NodeOf(*p.act).op->name;
      work.act = std::ranges::find(kActivations, name, &ActivationOp::name)->op;
      last = *p.act;
    }
    if (p.mul) last = *p.mul;
    if (p.add) {
      const Node& add = NodeOf(*p.add);
      const size_t slot = add.inputs[0] == p.residual ? 0 : 1;
      work.residual = PlaceOf(*p.add).inputs[slot].data;
      last = *p.add;
    }
    work.out = Whole(PlaceOf(last).output.data, size.n * kF32);
    return work;
  }

  // With `outside` the outputs go where the nodes' outputs are, else they are
  // the hidden rows.
  Status Products(std::span<const FusedProduct> products, Codes& input,
                  bool outside) {
    const auto widest = std::ranges::max_element(
        products, {}, [&](const FusedProduct& p) { return OutCols(p); });
    const auto size_of = [&](const FusedProduct& p) {
      return SizeOfProduct(r_.params, r_.graph, p, r_.binding, input.made);
    };
    const SplitRows& hidden = r_.place.hidden;
    const bool split = IsSplit(input.place) || (!outside && IsSplit(hidden));
    std::vector<ProductWork> works;
    bool in_place = false;
    for (const FusedProduct& p : products) {
      works.push_back(WorkOf(p, size_of(p)));
      if (!outside) works.back().out = hidden;
      in_place |= p.add && SamePlace(works.back());
    }
    const NodeId id = products[0].products[0];
    const auto plan = FindPlan(
        RequestOf(id), size_of(*widest),
        {.several = products.size() > 1, .split = split, .in_place = in_place});
    if (!plan) {
      return MakeError(ErrorCode::kUnsupported,
                       NodeOf(id).name + ": the fused product does not fit");
    }
    b_.Mark(id);
    if (plan->prepared && !input.made) {
      const int64_t cols = r_.graph.value(NodeOf(id).inputs[0]).shape.cols;
      TRIPTYCH_TRY(ToCodes(id, {input.floats, cols * kF32, cols * kF32}, rows_,
                           {Start(input.place), cols, input.place.stride},
                           input.scales, nullptr));
      b_.Barrier();
      input.made = true;
    }
    // What it was planned for has changed if the codes have been made.
    for (ProductWork& work : works) work.size.coded = input.made;
    EmitProducts(
        works,
        {.floats = input.floats, .codes = input.place, .scales = input.scales},
        *plan, b_);
    return {};
  }
  static bool SamePlace(const ProductWork& work) {
    return work.residual.region == work.out.at.region &&
           work.residual.offset == work.out.at.offset;
  }
  // Where rows that are not split lie.
  static Remote Start(const SplitRows& rows) {
    return rows.near > 0 ? rows.at : rows.rest;
  }
  bool IsSplit(const SplitRows& rows) const {
    return rows.near > 0 && rows.near < rows_;
  }

  // One row is quantised sooner than shared out: the product does it.
  Status Down() {
    const NodeId id = r_.group.down->products[0];
    const SplitRows &floats = r_.place.hidden, &codes = r_.place.hidden_codes;
    Codes input{.place = codes,
                .scales = r_.place.hidden_scales,
                .floats = Start(floats),
                .made = false};
    if (rows_ > 1) {
      b_.Mark(id);
      const int64_t bytes = floats.stride, cols = bytes / kF32;
      const int64_t near = std::min(floats.near, rows_), rest = rows_ - near;
      if (near > 0) {
        TRIPTYCH_TRY(ToCodes(id, {floats.at, bytes, bytes}, near,
                             {codes.at, cols, codes.stride}, input.scales,
                             nullptr));
      }
      if (rest > 0) {
        RowStream from{floats.rest, bytes, bytes};
        if (floats.panel > 0) {
          from.stride = floats.panel * kF32;
          from.pieces = cols / floats.panel;
          from.piece_stride = rest * from.stride;
        }
        TRIPTYCH_TRY(ToCodes(id, from, rest,
                             {codes.rest, cols, codes.RestStride()},
                             input.scales + near * kF32, nullptr));
      }
      b_.Barrier();
      input.made = true;
    }
    return Products(std::span(&*r_.group.down, 1), input, true);
  }

  const GroupRequest& r_;
  Builder& b_;
  int64_t rows_;
};

// Hands out places for one group alone.
class Layouter {
 public:
  Layouter(const Params& params, const MachineSize& machine, const Graph& graph,
           const Fusion& fusion, const FusedGroup& group,
           const Binding& binding)
      : params_(params),
        machine_(machine),
        graph_(graph),
        fusion_(fusion),
        group_(group),
        binding_(binding) {}

  GroupLayout Make() {
    for (const NodeId id : group_.nodes) {
      const Node& node = graph_.node(id);
      Placement place;
      for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
        place.inputs.push_back(Input(node, slot));
      }
      layout_.place.nodes.push_back(place);
    }
    for (const FusedProduct& p : group_.products) {
      if (!group_.down) Output(p);
    }
    if (group_.down) Output(*group_.down);
    const GroupNeeds needs = NeedsOf(params_, graph_, group_, binding_);
    if (needs.hidden_rows > 0) {
      layout_.place.hidden_scales = Take(needs.hidden_rows * kF32);
    }
    layout_.place.codes.scales = Take(needs.codes.scales);
    const ChipShare share = ShareChip(needs, Room());
    layout_.place.codes.data = Take(share.codes);
    if (needs.hidden_rows > 0) {
      const Remote at =
          regions_.Take(Region::kL2, share.near * needs.hidden_stride);
      PlaceHidden(needs, share.near, at, regions_, layout_.place);
    }
    layout_.region_bytes = regions_.bytes();
    return layout_;
  }

 private:
  int64_t Room() const { return machine_.l2_bytes - regions_.bytes()[0]; }
  Remote Take(int64_t bytes) {
    const bool fits = bytes <= std::min(OnChipLimit(machine_), Room());
    return regions_.Take(fits ? Region::kL2 : Region::kActivations, bytes);
  }

  bool IsInside(ValueId value) const {
    return std::ranges::any_of(group_.nodes, [&](NodeId id) {
      return graph_.node(id).output == value;
    });
  }

  Location Input(const Node& node, size_t slot) {
    const ValueId id = node.inputs[slot];
    if (IsInside(id)) return {};
    Location at;
    const Extent extent = ExtentOf(params_, graph_, node, binding_, slot);
    if (graph_.value(id).kind == ValueKind::kWeight) {
      const bool codes = extent.scales > 0;
      at.data = regions_.Take(codes ? Region::kWeights : Region::kConstants,
                              extent.data);
      if (codes) at.scales = regions_.Take(Region::kConstants, extent.scales);
      return at;
    }
    const auto known = values_.find(id);
    if (known != values_.end()) return known->second;
    at.data = Take(extent.data);
    return values_[id] = at;
  }

  void Output(const FusedProduct& p) {
    for (size_t i = 0; i < group_.nodes.size(); ++i) {
      const Node& node = graph_.node(group_.nodes[i]);
      if (node.output != p.out) continue;
      Location& to = layout_.place.nodes[i].output;
      if (fusion_.InPlace(group_, p)) {
        to = values_.at(p.residual);
      } else {
        to.data = Take(
            ExtentOf(params_, graph_, node, binding_, node.inputs.size()).data);
      }
    }
  }

  const Params& params_;
  const MachineSize& machine_;
  const Graph& graph_;
  const Fusion& fusion_;
  const FusedGroup& group_;
  const Binding& binding_;
  Regions regions_;
  std::map<ValueId, Location> values_;
  GroupLayout layout_;
};

}  // namespace

GroupNeeds NeedsOf(const Params& params, const Graph& graph,
                   const FusedGroup& group, const Binding& binding) {
  const Shape& input = graph.value(group.input).shape;
  const int64_t rows = input.rows.Bind(binding);
  GroupNeeds needs;
  needs.codes = {rows * input.cols, rows * kF32};
  if (!group.down) return needs;
  const FusedProduct& up = group.products[0];
  needs.hidden_rows = rows;
  needs.hidden_stride = graph.value(up.out).shape.cols * kF32;
  const Placement nowhere;
  const auto plan_for = [&](const FusedProduct& p) {
    const Node& node = graph.node(p.products[0]);
    return FindPlan({params, graph, node, binding, nowhere},
                    SizeOfProduct(params, graph, p, binding, true),
                    {.split = true});
  };
  const auto plan = plan_for(up);
  if (!plan || !plan_for(*group.down)) return needs;
  const bool whole_tiles =
      needs.hidden_stride / kF32 % (plan->n_tile * plan->output_cores) == 0;
  if (whole_tiles) needs.panel = plan->n_tile;
  return needs;
}

ChipShare ShareChip(const GroupNeeds& needs, int64_t room) {
  constexpr int64_t kSlack = 2 * 64;  // both are aligned
  const int64_t rows = needs.hidden_rows, row = needs.hidden_stride;
  ChipShare all{.near = rows, .codes = needs.codes.data};
  if (rows == 0 || rows * row + all.codes + kSlack <= room) return all;
  if (needs.panel == 0) return {.near = 0, .codes = needs.codes.data};
  // Each row off the chip leaves its codes there.
  int64_t near = rows;
  const auto codes = [&] {
    return std::max(needs.codes.data, (rows - near) * (row / kF32));
  };
  while (near > 0 && near * row + codes() + kSlack > room) --near;
  if (near == 0) return {.near = 0, .codes = needs.codes.data};
  return {.near = near, .codes = codes()};
}

void PlaceHidden(const GroupNeeds& needs, int64_t near, const Remote& at,
                 Regions& regions, GroupPlacement& place) {
  const int64_t rest = needs.hidden_rows - near;
  const bool split = near > 0 && rest > 0;
  place.hidden = {.at = at,
                  .rest = {},
                  .near = near,
                  .stride = needs.hidden_stride,
                  .panel = split ? needs.panel : 0};
  // In place where f32 rows are on the chip.
  place.hidden_codes = place.hidden;
  place.hidden_codes.panel = 0;
  if (rest == 0) return;
  place.hidden.rest =
      regions.Take(Region::kActivations, rest * needs.hidden_stride);
  place.hidden_codes.rest = split ? place.codes.data : place.hidden.rest;
  place.hidden_codes.rest_stride = split ? needs.hidden_stride / kF32 : 0;
}

Status LowerGroup(const GroupRequest& request, Builder& builder) {
  return GroupEmitter(request, builder).Run();
}

GroupLayout LayoutOfGroup(const Params& params, const MachineSize& machine,
                          const Graph& graph, const Fusion& fusion,
                          const FusedGroup& group, const Binding& binding) {
  return Layouter(params, machine, graph, fusion, group, binding).Make();
}

}  // namespace triptych::npu
