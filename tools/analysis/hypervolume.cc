// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/hypervolume.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "kernels/base/check.h"

namespace triptych::analysis {
namespace {

// Rows as distances below the reference, all above 0: volumes are then boxes
// at the origin, and the reference is out of the way.
using Boxes = Costs;

// The rows by their last column, the largest first.
std::vector<size_t> ByLast(const Boxes& boxes) {
  std::vector<size_t> order(boxes.rows());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return boxes.Row(a).back() > boxes.Row(b).back();
  });
  return order;
}

double Longest(const Boxes& boxes) {
  double longest = 0;
  for (const double length : boxes.values) longest = std::max(longest, length);
  return longest;
}

double Area(const Boxes& boxes) {
  double area = 0, width = 0;
  for (const size_t i : ByLast(boxes)) {
    const auto box = boxes.Row(i);
    if (box[0] <= width) continue;
    area += (box[0] - width) * box[1];
    width = box[0];
  }
  return area;
}

// The union of rectangles at the origin, as corners of a staircase: height
// falls as width grows.
class Staircase {
 public:
  double area() const { return area_; }
  void Add(double width, double height) {
    auto end = corners_.lower_bound(width);
    double floor = end == corners_.end() ? 0 : end->second;
    if (floor >= height) return;
    auto begin = end;
    // To the left, step by step, for as long as the steps are lower: those
    // are the corners that [begin, end) gives up.
    double edge = width;
    while (begin != corners_.begin() && floor < height) {
      const auto left = std::prev(begin);
      area_ += (edge - left->first) * (height - floor);
      edge = left->first;
      floor = left->second;
      if (floor < height) begin = left;
    }
    if (floor < height) area_ += edge * (height - floor);
    corners_.erase(begin, end);
    corners_[width] = height;
  }

 private:
  std::map<double, double> corners_;  // width to height
  double area_ = 0;
};

double Volume(const Boxes& boxes) {
  Staircase staircase;
  double volume = 0;
  const std::vector<size_t> order = ByLast(boxes);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto box = boxes.Row(order[i]);
    staircase.Add(box[0], box[1]);
    const double next = i + 1 < order.size() ? boxes.Row(order[i + 1])[2] : 0;
    volume += staircase.area() * (box[2] - next);
  }
  return volume;
}

// Without boxes inside others.
Boxes Outer(Boxes boxes) {
  for (double& length : boxes.values) length = -length;
  Boxes outer{boxes.width, {}};
  for (const size_t i : NonDominated(boxes)) {
    for (const double length : boxes.Row(i)) outer.values.push_back(-length);
  }
  return outer;
}

double Union(const Boxes& boxes);

// What `box` has to itself besides `others`, in all columns but the last.
double Exclusive(std::span<const double> box, const Boxes& others) {
  const auto base = box.first(box.size() - 1);
  double all = 1;
  for (const double length : base) all *= length;
  return all - Union(others);
}

double Union(const Boxes& boxes) {
  if (boxes.width == 1) return Longest(boxes);
  if (boxes.width == 2) return Area(boxes);
  if (boxes.width == 3) return Volume(boxes);
  // Those before it in this order are as long in the last column: what they
  // share with a box is as long as the box itself.
  const Boxes outer = Outer(boxes);
  const std::vector<size_t> order = ByLast(outer);
  double volume = 0;
  Boxes shared{outer.width - 1, {}};
  for (size_t i = 0; i < order.size(); ++i) {
    const auto box = outer.Row(order[i]);
    shared.values.clear();
    for (size_t before = 0; before < i; ++before) {
      const auto other = outer.Row(order[before]);
      for (size_t c = 0; c + 1 < box.size(); ++c) {
        shared.values.push_back(std::min(box[c], other[c]));
      }
    }
    volume += box.back() * Exclusive(box, shared);
  }
  return volume;
}

}  // namespace

double Hypervolume(const Costs& costs, std::span<const double> reference) {
  TRIPTYCH_CHECK(reference.size() == costs.width, "reference",
                 reference.size());
  Boxes boxes{costs.width, {}};
  for (size_t i = 0; i < costs.rows(); ++i) {
    const auto row = costs.Row(i);
    bool below = true;
    for (size_t c = 0; c < row.size(); ++c) below &= row[c] < reference[c];
    if (!below) continue;
    for (size_t c = 0; c < row.size(); ++c) {
      boxes.values.push_back(reference[c] - row[c]);
    }
  }
  return Union(boxes);
}

}  // namespace triptych::analysis
