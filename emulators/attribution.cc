// SPDX-License-Identifier: Apache-2.0
#include "emulators/attribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/op_error.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

// Mean of KL, less that of `other` at the same positions if there is any.
MeanError MeanKl(const std::vector<TokenScore>& scores,
                 const std::vector<TokenScore>* other = nullptr) {
  const auto n = static_cast<double>(scores.size());
  const auto at = [&](size_t i) {
    return scores[i].kl - (other != nullptr ? (*other)[i].kl : 0.0);
  };
  MeanError m;
  for (size_t i = 0; i < scores.size(); ++i) m.mean += at(i) / n;
  double squares = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    squares += (at(i) - m.mean) * (at(i) - m.mean);
  }
  if (scores.size() > 1) m.stderr_of_mean = std::sqrt(squares / (n - 1) / n);
  return m;
}

class Attributor {
 public:
  Attributor(const AccuracyTest& test, const Weights& weights,
             const Target& target, const AttributionOptions& options,
             const TokensDone& tell)
      : test_(test),
        weights_(weights),
        target_(target),
        options_(options),
        tell_(tell) {
    for (const Node& node : graph().nodes()) {
      if (target.Supports(graph(), node) == Support::kNative) Collect(node);
    }
  }

  Result<Attribution> Run() {
    runs_ = 2 + 2 * groups_.size();
    TRIPTYCH_ASSIGN(all_, Scores(std::vector<bool>(graph().nodes().size())));
    Attribution report{.all = MeanKl(all_), .none = {}};
    TRIPTYCH_ASSIGN(const std::vector<TokenScore> none,
                    Scores(std::vector<bool>(graph().nodes().size(), true)));
    report.none = MeanKl(none);
    for (const Group& group : groups_) {
      TRIPTYCH_ASSIGN(Attributed a, Of(group));
      report.operators.push_back(std::move(a));
    }
    CostliestFirst(report.operators);
    const std::vector<Group> parts = LayersOf(report.operators);
    runs_ += 2 * parts.size();
    for (const Group& part : parts) {
      TRIPTYCH_ASSIGN(Attributed a, Of(part));
      report.layers.push_back(std::move(a));
    }
    CostliestFirst(report.layers);
    return report;
  }

 private:
  // Nodes that are moved together: those of one name, of all phases.
  struct Group {
    std::string name, op;
    int layer = -1;
    std::vector<NodeId> nodes;
  };

  const Graph& graph() const { return test_.graph(); }

  void Collect(const Node& node) {
    const std::string_view name = NameInLayer(node);
    const auto found = std::ranges::find_if(groups_, [&](const Group& g) {
      return g.name == name && g.op == node.op->name;
    });
    if (found != groups_.end()) {
      found->nodes.push_back(node.id);
    } else {
      groups_.push_back(
          {std::string(name), std::string(node.op->name), -1, {node.id}});
    }
  }

  // Layer by layer, the groups of the first of `operators`.
  std::vector<Group> LayersOf(const std::vector<Attributed>& operators) const {
    std::vector<Group> parts;
    for (size_t i = 0; i < std::min(options_.drill, operators.size()); ++i) {
      const auto group = std::ranges::find_if(groups_, [&](const Group& g) {
        return g.name == operators[i].name && g.op == operators[i].op;
      });
      for (const NodeId id : group->nodes) {
        const Node& node = graph().node(id);
        if (node.layer < 0) continue;
        auto part = std::ranges::find_if(
            parts, [&](const Group& p) { return p.name == node.name; });
        if (part == parts.end()) {
          parts.push_back({node.name, group->op, node.layer, {}});
          part = std::prev(parts.end());
        }
        part->nodes.push_back(id);
      }
    }
    return parts;
  }

  Result<Attributed> Of(const Group& group) {
    Attributed a{.name = group.name,
                 .op = group.op,
                 .layer = group.layer,
                 .nodes = static_cast<int64_t>(group.nodes.size())};
    std::vector<bool> on_host(graph().nodes().size());
    for (const NodeId id : group.nodes) on_host[id] = true;
    TRIPTYCH_ASSIGN(const std::vector<TokenScore> without, Scores(on_host));
    a.gain = MeanKl(all_, &without);
    on_host.flip();
    TRIPTYCH_ASSIGN(const std::vector<TokenScore> alone, Scores(on_host));
    a.alone = MeanKl(alone);
    return a;
  }

  Result<std::vector<TokenScore>> Scores(const std::vector<bool>& on_host) {
    TRIPTYCH_ASSIGN(
        const auto program,
        target_.Compile(graph(), &weights_, {.on_host = on_host, .wrap = {}}));
    auto scores = test_.Scores(*program, options_.seed, options_.threads);
    if (tell_) tell_(++done_, runs_);
    return scores;
  }

  static void CostliestFirst(std::vector<Attributed>& all) {
    std::ranges::sort(all, [](const Attributed& a, const Attributed& b) {
      if (a.alone.mean != b.alone.mean) return a.alone.mean > b.alone.mean;
      return a.name < b.name;
    });
  }

  const AccuracyTest& test_;
  const Weights& weights_;
  const Target& target_;
  const AttributionOptions& options_;
  const TokensDone& tell_;
  std::vector<Group> groups_;  // in the order in which they run
  std::vector<TokenScore> all_;
  size_t done_ = 0, runs_ = 0;
};

}  // namespace

Result<Attribution> Attribute(const AccuracyTest& test, const Weights& weights,
                              const Target& target,
                              const AttributionOptions& options,
                              const TokensDone& tell) {
  return Attributor(test, weights, target, options, tell).Run();
}

}  // namespace triptych
