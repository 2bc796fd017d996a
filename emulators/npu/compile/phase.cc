// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/phase.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "emulators/npu/compile/fuse.h"
#include "emulators/npu/compile/group.h"
#include "emulators/npu/compile/layout.h"
#include "emulators/npu/compile/roll.h"
#include "emulators/npu/machine/timing.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kAlign = 64;
constexpr auto kNoValue = static_cast<ValueId>(-1);

// Places on the chip that are taken and given back, lowest first.
class FreeList {
 public:
  explicit FreeList(int64_t bytes) : free_{{0, bytes}} {}

  std::optional<int64_t> Take(int64_t bytes) {
    bytes = RoundUp(bytes, kAlign);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      const auto [at, room] = *it;
      if (room < bytes) continue;
      free_.erase(it);
      if (room > bytes) free_[at + bytes] = room - bytes;
      return at;
    }
    return std::nullopt;
  }
  // Of the largest free place.
  int64_t Largest() const {
    int64_t most = 0;
    for (const auto& [at, room] : free_) most = std::max(most, room);
    return most;
  }
  // Just there; false if it is not free.
  bool TakeAt(int64_t at, int64_t bytes) {
    bytes = RoundUp(bytes, kAlign);
    auto it = free_.upper_bound(at);
    if (it == free_.begin()) return false;
    --it;
    const auto [begin, room] = *it;
    if (at + bytes > begin + room) return false;
    free_.erase(it);
    if (at > begin) free_[begin] = at - begin;
    if (begin + room > at + bytes) {
      free_[at + bytes] = begin + room - at - bytes;
    }
    return true;
  }
  void Give(int64_t at, int64_t bytes) {
    bytes = RoundUp(bytes, kAlign);
    auto it = free_.emplace(at, bytes).first;
    const auto next = std::next(it);
    if (next != free_.end() && at + bytes == next->first) {
      it->second += next->second;
      free_.erase(next);
    }
    if (it == free_.begin()) return;
    const auto before = std::prev(it);
    if (before->first + before->second == it->first) {
      before->second += it->second;
      free_.erase(it);
    }
  }

 private:
  std::map<int64_t, int64_t> free_;  // bytes by place
};

// Where on the chip a value would better be.
using Hints = std::map<ValueId, int64_t>;

class PhaseCompiler {
 public:
  PhaseCompiler(const Params& params, const Graph& graph, const Entry& entry,
                const Binding& binding, const Hints& hints)
      : hints_(hints),
        params_(params),
        graph_(graph),
        entry_(entry),
        binding_(binding),
        fusion_(params, graph),
        machine_(SizeOf(params, {})),
        on_chip_(machine_.l2_bytes) {}

  Result<PhaseStream> Run(const PhaseOptions& options) {
    CountUses();
    // Before everything else, so that layers are alike from the first on.
    for (const Node& node : graph_.NodesOf(entry_)) PlaceTable(node);
    std::vector<std::vector<Command>> segments;
    std::vector<bool> done(graph_.nodes().size());
    for (const Node& node : graph_.NodesOf(entry_)) {
      if (done[node.id]) continue;
      if (!HasCommands(params_, graph_, node)) {
        return MakeError(ErrorCode::kUnsupported,
                         fmt::format("{}: {} has no commands with these "
                                     "parameters",
                                     node.name, node.op->name));
      }
      if (const FusedGroup* group = Leads(node, options)) {
        if (auto commands = GroupCommands(*group)) {
          Split(*commands, segments);
          for (const NodeId member : group->nodes) done[member] = true;
          continue;
        }
      }
      TRIPTYCH_ASSIGN(auto commands, NodeCommands(node));
      Split(commands, segments);
    }
    for (const auto& s : segments) stream_.unrolled += s.size();
    if (options.roll) {
      stream_.commands = RollSegments(segments);
    } else {
      for (const auto& s : segments) {
        stream_.commands.insert(stream_.commands.end(), s.begin(), s.end());
      }
    }
    stream_.region_bytes = regions_.bytes();
    return std::move(stream_);
  }

