// The axes of a study, from its TOML.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_AXES_H_
#define TRIPTYCH_TOOLS_SWEEP_AXES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/document.h"
#include "tools/sweep/study.h"

namespace triptych::sweep {

// The leaves of a table under dotted keys: `[axes.adc] bits = [4]` and
// `"adc.bits" = [4]` are the same. A table with a key of a range (low, high,
// steps, log) is a leaf.
DocumentValue::Table Flatten(const DocumentValue::Table& table);

// The target before the colon of "optical:adc.bits", "" if there is none,
// and the key after it.
struct ScopedKey {
  std::string_view target, key;
  bool For(const Machine& machine) const {
    return (target.empty() || target == machine.family.target()) &&
           machine.Has(key);
  }
};
ScopedKey SplitKey(std::string_view name);

// What a message adds about a key that no machine has.
std::string NearestParameter(std::span<const Machine> machines,
                             std::string_view name);

// `value`, which is one of `axis`, as the parameter takes it.
Config::Scalar ScalarOf(const Axis& axis, double value);

// The part of a message of LoadParams that is about `key`; "" if it is about
// something else.
std::string AboutKey(std::string_view message, std::string_view key);

// Reads one axis. All errors are located in `document`; `name` is what they
// call the axis.
class AxisReader {
 public:
  AxisReader(const Document& document, std::span<const Machine> machines)
      : document_(document), machines_(machines) {}

  // Over a parameter of one or several machines.
  Result<Axis> Parameter(std::string_view name,
                         const DocumentValue& value) const;
  // Whole numbers from `least` to `most`, for every machine.
  Result<Axis> Count(std::string_view name, const DocumentValue& value,
                     double least, double most) const;
  // Texts, for every machine.
  Result<Axis> Texts(std::string_view name, const DocumentValue& value) const;

 private:
  Status ReadLevels(const DocumentValue& value, Axis& axis) const;
  Status ReadRange(const DocumentValue& value, Axis& axis) const;
  Status CheckDistinct(const DocumentValue& value, const Axis& axis) const;
  Result<double> Number(const DocumentValue& value, const Axis& axis,
                        std::string_view part) const;
  Status CheckAllowed(const DocumentValue& value, const Axis& axis) const;
  std::unexpected<Error> Fail(size_t line, std::string_view name,
                              std::string_view what) const;

  const Document& document_;
  std::span<const Machine> machines_;
};

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_AXES_H_
