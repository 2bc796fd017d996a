// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/fuse.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "emulators/npu/compile/lower.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr std::array<std::string_view, 4> kActivations = {"silu", "gelu_tanh",
                                                          "gelu_erf", "tanh"};

// Finds the group that a node leads.
class Matcher {
 public:
  Matcher(const Params& params, const Graph& graph,
          const std::vector<std::vector<NodeId>>& users,
          const std::vector<bool>& leaves)
      : params_(params), graph_(graph), users_(users), leaves_(leaves) {
    made_.resize(graph.values().size(), kNobody);
    for (const Node& node : graph.nodes()) {
      // A cache is made before all that reads it here.
      if (graph.value(node.output).kind == ValueKind::kActivation) {
        made_[node.output] = node.id;
      }
    }
  }

  // nullopt if it leads none.
  std::optional<FusedGroup> LedBy(const Node& node) {
    group_ = {};
    leader_ = node.id;
    if (!Matches(node)) return std::nullopt;
    std::ranges::sort(group_.nodes);
    const bool alone = group_.nodes.size() < 2;
    if (alone || group_.nodes.front() != node.id || !InOnePhase()) {
      return std::nullopt;
    }
    return group_;
  }

 private:
  static constexpr auto kNobody = static_cast<NodeId>(-1);

  bool Matches(const Node& node) {
    group_.input = node.inputs[0];
    if (IsNorm(node)) {
      group_.norm = Take(node);
      if (leaves_[node.output] || users_[node.output].empty()) return false;
      for (const NodeId user : users_[node.output]) {
        if (!IsProductOf(graph_.node(user), node.output)) return false;
        Start(user);
      }
    } else if (IsProductOf(node, node.inputs[0])) {
      for (const NodeId user : users_[node.inputs[0]]) {
        if (user < node.id) continue;
        // Those that follow each other.
        const bool next = user == node.id + group_.products.size();
        if (next && IsProductOf(graph_.node(user), node.inputs[0])) {
          Start(user);
        }
      }
    } else {
      return false;
    }
    FindGate();
    for (FusedProduct& product : group_.products) Follow(product);
    FindDown();
    return true;
  }

  NodeId Take(const Node& node) {
    group_.nodes.push_back(node.id);
    return node.id;
  }
  void Start(NodeId product) {
    FusedProduct fused;
    fused.products = {Take(graph_.node(product))};
    fused.out = graph_.node(product).output;
    group_.products.push_back(fused);
  }

  bool IsNorm(const Node& node) const {
    if (!HasCommands(params_, graph_, node)) return false;
    if (node.op->name == "layernorm") return true;
    if (node.op->name != "rmsnorm") return false;
    const int64_t cols = graph_.value(node.output).shape.cols;
    const int64_t width = node.attributes.Int("width", cols);
    return width == cols && node.attributes.Int("group", width) == cols;
  }
  bool IsProductOf(const Node& node, ValueId input) const {
    return node.op->name == "matmul" && node.inputs[0] == input &&
           graph_.value(input).kind == ValueKind::kActivation &&
           graph_.value(node.inputs[1]).kind == ValueKind::kWeight &&
           HasCommands(params_, graph_, node);
  }
  // The only one that reads `value`; null if there are more or it leaves.
  const Node* OnlyUser(ValueId value) const {
    if (leaves_[value] || users_[value].size() != 1) return nullptr;
    const Node& user = graph_.node(users_[value][0]);
    return HasCommands(params_, graph_, user) ? &user : nullptr;
  }
  const Node* OnlyActivation(ValueId value) const {
    const Node* user = OnlyUser(value);
    if (user == nullptr) return nullptr;
    const bool is =
        std::ranges::find(kActivations, user->op->name) != kActivations.end();
    return is ? user : nullptr;
  }

