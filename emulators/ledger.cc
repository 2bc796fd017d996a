// SPDX-License-Identifier: Apache-2.0
#include "emulators/ledger.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace triptych {

std::string_view BasisName(Basis basis) {
  switch (basis) {
    case Basis::kPublished:
      return "published";
    case Basis::kDerived:
      return "derived";
    case Basis::kAssumed:
      return "assumed";
  }
  return "";
}

void Ledger::Add(const Charge& charge) {
  TRIPTYCH_CHECK(charge.begin <= charge.end && charge.begin.value >= 0, "node",
                 charge.node, "begin", charge.begin.value, "end",
                 charge.end.value);
  const auto [at, is_new] =
      rows_.try_emplace({charge.node, charge.unit, charge.action},
                        Row{0, Picos(0), charge.begin, charge.end});
  Row& row = at->second;
  row.count += charge.count;
  if (!charge.concurrent) row.busy += charge.end - charge.begin;
  row.begin = std::min(row.begin, charge.begin);
  row.end = std::max(row.end, charge.end);
  makespan_ = std::max(makespan_, charge.end);
  if (mode_ == Mode::kKeep) charges_.push_back(charge);
}

}  // namespace triptych
