// SPDX-License-Identifier: Apache-2.0
#include "tools/graph/layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace triptych::picture {
namespace {

// Columns first follow one side at a time, which moves them far, then both.
constexpr int kOrderSweeps = 12, kColumnSweeps = 200, kOneSided = 8;
constexpr double kPassWidth = 10;  // of an edge that passes a rank

// A node, or where an edge passes a rank.
struct Item {
  size_t rank = 0;
  double width = 0;
  bool passes = false;
  double x = 0;
  std::vector<size_t> up, down;  // items in the ranks next to it
};

class Arranger {
 public:
  Arranger(const std::vector<LayoutNode>& nodes, const LayoutOptions& options)
      : nodes_(nodes), options_(options) {}

  Layout Run() {
    Rank();
    Connect();
    Order();
    for (std::vector<size_t>& rank : ranks_) Pack(rank);
    for (int sweep = 0; sweep < kColumnSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (size_t i = 0; i < ranks_.size(); ++i) {
        Straighten(ranks_[down ? i : ranks_.size() - 1 - i], down,
                   sweep >= kOneSided);
      }
    }
    return Measure();
  }

 private:
  // Longest paths within a group; a group begins below the one before it.
  void Rank() {
    std::vector<size_t> rank(nodes_.size());
    size_t below = 0, group = 0, first = 0;
    for (size_t n = 0; n < nodes_.size(); ++n) {
      if (nodes_[n].group != group) {
        group = nodes_[n].group;
        first = below;
      }
      rank[n] = first;
      for (const size_t input : nodes_[n].inputs) {
        rank[n] = std::max(rank[n], rank[input] + 1);
      }
      below = std::max(below, rank[n] + 1);
    }
    // What nothing forces up stands just above who reads it.
    for (size_t n = nodes_.size(); n-- > 0;) {
      if (!nodes_[n].inputs.empty()) continue;
      size_t least = std::numeric_limits<size_t>::max();
      for (size_t m = n + 1; m < nodes_.size(); ++m) {
        const auto& in = nodes_[m].inputs;
        if (std::find(in.begin(), in.end(), n) != in.end()) {
          least = std::min(least, rank[m]);
        }
      }
      if (least != std::numeric_limits<size_t>::max()) rank[n] = least - 1;
    }
    ranks_.resize(below);
    for (size_t n = 0; n < nodes_.size(); ++n) {
      items_.push_back({rank[n], nodes_[n].width, false, 0, {}, {}});
      ranks_[rank[n]].push_back(n);
    }
  }

  // Edges, by way of an item in each rank that they pass. Those that leave
  // one node for several share it: they part where they must.
  void Connect() {
    std::vector<std::vector<size_t>> trunk(nodes_.size());
    for (size_t n = 0; n < nodes_.size(); ++n) {
      for (const size_t input : nodes_[n].inputs) {
        size_t above = input;
        std::vector<size_t>& passes = trunk[input];
        const size_t needed = items_[n].rank - items_[input].rank - 1;
        std::vector<size_t> path;
        for (size_t i = 0; i < needed; ++i) {
          if (i == passes.size()) {
            const size_t item = items_.size();
            const size_t rank = items_[input].rank + 1 + i;
            items_.push_back({rank, kPassWidth, true, 0, {}, {}});
            ranks_[rank].push_back(item);
            Join(above, item);
            passes.push_back(item);
          }
          above = passes[i];
          path.push_back(above);
        }
        Join(above, n);
        edges_.push_back({input, n, std::move(path)});
      }
    }
  }

  void Join(size_t above, size_t below) {
    items_[above].down.push_back(below);
    items_[below].up.push_back(above);
  }

  // Sorts each rank by where its neighbours stand, until that changes
  // nothing for the better.
  void Order() {
    auto best = ranks_;
    size_t fewest = Crossings();
    for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (size_t i = 0; i < ranks_.size(); ++i) {
        SortRank(ranks_[down ? i : ranks_.size() - 1 - i], down);
      }
      const size_t crossings = Crossings();
      if (crossings >= fewest) continue;
      fewest = crossings;
      best = ranks_;
    }
    ranks_ = std::move(best);
    Number();
  }

  // x as the place in a rank, while there is no other.
  void Number() {
    for (const std::vector<size_t>& rank : ranks_) {
      for (size_t i = 0; i < rank.size(); ++i) {
        items_[rank[i]].x =
            static_cast<double>(i) - static_cast<double>(rank.size() - 1) / 2;
      }
    }
  }

  double Barycentre(const Item& item, const std::vector<size_t>& near) const {
    if (near.empty()) return item.x;
    double sum = 0;
    for (const size_t other : near) sum += items_[other].x;
    return sum / static_cast<double>(near.size());
  }

  void SortRank(std::vector<size_t>& rank, bool down) {
    Number();
    std::vector<double> at(items_.size());
    for (const size_t item : rank) {
      const Item& it = items_[item];
      at[item] = Barycentre(it, down ? it.up : it.down);
    }
    std::sort(rank.begin(), rank.end(), [&](size_t a, size_t b) {
      return std::pair(at[a], items_[a].x) < std::pair(at[b], items_[b].x);
    });
  }