  // Two products of which the activation of one multiplies the other.
  void FindGate() {
    if (group_.products.size() != 2) return;
    FusedProduct &a = group_.products[0], &b = group_.products[1];
    const Shape& first = graph_.value(a.out).shape;
    const Node* act = OnlyActivation(a.out);
    const Node* up = OnlyUser(b.out);
    if (act == nullptr || up == nullptr || up->op->name != "mul") return;
    const Node* mul = OnlyUser(act->output);
    if (mul != up || !(graph_.value(b.out).shape == first)) return;
    if (HasBias(a.products[0]) != HasBias(b.products[0])) return;
    a.products.push_back(b.products[0]);
    a.act = Take(*act);
    a.mul = Take(*mul);
    a.out = mul->output;
    group_.products.pop_back();
  }
  bool HasBias(NodeId product) const {
    return graph_.node(product).inputs.size() == 3;
  }

  // An activation, and a sum with what was there before the group.
  void Follow(FusedProduct& product) {
    if (!product.act) {
      if (const Node* act = OnlyActivation(product.out)) {
        product.act = Take(*act);
        product.out = act->output;
      }
    }
    const Node* add = OnlyUser(product.out);
    if (add == nullptr || add->op->name != "add") return;
    const ValueId other = add->inputs[add->inputs[0] == product.out ? 1 : 0];
    if (other == product.out) return;
    const bool before = made_[other] == kNobody || made_[other] < leader_;
    if (!before || graph_.value(other).kind != ValueKind::kActivation) return;
    product.add = Take(*add);
    product.residual = other;
    product.out = add->output;
  }

  void FindDown() {
    if (group_.products.size() != 1) return;
    const FusedProduct& up = group_.products[0];
    if (!up.act || up.add) return;
    const Node* down = OnlyUser(up.out);
    if (down == nullptr || !IsProductOf(*down, up.out)) return;
    FusedProduct fused;
    fused.products = {Take(*down)};
    fused.out = down->output;
    Follow(fused);
    group_.down = fused;
  }

  bool InOnePhase() const {
    return std::ranges::all_of(graph_.entries(), [&](const Entry& entry) {
      const auto in = [&](NodeId n) {
        return n >= entry.first && n < entry.last;
      };
      return !in(leader_) || in(group_.nodes.back());
    });
  }

  const Params& params_;
  const Graph& graph_;
  const std::vector<std::vector<NodeId>>& users_;
  const std::vector<bool>& leaves_;
  std::vector<NodeId> made_;  // by value
  FusedGroup group_;
  NodeId leader_ = 0;
};

}  // namespace

Fusion::Fusion(const Params& params, const Graph& graph)
    : group_of_(graph.nodes().size(), -1),
      users_(graph.values().size()),
      leaves_(graph.values().size()) {
  for (const Node& node : graph.nodes()) {
    for (const ValueId input : node.inputs) users_[input].push_back(node.id);
  }
  for (const Entry& entry : graph.entries()) leaves_[entry.output] = true;
  Matcher matcher(params, graph, users_, leaves_);
  for (const Node& node : graph.nodes()) {
    if (group_of_[node.id] >= 0) continue;
    const auto group = matcher.LedBy(node);
    if (!group) continue;
    const bool free = std::ranges::all_of(
        group->nodes, [&](NodeId n) { return group_of_[n] < 0; });
    if (!free) continue;
    for (const NodeId n : group->nodes) {
      group_of_[n] = static_cast<int>(groups_.size());
    }
    groups_.push_back(*group);
  }
}

const FusedGroup* Fusion::GroupOf(NodeId node) const {
  const int group = group_of_[node];
  return group < 0 ? nullptr : &groups_[static_cast<size_t>(group)];
}

bool Fusion::InPlace(const FusedGroup& group,
                     const FusedProduct& product) const {
  if (!product.add) return false;
  const ValueId value = product.residual;
  if (leaves_[value] || leaves_[product.out]) return false;
  // Of several products one might read what another has written; and without
  // a norm before it the product itself reads its input while it writes.
  const bool down = group.down && group.down->out == product.out;
  if (group.products.size() > 1) return false;
  if (!down && !group.norm && value == group.input) return false;
  return std::ranges::all_of(users_[value], [&](NodeId user) {
    return user < group.nodes.front() ||
           std::ranges::find(group.nodes, user) != group.nodes.end();
  });
}

}  // namespace triptych::npu
