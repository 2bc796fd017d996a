// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/sobol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "tools/analysis/effects.h"
#include "tools/analysis/levels.h"

namespace triptych::analysis {
namespace {

// What one base point adds to the sums, outputs taken from their mean.
class Terms {
 public:
  Terms(std::span<const double> output, size_t inputs);

  size_t rows() const { return both_.size(); }
  size_t inputs() const { return inputs_; }
  double mean() const { return mean_; }
  double variance() const;

  // The estimates from rows[k] of the base points; false without variance.
  bool Estimate(std::span<const uint32_t> rows, std::vector<double>& first,
                std::vector<double>& total) const;

 private:
  size_t inputs_;
  double mean_ = 0;
  std::vector<double> both_, squares_;  // a row: f(A) + f(B), of squares
  std::vector<double> first_, total_;   // rows x inputs
};

Terms::Terms(std::span<const double> output, size_t inputs) : inputs_(inputs) {
  const size_t group = inputs + 2;
  TRIPTYCH_CHECK(inputs > 0 && output.size() % group == 0, "outputs",
                 output.size());
  std::vector<std::span<const double>> complete;
  for (size_t i = 0; i < output.size(); i += group) {
    const auto row = output.subspan(i, group);
    if (std::ranges::all_of(row, [](double y) { return std::isfinite(y); })) {
      complete.push_back(row);
      mean_ += (row[0] + row[1]) / 2;
    }
  }
  if (!complete.empty()) mean_ /= static_cast<double>(complete.size());
  for (const auto row : complete) {
    const double a = row[0] - mean_, b = row[1] - mean_;
    both_.push_back(a + b);
    squares_.push_back(a * a + b * b);
    for (size_t i = 0; i < inputs; ++i) {
      const double ab = row[2 + i] - mean_;
      first_.push_back(b * (ab - a));
      total_.push_back((a - ab) * (a - ab) / 2);
    }
  }
}

double Terms::variance() const {
  if (squares_.empty()) return 0;
  double sum = 0;  // of squares; the mean is 0
  for (const double square : squares_) sum += square;
  return sum / (2 * static_cast<double>(squares_.size()));
}

bool Terms::Estimate(std::span<const uint32_t> rows, std::vector<double>& first,
                     std::vector<double>& total) const {
  first.assign(inputs_, 0);
  total.assign(inputs_, 0);
  double both = 0, squares = 0;
  for (const uint32_t row : rows) {
    both += both_[row];
    squares += squares_[row];
    for (size_t i = 0; i < inputs_; ++i) {
      first[i] += first_[row * inputs_ + i];
      total[i] += total_[row * inputs_ + i];
    }
  }
  const double n = static_cast<double>(rows.size());
  const double mean = both / (2 * n);
  const double variance = squares / (2 * n) - mean * mean;
  if (!(variance > 0)) return false;
  for (size_t i = 0; i < inputs_; ++i) {
    first[i] /= n * variance;
    total[i] /= n * variance;
  }
  return true;
}

// Sets an interval to the 2.5 % and the 97.5 % point of `values`.
void SetInterval(std::vector<double>& values, double& low, double& high) {
  if (values.empty()) return;
  std::ranges::sort(values);
  const size_t tail = values.size() / 40;
  low = values[tail];
  high = values[values.size() - 1 - tail];
}

void SetIntervals(const Terms& terms, const Bootstrap& bootstrap,
                  std::vector<SobolIndex>& indices) {
  const size_t n = terms.rows(), inputs = terms.inputs();
  std::vector<std::vector<double>> firsts(inputs), totals(inputs);
  std::vector<double> first, total;
  std::vector<uint32_t> rows(n);
  for (size_t r = 0; r < bootstrap.resamples; ++r) {
    Rng rng(bootstrap.seed, r);
    for (uint32_t& row : rows) row = rng.Below(static_cast<uint32_t>(n));
    // All rows alike have no variance: no estimate, as of no sample.
    if (!terms.Estimate(rows, first, total)) continue;
    for (size_t i = 0; i < inputs; ++i) {
      firsts[i].push_back(first[i]);
      totals[i].push_back(total[i]);
    }
  }
  for (size_t i = 0; i < inputs; ++i) {
    SetInterval(firsts[i], indices[i].first_low, indices[i].first_high);
    SetInterval(totals[i], indices[i].total_low, indices[i].total_high);
  }
}

// A complete grid: the output of each combination of levels, the last axis
// running fastest.
struct Grid {
  std::vector<std::string> axes;
  std::vector<size_t> sizes;  // levels
  std::vector<double> output;
};

Result<Grid> GridOf(const sweep::Results& results,
                    const std::vector<double>& output) {
  const auto incomplete = [&](std::string_view what) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {}; exact indices need a grid with each combination "
                    "of its levels once, and its output",
                    results.study, what));
  };
  Grid grid;
  std::vector<size_t> cells(results.points, 0);
  size_t size = 1;
  for (const sweep::Column* axis : VaryingAxes(results)) {
    const Levels levels = LevelsOf(*axis, std::numeric_limits<size_t>::max());
    grid.axes.push_back(axis->name);
    grid.sizes.push_back(levels.labels.size());
    if (size > results.points) break;  // and cells would overflow
    size *= levels.labels.size();
    for (size_t i = 0; i < results.points; ++i) {
      if (levels.of_point[i] == kNoLevel) {
        return incomplete(axis->name + ": does not apply to every point");
      }
      cells[i] = cells[i] * levels.labels.size() + levels.of_point[i];
    }
  }
  if (size != results.points) {
    return incomplete(fmt::format("{} points", results.points));
  }
  grid.output.assign(size, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < results.points; ++i) grid.output[cells[i]] = output[i];
  for (const double value : grid.output) {
    if (!std::isfinite(value)) return incomplete("a combination is missing");
  }
  return grid;
}

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double VarianceOf(std::span<const double> values) {
  const double mean = MeanOf(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size());
}

