// Units of parameters, which their keys end with ("clock_hz", "latency_us"),
// and of the texts a study may give instead of plain numbers: "1.35 GHz".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_UNITS_H_
#define TRIPTYCH_TOOLS_SWEEP_UNITS_H_

#include <string_view>

#include "kernels/base/result.h"

namespace triptych::sweep {

// "us" for a key that ends in "_us" or is "us"; "" if it names no unit.
std::string_view UnitOfKey(std::string_view key);

// `text` ("10 us", "1e3 ns", "5") as a number in the unit of `key`. Errors
// say what is wrong and which units are allowed; they are not located.
Result<double> ParseQuantity(std::string_view text, std::string_view key);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_UNITS_H_
