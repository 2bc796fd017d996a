// SPDX-License-Identifier: Apache-2.0
#include "emulators/validate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace triptych {
namespace {

TEST_CASE("scores") {
  std::vector<RowScore> rows(10);
  for (int i = 0; i < 10; ++i) rows[i].error_pct = (i % 2 ? 1 : -1) * (i + 1);
  const Score score = MakeScore("us", rows);
  CHECK(score.measure == "us");
  CHECK(score.rows == 10);
  CHECK(score.mape_pct == doctest::Approx(5.5));
  CHECK(score.median_ape_pct == 5);
  CHECK(score.p90_ape_pct == 9);
  CHECK(score.max_ape_pct == 10);
  CHECK(MakeScore("us", {}).rows == 0);
}

TEST_CASE("ranks that agree, ranks that do not, and ties") {
  const auto ranked = [](const std::vector<double>& measured,
                         const std::vector<double>& predicted) {
    std::vector<RowScore> rows(measured.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].measured = measured[i];
      rows[i].predicted = predicted[i];
    }
    return MakeScore("us", rows).rank_correlation;
  };
  CHECK(*ranked({1, 2, 3}, {10, 20, 900}) == doctest::Approx(1));
  CHECK(*ranked({1, 2, 3}, {3, 2, 1}) == doctest::Approx(-1));
  // Ranks 0 1 2 3 and 0.5 0.5 2 3: 4.5 over the root of 5 x 4.5.
  CHECK(*ranked({1, 2, 3, 4}, {5, 5, 6, 7}) ==
        doctest::Approx(4.5 / std::sqrt(5 * 4.5)));
  CHECK_FALSE(ranked({1, 2}, {1, 2}).has_value());
  CHECK_FALSE(ranked({1, 2, 3}, {4, 4, 4}).has_value());
}

TEST_CASE("a row names its preset, and what it lacks is said") {
  const auto table = Table::Parse(
      "# a test\n"
      "gpu,dtype,m,n,k,measured_us,measured_weight\r\n"
      "h100,bf16,4096,4096,4096,174.3,1\n"
      "b200,fp8,1,8192,8192,26.3,\n"
      "\n"
      "h200,bf16,,4096,4096,9,\n",
      "dir/kernels.csv");
  REQUIRE(table);
  CHECK(table->comment == " a test");
  const auto validation = Validate("gpu", {}, *table);
  REQUIRE(validation);
  REQUIRE(validation->scores.size() == 1);
  const Score& score = validation->scores[0];
  CHECK(score.measure == "us");
  REQUIRE(score.rows == 2);
  CHECK(score.rows_detail[0].preset == "h100");
  CHECK(score.rows_detail[0].line == 3);
  CHECK(score.rows_detail[1].preset == "b200");
  CHECK(score.rows_detail[0].keys ==
        "gpu=h100 dtype=bf16 m=4096 n=4096 k=4096");
  const RowScore& row = score.rows_detail[0];
  CHECK(row.error_pct == doctest::Approx(100 * (row.predicted / 174.3 - 1)));
  REQUIRE(validation->unpredicted.size() == 1);
  CHECK(validation->unpredicted[0].starts_with("dir/kernels.csv:6: "));
  // A preset in the target's name goes over the rows'.
  const auto fixed = Validate("gpu:h200", {}, *table);
  REQUIRE(fixed);
  CHECK(fixed->scores[0].rows_detail[1].preset == "h200");
}

TEST_CASE("errors of tables") {
  const auto parse = [](std::string_view text) {
    const auto table = Table::Parse(text, "t.csv");
    REQUIRE_FALSE(table);
    return table.error().message;
  };
  CHECK(parse("a,b\n1\n") == "t.csv:2: 1 fields; allowed 2, as in the header");
  CHECK(parse("# only words\n") ==
        "t.csv: no rows; allowed a header and at least one row");
  CHECK(Table::Load("no/table.csv").error().message ==
        "no/table.csv: cannot be opened");
  const auto validate = [](std::string_view text) {
    const auto validation =
        Validate("gpu:h100", {}, *Table::Parse(text, "t.csv"));
    REQUIRE_FALSE(validation);
    return validation.error().message;
  };
  CHECK(validate("m,n,k,measured_us\n64,64,64,fast\n") ==
        "t.csv:2: measured_us: fast is not allowed; allowed a number other "
        "than 0");
  CHECK(validate("m,n,k,measured_beauty\n64,64,64,1\n") ==
        "t.csv: gpu:h100 predicts none of its measures");
  CHECK(validate("x,measured_us\n64,1\n") ==
        "t.csv:2: gpu: no prediction for \"t\"; allowed matmul");
}

}  // namespace
}  // namespace triptych