  // What the first layer takes from before it, in the place from which the
  // second takes the same thing: the two are then alike.
  Hints FindHints() const {
    const auto nodes = graph_.NodesOf(entry_);
    const auto layer = [&](int number) {
      return std::ranges::find(nodes, number, &Node::layer);
    };
    Hints hints;
    auto first = layer(0), second = layer(1);
    for (; first != nodes.end() && second != nodes.end() && first->layer == 0 &&
           first->op == second->op;
         ++first, ++second) {
      for (size_t i = 0; i < first->inputs.size(); ++i) {
        const auto mine = held_.find(first->inputs[i]);
        const auto other = held_.find(second->inputs[i]);
        if (mine == held_.end() || other == held_.end()) continue;
        const Remote& a = mine->second.at.data;
        const Remote& b = other->second.at.data;
        const bool moves = a.region == Region::kL2 && b.region == a.region &&
                           a.offset != b.offset;
        if (moves && !MadeInLayer(first->inputs[i])) {
          hints[first->inputs[i]] = b.offset;
        }
      }
    }
    return hints;
  }

 private:
  bool MadeInLayer(ValueId id) const {
    return std::ranges::any_of(graph_.NodesOf(entry_), [&](const Node& node) {
      return node.output == id && node.layer >= 0;
    });
  }

  struct Held {
    Location at;
    int64_t bytes = 0;
    int uses = 0;  // still to come
  };

  void CountUses() {
    for (const Node& node : graph_.NodesOf(entry_)) {
      for (const ValueId input : node.inputs) ++held_[input].uses;
    }
    ++held_[entry_.output].uses;
  }

  // Loops are made of what ends with a barrier: an operator may be several.
  static void Split(const std::vector<Command>& commands,
                    std::vector<std::vector<Command>>& segments) {
    segments.emplace_back();
    int depth = 0;
    for (const Command& command : commands) {
      segments.back().push_back(command);
      if (command.opcode == Opcode::kLoop) ++depth;
      if (command.opcode == Opcode::kEnd) --depth;
      if (command.opcode == Opcode::kBarrier && depth == 0) {
        segments.emplace_back();
      }
    }
    if (segments.back().empty()) segments.pop_back();
  }

  const FusedGroup* Leads(const Node& node, const PhaseOptions& options) const {
    if (!options.fuse) return nullptr;
    const FusedGroup* group = fusion_.GroupOf(node.id);
    return group != nullptr && group->nodes.front() == node.id ? group
                                                               : nullptr;
  }