  size_t Crossings() {
    Number();
    size_t count = 0;
    for (const std::vector<size_t>& rank : ranks_) {
      for (size_t i = 0; i < rank.size(); ++i) {
        for (size_t j = i + 1; j < rank.size(); ++j) {
          for (const size_t a : items_[rank[i]].down) {
            for (const size_t b : items_[rank[j]].down) {
              count += items_[a].x > items_[b].x ? 1 : 0;
            }
          }
        }
      }
    }
    return count;
  }

  double Apart(size_t left, size_t right) const {
    return (items_[left].width + items_[right].width) / 2 + options_.column_gap;
  }

  // Side by side, centred.
  void Pack(const std::vector<size_t>& rank) {
    double x = 0;
    for (size_t i = 0; i < rank.size(); ++i) {
      if (i > 0) x += Apart(rank[i - 1], rank[i]);
      items_[rank[i]].x = x;
    }
    for (const size_t item : rank) items_[item].x -= x / 2;
  }

  // Where an item would stand by its neighbours alone. Edges that pass ranks
  // pull on each other most: a long edge is straight, or bends at its ends.
  double Wanted(const Item& item, bool down, bool both) const {
    double sum = 0, weight = 0;
    const auto pull = [&](const std::vector<size_t>& near) {
      for (const size_t other : near) {
        const bool passes = items_[other].passes;
        const double w = item.passes == passes ? (passes ? 8 : 2) : 1;
        sum += w * items_[other].x;
        weight += w;
      }
    };
    if (down || both) pull(item.up);
    if (!down || both) pull(item.down);
    return weight > 0 ? sum / weight : item.x;
  }

  // Moves the items of a rank to where their neighbours are, as near as their
  // widths allow in the sense of least squares (pool adjacent violators).
  void Straighten(const std::vector<size_t>& rank, bool down, bool both) {
    struct Pool {
      double sum, weight;
      size_t count;
      double mean() const { return sum / weight; }
    };
    std::vector<Pool> pools;
    std::vector<double> shift(rank.size(), 0);
    for (size_t i = 0; i < rank.size(); ++i) {
      if (i > 0) shift[i] = shift[i - 1] + Apart(rank[i - 1], rank[i]);
      const Item& item = items_[rank[i]];
      const double wanted = Wanted(item, down, both);
      // Bent long edges are uglier than nodes off the middle.
      const double weight = item.passes ? 4 : 1;
      pools.push_back({(wanted - shift[i]) * weight, weight, 1});
      while (pools.size() > 1 &&
             pools[pools.size() - 2].mean() > pools.back().mean()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back().sum += last.sum;
        pools.back().weight += last.weight;
        pools.back().count += last.count;
      }
    }
    size_t i = 0;
    for (const Pool& pool : pools) {
      for (size_t end = i + pool.count; i < end; ++i) {
        items_[rank[i]].x = pool.mean() + shift[i];
      }
    }
  }

  Layout Measure() const {
    Layout out;
    double left = std::numeric_limits<double>::max(), right = -left;
    for (const Item& item : items_) {
      left = std::min(left, item.x - item.width / 2);
      right = std::max(right, item.x + item.width / 2);
    }
    out.width = right - left;
    std::vector<double> top(ranks_.size()), bottom(ranks_.size());
    double y = 0;
    size_t group = 0;
    for (size_t r = 0; r < ranks_.size(); ++r) {
      double height = 0;
      for (const size_t item : ranks_[r]) {
        if (items_[item].passes) continue;
        height = std::max(height, nodes_[item].height);
        if (nodes_[item].group != group) {
          group = nodes_[item].group;
          y += options_.group_gap;
        }
      }
      top[r] = y;
      bottom[r] = y + height;
      y = bottom[r] + options_.row_gap;
    }
    out.height = y - options_.row_gap;
    for (size_t n = 0; n < nodes_.size(); ++n) {
      const size_t r = items_[n].rank;
      out.places.push_back({items_[n].x - left, (top[r] + bottom[r]) / 2});
    }
    for (const Edge& edge : edges_) {
      Route route{edge.from, edge.to, {}};
      const Place from = out.places[edge.from], to = out.places[edge.to];
      route.points.push_back({from.x, from.y + nodes_[edge.from].height / 2});
      for (const size_t item : edge.path) {
        const double x = items_[item].x - left;
        route.points.push_back({x, top[items_[item].rank]});
        route.points.push_back({x, bottom[items_[item].rank]});
      }
      route.points.push_back({to.x, to.y - nodes_[edge.to].height / 2});
      out.routes.push_back(std::move(route));
    }
    return out;
  }

  struct Edge {
    size_t from, to;
    std::vector<size_t> path;
  };
  const std::vector<LayoutNode>& nodes_;
  const LayoutOptions& options_;
  std::vector<Item> items_;  // the nodes, then where edges pass
  std::vector<std::vector<size_t>> ranks_;
  std::vector<Edge> edges_;
};

}  // namespace

Layout Arrange(const std::vector<LayoutNode>& nodes,
               const LayoutOptions& options) {
  if (nodes.empty()) return {};
  return Arranger(nodes, options).Run();
}

}  // namespace triptych::picture
