// SPDX-License-Identifier: Apache-2.0
#include "tools/search/nsga2.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>
#include <string>
#include <utility>

#include "tools/search/trials.h"

namespace triptych::search {
namespace {

// Axes as pagmo2 wants them: without those of one value, and what it is to
// treat as whole numbers last.
class Genome {
 public:
  explicit Genome(std::span<const Axis> axes);

  bool empty() const { return genes_.empty(); }
  size_t size() const { return genes_.size(); }
  size_t whole() const { return whole_; }
  std::pair<std::vector<double>, std::vector<double>> bounds() const;
  Point Decode(std::span<const double> genes) const;

 private:
  struct Gene {
    size_t axis;
    double low, high;
  };
  std::span<const Axis> axes_;
  std::vector<Gene> genes_;
  size_t whole_ = 0;
  Point fixed_;  // axes of one value; 0 for the others
};

Genome::Genome(std::span<const Axis> axes) : axes_(axes), fixed_(axes.size()) {
  std::vector<Gene> whole;
  for (size_t i = 0; i < axes.size(); ++i) {
    const Axis& axis = axes[i];
    const bool choice = axis.kind == AxisKind::kChoice;
    double low = choice ? 0 : axis.low;
    double high =
        choice ? static_cast<double>(axis.choices.size()) - 1 : axis.high;
    if (low == high) {
      fixed_[i] = low;
    } else if (choice || (axis.kind == AxisKind::kWhole && !axis.log)) {
      whole.push_back({i, low, high});
    } else if (axis.log) {
      // Whole numbers are what rounds to them: the ends get their share.
      const double half = axis.kind == AxisKind::kWhole ? 0.5 : 0;
      genes_.push_back({i, std::log(low - half), std::log(high + half)});
    } else {
      genes_.push_back({i, low, high});
    }
  }
  whole_ = whole.size();
  genes_.insert(genes_.end(), whole.begin(), whole.end());
}

std::pair<std::vector<double>, std::vector<double>> Genome::bounds() const {
  std::pair<std::vector<double>, std::vector<double>> bounds;
  for (const Gene& gene : genes_) {
    bounds.first.push_back(gene.low);
    bounds.second.push_back(gene.high);
  }
  return bounds;
}

Point Genome::Decode(std::span<const double> genes) const {
  Point point = fixed_;
  for (size_t i = 0; i < genes_.size(); ++i) {
    const Axis& axis = axes_[genes_[i].axis];
    double value = genes[i];
    if (axis.kind != AxisKind::kChoice) {
      if (axis.log) value = std::exp(value);
      if (axis.kind == AxisKind::kWhole) value = std::round(value);
      value = std::clamp(value, axis.low, axis.high);
    }
    point[genes_[i].axis] = value;
  }
  return point;
}

// What a search goes by, shared by the copies that pagmo2 makes.
struct Search {
  const Genome& genome;
  Trials& trials;
  size_t objectives;
  const Options& options;
  size_t done = 0, total = 0;
};

// pagmo2's "user-defined problem".
struct Problem {
  Search* search = nullptr;

  std::vector<double> fitness(const std::vector<double>& genes) const {
    return batch_fitness(genes);
  }
  std::vector<double> batch_fitness(const std::vector<double>& genes) const {
    const size_t width = search->genome.size();
    std::vector<Point> points;
    for (size_t i = 0; i < genes.size(); i += width) {
      points.push_back(
          search->genome.Decode(std::span(genes).subspan(i, width)));
    }
    std::vector<double> fitness;
    for (const size_t trial : search->trials.Ask(points)) {
      const std::vector<double> costs = search->trials.CostsOf(trial);
      fitness.insert(fitness.end(), costs.begin(), costs.end());
      // NSGA-II wants two: with one objective, both are that.
      if (costs.size() == 1) fitness.push_back(costs[0]);
    }
    search->done += points.size();
    if (search->options.progress) {
      search->options.progress(search->done, search->total);
    }
    return fitness;
  }
  std::vector<double>::size_type get_nobj() const {
    return std::max<size_t>(2, search->objectives);
  }
  std::vector<double>::size_type get_nix() const {
    return search->genome.whole();
  }
  std::pair<std::vector<double>, std::vector<double>> get_bounds() const {
    return search->genome.bounds();
  }
  // Required of a problem; archives are never made.
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

void Evolve(Search& search, size_t population) {
  // Deb's own settings: pc = 0.9, pm = 1 / n, both distribution indices 20.
  const auto& options = search.options;
  const auto seed = static_cast<unsigned>(options.seed ^ (options.seed >> 32));
  pagmo::nsga2 nsga2(static_cast<unsigned>(options.generations), 0.9, 20,
                     1 / static_cast<double>(search.genome.size()), 20, seed);
  const pagmo::bfe in_batches{pagmo::member_bfe{}};
  nsga2.set_bfe(in_batches);
  const pagmo::population first(pagmo::problem{Problem{&search}}, in_batches,
                                population, seed);
  nsga2.evolve(first);
}

}  // namespace

bool HasNsga2() { return true; }

Result<Found> Nsga2(std::span<const Axis> axes,
                    std::span<const sweep::Objective> objectives,
                    const Evaluate& evaluate, const Options& options) {
  TRIPTYCH_TRY(CheckSpace(axes));
  if (objectives.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "no objective: allowed is one or more");
  }
  const Genome genome(axes);
  Trials trials(objectives, evaluate, options.threads);
  if (genome.empty()) {
    trials.Ask({genome.Decode({})});
    return std::move(trials).Take();
  }
  const size_t population =
      std::max<size_t>(8, (options.population + 3) / 4 * 4);
  Search search{genome, trials, objectives.size(), options};
  search.total = population * (options.generations + 1);
  try {
    Evolve(search, population);
  } catch (const std::exception& error) {
    return MakeError(ErrorCode::kUnsupported,
                     std::string("pagmo2: ") + error.what());
  }
  return std::move(trials).Take();
}

}  // namespace triptych::search