  // After an error the nodes are done one by one, from and to the same places.
  Result<std::vector<Command>> GroupCommands(const FusedGroup& group) {
    GroupPlacement place;
    for (const NodeId id : group.nodes) {
      const Node& node = graph_.node(id);
      Placement at;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        at.inputs.push_back(IsInside(group, node.inputs[i])
                                ? Location()
                                : Place(node, i, node.inputs[i]));
      }
      place.nodes.push_back(at);
    }
    std::vector<const FusedProduct*> moved;
    for (const FusedProduct& p : group.products) {
      if (!group.down) PlaceOutput(group, p, place, moved);
    }
    if (group.down) PlaceOutput(group, *group.down, place, moved);
    const GroupNeeds needs = NeedsOf(params_, graph_, group, binding_);
    const ChipShare share =
        ShareChip(needs, on_chip_.Largest() -
                             2 * RoundUp(needs.codes.scales, 2 * kAlign));
    std::vector<Held> scratch = {
        Scratch({share.codes, needs.codes.scales}, needs.codes.data)};
    place.codes = scratch[0].at;
    if (needs.hidden_rows > 0) {
      scratch.push_back(
          Scratch({needs.hidden_rows * kF32, 0}, needs.hidden_rows));
      place.hidden_scales = scratch.back().at.data;
      Held held{.at = {}, .bytes = share.near * needs.hidden_stride};
      const auto at = held.bytes > 0 ? on_chip_.Take(held.bytes) : std::nullopt;
      if (at) {
        held.at.data = {Region::kL2, *at};
        scratch.push_back(held);
      }
      PlaceHidden(needs, at ? share.near : 0, held.at.data, regions_, place);
    }
    Builder builder(machine_);
    const Status status =
        LowerGroup({params_, graph_, group, binding_, place}, builder);
    for (const Held& s : scratch) GiveBack(s);
    for (const FusedProduct* p : moved) {
      held_[status ? p->residual : p->out].bytes = 0;
    }
    if (!status) return std::unexpected(status.error());
    builder.Barrier();
    for (const NodeId id : group.nodes) {
      for (const ValueId input : graph_.node(id).inputs) Release(input);
    }
    return builder.Take();
  }
  bool IsInside(const FusedGroup& group, ValueId value) const {
    return std::ranges::any_of(group.nodes, [&](NodeId id) {
      return graph_.node(id).output == value;
    });
  }
  // A sum takes over the place of what it is added to, if it may.
  void PlaceOutput(const FusedGroup& group, const FusedProduct& p,
                   GroupPlacement& place,
                   std::vector<const FusedProduct*>& moved) {
    for (size_t i = 0; i < group.nodes.size(); ++i) {
      const Node& node = graph_.node(group.nodes[i]);
      if (node.output != p.out) continue;
      if (fusion_.InPlace(group, p) && held_[p.out].bytes == 0) {
        held_[p.out].at = held_[p.residual].at;
        held_[p.out].bytes = held_[p.residual].bytes;
        moved.push_back(&p);
      }
      place.nodes[i].output = Place(node, node.inputs.size(), p.out);
    }
  }

  Result<std::vector<Command>> NodeCommands(const Node& node) {
    Placement place;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      place.inputs.push_back(Place(node, i, node.inputs[i]));
    }
    place.output = Place(node, node.inputs.size(), node.output);
    place.tables = PlaceTable(node);
    std::array<Held, 2> scratch;
    if (node.op->name == "matmul") scratch[0] = PlaceScratch(node, 0);
    if (node.op->name == "attention") {
      scratch = {PlaceScratch(node, 1), PlaceScratch(node, 2)};
    }
    place.scratch = {scratch[0].at, scratch[1].at};
    Builder builder(machine_);
    builder.Mark(node.id);
    TRIPTYCH_TRY(FindLowering(node.op->name)(
        {params_, graph_, node, binding_, place}, builder));
    builder.Barrier();
    for (const ValueId input : node.inputs) Release(input);
    for (const Held& s : scratch) GiveBack(s);
    return builder.Take();
  }

  void Note(const std::string& name, MapEntry::Form form, const Remote& at,
            int64_t bytes, ValueId value, NodeId node) {
    stream_.map.push_back(
        {name, form, at.region, at.offset, bytes, value, node});
  }

  // Where `value` lies; chosen when it is first met.
  Location Place(const Node& node, size_t slot, ValueId id) {
    const Value& value = graph_.value(id);
    const Extent extent = ExtentOf(params_, graph_, node, binding_, slot);
    // A tied head is a table in f32 and codes: two things.
    const auto key = std::pair(id, extent.scales > 0);
    if (value.kind == ValueKind::kWeight || value.kind == ValueKind::kCache) {
      const auto known = kept_.find(key);
      if (known != kept_.end()) return known->second;
      return kept_[key] = value.kind == ValueKind::kWeight
                              ? PlaceWeight(value, extent)
                              : PlaceCache(value, extent);
    }
    Held& held = held_[id];
    if (held.bytes > 0) return held.at;
    held.bytes = extent.data;
    // What comes from outside or goes there is in DRAM.
    const bool outside = value.kind == ValueKind::kInput || id == entry_.output;
    held.at.data = outside ? regions_.Take(Region::kActivations, extent.data)
                           : PlaceActivation(extent.data, id);
    if (outside) {
      Note(value.name, MapEntry::Form::kActivations, held.at.data, extent.data,
           id, node.id);
    }
    return held.at;
  }

  Location PlaceWeight(const Value& value, const Extent& extent) {
    using enum MapEntry::Form;
    Location at;
    const bool codes = extent.scales > 0;
    at.data = regions_.Take(codes ? Region::kWeights : Region::kConstants,
                            extent.data);
    Note(value.name, codes ? kCodes : kFloats, at.data, extent.data, value.id,
         0);
    if (!codes) return at;
    at.scales = regions_.Take(Region::kConstants, extent.scales);
    Note(value.name, kScales, at.scales, extent.scales, value.id, 0);
    return at;
  }

  Location PlaceCache(const Value& value, const Extent& extent) {
    using enum MapEntry::Form;
    Location at;
    at.data = regions_.Take(Region::kCache, extent.data);
    at.scales = regions_.Take(Region::kCache, extent.scales);
    at.capacity = CacheCapacity(value, binding_);
    Note(value.name, kCacheCodes, at.data, extent.data, value.id, 0);
    Note(value.name, kCacheScales, at.scales, extent.scales, value.id, 0);
    return at;
  }

  Remote PlaceActivation(int64_t bytes, ValueId id) {
    if (bytes <= OnChipLimit(machine_)) {
      const auto hint = hints_.find(id);
      if (hint != hints_.end() && on_chip_.TakeAt(hint->second, bytes)) {
        return {Region::kL2, hint->second};
      }
      if (const auto at = on_chip_.Take(bytes)) return {Region::kL2, *at};
    }
    // Off the chip nothing is given back: there is room.
    return regions_.Take(Region::kActivations, bytes);
  }

  // Nodes that turn alike share a table.
  Remote PlaceTable(const Node& node) {
    const int64_t bytes = TableBytes(graph_, node, binding_);
    if (bytes == 0) return {Region::kConstants, 0};
    std::string key = fmt::format("{} {}", node.op->name, bytes);
    for (const auto& [name, value] : node.attributes.entries()) {
      // How many heads turn does not change how far they do.
      if (name != "heads") key += fmt::format(" {}={}", name, value);
    }
    const auto known = tables_.find(key);
    if (known != tables_.end()) return known->second;
    const Remote at = regions_.Take(Region::kConstants, bytes);
    Note(node.name, MapEntry::Form::kTable, at, bytes, 0, node.id);
    return tables_[key] = at;
  }

  Held PlaceScratch(const Node& node, size_t slot) {
    return Scratch(ScratchExtent(graph_, node, binding_, slot),
                   ScratchCapacity(graph_, node, binding_, slot));
  }
  Held Scratch(const Extent& extent, int64_t capacity) {
    if (extent.data == 0) return {};
    Held held;
    const int64_t codes = RoundUp(extent.data, kAlign);
    held.bytes = codes + extent.scales;
    held.at.data = PlaceActivation(held.bytes, kNoValue);
    held.at.scales = held.at.data + codes;
    held.at.capacity = capacity;
    return held;
  }

  void Release(ValueId id) {
    const auto found = held_.find(id);
    if (found == held_.end() || --found->second.uses > 0) return;
    GiveBack(found->second);
    found->second.bytes = 0;
  }
  void GiveBack(const Held& held) {
    if (held.bytes == 0 || held.at.data.region != Region::kL2) return;
    on_chip_.Give(held.at.data.offset, held.bytes);
  }

  const Hints& hints_;
  const Params& params_;
  const Graph& graph_;
  const Entry& entry_;
  const Binding& binding_;
  Fusion fusion_;
  MachineSize machine_;
  FreeList on_chip_;
  Regions regions_;
  std::map<ValueId, Held> held_;
  std::map<std::pair<ValueId, bool>, Location> kept_;
  std::map<std::string, Remote> tables_;
  PhaseStream stream_;
};

}  // namespace

std::string_view NameOf(MapEntry::Form form) {
  static constexpr std::string_view kNames[] = {
      "codes",       "scales",       "floats",     "table",
      "cache_codes", "cache_scales", "activations"};
  return kNames[static_cast<size_t>(form)];
}

Result<PhaseStream> CompilePhase(const Params& params, const Graph& graph,
                                 Phase phase, const Binding& binding,
                                 const PhaseOptions& options) {
  const Entry* entry = graph.FindEntry(phase);
  if (entry == nullptr) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: the graph has no {} phase", graph.name(),
                                 PhaseName(phase)));
  }
  const Hints none;
  PhaseCompiler compiler(params, graph, *entry, binding, none);
  auto stream = compiler.Run(options);
  const Hints hints = compiler.FindHints();
  if (!stream || hints.empty()) return stream;
  return PhaseCompiler(params, graph, *entry, binding, hints).Run(options);
}

}  // namespace triptych::npu
