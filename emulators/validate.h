// Predictions against tables of measured values.
//
// A table is CSV without quoting: a comment line ("# what, from where"), a
// header, rows. Key columns say what was measured, columns named measured_*
// hold the values; an empty field means "not stated". Any subset of the rows
// of a table is a table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_VALIDATE_H_
#define TRIPTYCH_EMULATORS_VALIDATE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/result.h"

namespace triptych {

// Why a prediction is what it is: measures "bound_s.<part>" are the seconds
// that parts of the machine are busy. Parts by that, longest first: the first
// one bounds the prediction, the next one would if that were faster. Empty
// where a target does not say.
struct Bound {
  std::string part;
  double seconds = 0;
};
std::vector<Bound> BoundsIn(const Prediction& prediction);

struct Table {
  std::string path, comment;
  std::vector<std::string> header;
  struct Row {
    int line = 0;
    std::vector<std::string> fields;  // as many as the header has
  };
  std::vector<Row> rows;

  // Errors are located: a file that cannot be read, no header, a row with
  // another number of fields.
  static Result<Table> Load(const std::string& path);
  static Result<Table> Parse(std::string_view text, std::string_view path);
};

// One row and one measure.
struct RowScore {
  int line = 0;
  std::string preset;
  std::string keys;  // "m=640 k=832 n=832": the fields that are not empty
  double measured = 0, predicted = 0;
  double error_pct = 0;  // 100 (predicted - measured) / measured, signed
  std::string bound, next_bound;  // BoundsIn(); "" where not said
};

// One measured_ column that the target predicts, by one measure: the column's
// name, or that and how else it was predicted ("cycles@recorded_issue_times").
// APE is the absolute
// percentage error of a row.
struct Score {
  std::string measure;
  int64_t rows = 0;
  double mape_pct = 0, median_ape_pct = 0, p90_ape_pct = 0, max_ape_pct = 0;
  // Spearman's, of measured and predicted: whether what is faster is predicted
  // to be faster. Equal values share the mean of their ranks. Nothing for
  // fewer than three rows or if one side is the same in all.
  std::optional<double> rank_correlation;
  std::vector<RowScore> rows_detail;
};

struct Validation {
  std::vector<Score> scores;  // in the order of the columns
  // Rows for which the target predicts nothing, each with the reason:
  // "table.csv:12: gpu: no ...".
  std::vector<std::string> unpredicted;
};

// Scores `target` ("mesh", "mesh:preset", or a TOML) on a table. With only a
// name, each row runs on the preset that one of its fields names, in full
// ("blackhole-p150"), by its first or last part ("blackhole", "p150") or with
// two letters for the first ("bh-galaxy"), or else on the default one. Predict
// is asked for the name of the file without its extension, then for "matmul" if
// the row has m, n and k; it gets every key column that is not empty, and
// `table_dir`, the folder that file names in the table are relative to. Errors:
// what MakeTarget says, a measured field that is not a number, or not one row
// that can be predicted.
Result<Validation> Validate(std::string_view target,
                            std::span<const std::string> overrides,
                            const Table& table);

// Scores of given rows; for tables that no Predict answers (accuracy).
Score MakeScore(std::string measure, std::vector<RowScore> rows);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_VALIDATE_H_
