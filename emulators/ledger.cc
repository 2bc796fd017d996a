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
  makespan_ = std::max(makespan_, charge.end);
  if (mode_ == Mode::kTotals) return AddToTotals(charge);
  AddToRow(charge);
  if (mode_ == Mode::kKeep) charges_.push_back(charge);
}

void Ledger::AddToRow(const Charge& charge) {
  const auto [at, is_new] =
      rows_.try_emplace({charge.node, charge.unit, charge.action},
                        Row{0, Picos(0), charge.begin, charge.end});
  Row& row = at->second;
  row.count += charge.count;
  if (!charge.concurrent) row.busy += charge.end - charge.begin;
  row.begin = std::min(row.begin, charge.begin);
  row.end = std::max(row.end, charge.end);
}

void Ledger::AddToTotals(const Charge& charge) {
  const auto action = static_cast<size_t>(charge.action);
  const auto unit = static_cast<size_t>(charge.unit);
  if (counts_.size() <= action) counts_.resize(action + 1);
  if (busy_.size() <= unit) busy_.resize(unit + 1);
  counts_[action] += charge.count;
  if (!charge.concurrent) busy_[unit] += charge.end - charge.begin;
}

void Ledger::Clear() {
  charges_.clear();
  rows_.clear();
  counts_.clear();
  busy_.clear();
  makespan_ = Picos(0);
}

}  // namespace triptych