// The indices of one axis: the variance between the means of its levels, and
// what is left of it once every other axis is known.
SobolIndex IndexOf(const Grid& grid, size_t axis, double variance) {
  const size_t levels = grid.sizes[axis];
  size_t stride = 1;
  for (size_t i = axis + 1; i < grid.sizes.size(); ++i) stride *= grid.sizes[i];
  std::vector<double> means(levels, 0), line(levels);
  double within = 0;
  const size_t lines = grid.output.size() / levels;
  for (size_t l = 0; l < lines; ++l) {
    const size_t start = l / stride * stride * levels + l % stride;
    for (size_t i = 0; i < levels; ++i) {
      line[i] = grid.output[start + i * stride];
      means[i] += line[i] / static_cast<double>(lines);
    }
    within += VarianceOf(line) / static_cast<double>(lines);
  }
  const double first = VarianceOf(means) / variance, total = within / variance;
  return {first, total, first, first, total, total};
}

}  // namespace

std::vector<double> SaltelliDesign(std::span<const double> base,
                                   size_t inputs) {
  TRIPTYCH_CHECK(inputs > 0 && base.size() % (2 * inputs) == 0, "base points",
                 base.size());
  std::vector<double> design;
  design.reserve(base.size() / 2 * (inputs + 2));
  for (size_t i = 0; i < base.size(); i += 2 * inputs) {
    const auto a = base.subspan(i, inputs),
               b = base.subspan(i + inputs, inputs);
    design.insert(design.end(), a.begin(), a.end());
    design.insert(design.end(), b.begin(), b.end());
    for (size_t input = 0; input < inputs; ++input) {
      design.insert(design.end(), a.begin(), a.end());
      design[design.size() - inputs + input] = b[input];
    }
  }
  return design;
}

SobolIndices EstimateSobol(std::span<const double> output, size_t inputs,
                           const Bootstrap& bootstrap) {
  const Terms terms(output, inputs);
  SobolIndices indices;
  indices.of_input.resize(inputs);
  indices.mean = terms.mean();
  indices.variance = terms.variance();
  indices.base_points = terms.rows();
  indices.left_out = output.size() / (inputs + 2) - terms.rows();
  std::vector<uint32_t> all(terms.rows());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  std::vector<double> first, total;
  if (all.empty() || !terms.Estimate(all, first, total)) return indices;
  for (size_t i = 0; i < inputs; ++i) {
    indices.of_input[i].first = first[i];
    indices.of_input[i].total = total[i];
  }
  SetIntervals(terms, bootstrap, indices.of_input);
  return indices;
}

Result<StudySobol> SobolOfStudy(const sweep::Results& results,
                                std::string_view output) {
  if (results.design != "saltelli") return SobolOfGrid(results, output);
  TRIPTYCH_ASSIGN(const sweep::Column* column, NumberColumn(results, output));
  StudySobol sobol;
  for (const sweep::Column& axis : results.columns) {
    if (axis.role == sweep::Role::kAxis) sobol.axes.push_back(axis.name);
  }
  const size_t rows_of_base = sobol.axes.size() + 2;
  size_t bases = 0;
  for (const uint32_t number : results.numbers) {
    bases = std::max<size_t>(bases, number / rows_of_base + 1);
  }
  // Points that are not there, or not ok, take their base point along.
  std::vector<double> outputs(bases * rows_of_base,
                              std::numeric_limits<double>::quiet_NaN());
  for (size_t row = 0; row < results.points; ++row) {
    outputs[results.numbers[row]] = column->numbers[row];
  }
  sobol.indices = EstimateSobol(outputs, sobol.axes.size());
  return sobol;
}

Result<StudySobol> SobolOfGrid(const sweep::Results& results,
                               std::string_view output) {
  TRIPTYCH_ASSIGN(const sweep::Column* column, NumberColumn(results, output));
  TRIPTYCH_ASSIGN(Grid grid, GridOf(results, column->numbers));
  StudySobol sobol{std::move(grid.axes), {}};
  sobol.indices.mean = MeanOf(grid.output);
  sobol.indices.variance = VarianceOf(grid.output);
  sobol.indices.base_points = grid.output.size();
  for (size_t axis = 0; axis < sobol.axes.size(); ++axis) {
    sobol.indices.of_input.push_back(
        sobol.indices.variance > 0 ? IndexOf(grid, axis, sobol.indices.variance)
                                   : SobolIndex{});
  }
  return sobol;
}

}  // namespace triptych::analysis
