// SPDX-License-Identifier: Apache-2.0
#include "emulators/ledger.h"

#include <doctest/doctest.h>

namespace triptych {
namespace {

constexpr UnitId kUnit{1};
constexpr ActionId kAction{2};

TEST_CASE("sums are the same in both modes") {
  for (const auto mode : {Ledger::Mode::kKeep, Ledger::Mode::kFold}) {
    Ledger ledger(mode);
    ledger.Add({3, kUnit, kAction, 5, Picos(10), Picos(30)});
    ledger.Add({3, kUnit, kAction, 7, Picos(40), Picos(45)});
    ledger.Add({3, kUnit, kAction, 1, Picos(12), Picos(60), true});
    ledger.Add({4, kUnit, kAction, 1, Picos(0), Picos(5)});
    REQUIRE(ledger.rows().size() == 2);
    const Ledger::Row& row = ledger.rows().at({3, kUnit, kAction});
    CHECK(row.count == 13);
    CHECK(row.busy == Picos(25));
    CHECK(row.begin == Picos(10));
    CHECK(row.end == Picos(60));
    CHECK(ledger.makespan() == Picos(60));
    CHECK(ledger.charges().size() == (mode == Ledger::Mode::kKeep ? 4 : 0));
  }
}

TEST_CASE("an empty ledger takes no time") {
  CHECK(Ledger().makespan() == Picos(0));
}

TEST_CASE("bases have names") {
  CHECK(BasisName(Basis::kPublished) == "published");
  CHECK(BasisName(Basis::kDerived) == "derived");
  CHECK(BasisName(Basis::kAssumed) == "assumed");
}

}  // namespace
}  // namespace triptych
