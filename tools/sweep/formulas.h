// Derived columns and constraints of a study, over one row of slots:
// axes, measures, "bound", derived columns, constants, parameters.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_FORMULAS_H_
#define TRIPTYCH_TOOLS_SWEEP_FORMULAS_H_

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/document.h"
#include "tools/sweep/expression.h"
#include "tools/sweep/point.h"

namespace triptych::sweep {

struct Formula {
  std::string name, unit;
  std::string text;  // as it was written
  size_t line = 0;
  Expression expression;
  // Known before a point is evaluated: from axes, constants and parameters.
  bool early = false;
};

// Immutable once read; each thread brings its own row.
class Formulas {
 public:
  // `study` has its machines and axes. Errors are located in `document`.
  static Result<Formulas> Read(const Document& document, const Study& study);

  std::span<const Formula> derived() const { return derived_; }
  std::span<const Formula> constraints() const { return constraints_; }
  bool has_early_constraints() const;

  // A row for Before and After.
  using Row = std::vector<double>;
  Row NewRow() const;

  // Fills `row` with what is known of a point before it is evaluated; returns
  // the first early constraint that it violates.
  const Formula* Before(const Study& study, const Point& point, Row& row) const;
  // Adds measures and what is derived from them; returns the first constraint
  // that is violated. `measures` may be fewer than the study has: the others
  // are NaN.
  const Formula* After(std::span<const double> measures, std::string_view bound,
                       Row& row) const;
  // The value of derived()[i].
  double Derived(const Row& row, size_t i) const {
    return row[derived_slot_ + i];
  }

 private:
  friend class FormulaScope;
  struct Parameter {
    std::string name;          // "adc.bits", "optical:adc.bits"
    std::vector<double> base;  // by machine; NaN if it has none
    std::vector<size_t> axis;  // by machine, that sets it; kNoAxis if none
    bool text = false;
    size_t slot = 0;
  };
  static constexpr size_t kNoAxis = static_cast<size_t>(-1);

  void Derive(bool early, Row& row) const;
  const Formula* Violated(bool early, const Row& row) const;

  size_t measure_slot_ = 0, bound_slot_ = 0, derived_slot_ = 0;
  size_t size_ = 0;
  std::vector<double> constants_;
  size_t constant_slot_ = 0;
  std::vector<Parameter> parameters_;
  std::vector<Formula> derived_, constraints_;
  std::map<std::string, double, std::less<>> texts_;  // interned
  std::vector<std::vector<double>> level_texts_;      // by text axis, level
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_FORMULAS_H_
