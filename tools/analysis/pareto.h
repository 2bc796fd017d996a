// Pareto fronts of a study: which points no other point beats.
//
// Points are rows of the results. A point takes part if it has a finite
// number for every objective of the study; the others are in no front. A
// study without objectives has no fronts.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
#define TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_

#include <optional>
#include <span>
#include <vector>

#include "tools/analysis/dominance.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

// The points that take part, ascending. Aborts if an objective names no
// column of numbers, as all below do.
std::vector<size_t> CompletePoints(const sweep::Results& results);

// The objectives of complete points: a maximised one is negated.
Costs CostsOf(const sweep::Results& results, std::span<const size_t> points);

// The exact non-dominated set, ascending; points with equal objectives are
// all in it.
std::vector<size_t> ParetoFront(const sweep::Results& results);

// The exact non-dominated sort: the front, then the front of what is left,
// and so on. Each ascending.
std::vector<std::vector<size_t>> Fronts(const sweep::Results& results);

// The front, and every point that a model wrong by the fraction `band` may
// have kept off it: 0.05 is 5 % of the point's own value. Left out is a point
// if one on the front, in every objective, has the same value or one that is
// better even than the point's improved by `band`. (The relative epsilon-
// dominance of M. Laumanns, L. Thiele, K. Deb and E. Zitzler, Evol. Comp.
// 10(3), 2002, but that an equal value, as of an area, protects no point that
// is far behind in all else.) Ascending.
std::vector<size_t> ParetoBand(const sweep::Results& results, double band);

// The point of a front furthest below the plane through its corners, in
// objectives scaled to go from 0 (the best of the front) to 1 (its worst):
// with two, the largest distance to the chord between the ends of the front;
// with m, to the plane on which the scaled objectives sum to 1. I. Das, "On
// characterizing the knee of the Pareto curve based on normal-boundary
// intersection", Struct. Optim. 18, 1999.
struct Knee {
  size_t point;
  double distance;  // in scaled objectives; at most (m - 1) / sqrt(m)
};
// None if no point is below it: a straight or hollow front, or one of less
// than three different points. Of equal ones the first. `front`: complete
// points.
std::optional<Knee> FindKnee(const sweep::Results& results,
                             std::span<const size_t> front);

// The share of the box between the best and the worst value of each objective
// (over all complete points) that the front dominates. An objective that is
// the same everywhere is left out; 1 if all are. `front`: complete points.
double HypervolumeShare(const sweep::Results& results,
                        std::span<const size_t> front);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
