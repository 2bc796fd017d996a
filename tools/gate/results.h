// What a gate measured: rows of numbers, one an operator, and the file they
// are kept in.
//
// The file is JSON that people review: one row a line, so that a change of a
// number is a change of a line and can be pointed at.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_RESULTS_H_
#define TRIPTYCH_TOOLS_GATE_RESULTS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/op_error.h"
#include "kernels/base/result.h"

namespace triptych::gate {

// Emulated, so the same on every host: compared exactly.
struct RowCost {
  int64_t picos = 0;      // 0 where `measured`
  bool measured = false;  // times are this host's, not the machine's
  double cycles = 0;      // picos in the machine's clock
  double energy_j = 0;
  uint64_t off_chip_bytes = 0, internal_bytes = 0;
};

// An operator's own error (OpInputs::kReference), in all layers.
struct RowError {
  int64_t outputs = 0;
  double mean_square = 0, mean_square_stderr = 0, max_abs = 0;
  uint64_t digest = 0;
  bool varies = false;     // with the seed of the noise; known from two seeds
  bool bit_exact = false;  // the same bits on every host
};

// Of a target on the whole text.
struct RowAccuracy {
  int64_t predictions = 0;
  double nll = 0, kl = 0, kl_stderr = 0, top1 = 0;
  // Mean KL of consecutive stretches of the text, at most kBlocks, over all
  // seeds: few enough to review, and pairs for whoever scores the same text.
  std::vector<double> kl_blocks;
  double kl_over_seeds_stderr = 0;  // 0 for one seed
};
inline constexpr size_t kBlocks = 20;

// One operator of one target in one phase; op "" is all of them.
struct Row {
  std::string case_name, target, preset, phase, op;
  std::optional<RowCost> cost;
  std::optional<RowError> error;
  std::optional<RowAccuracy> accuracy;
  std::vector<double> host_s;  // of this host; no baseline keeps it

  // "stories/npu:tri-npu-100/prefill/attn.q".
  std::string Id() const;
  std::string Label() const { return target + ":" + preset; }
};

// How a case was measured. Another text or shape is another measurement.
struct CaseInfo {
  std::string name;
  std::string settings;  // for people and for comparison
  uint64_t seed = 0;
  int64_t seeds = 1;
  friend bool operator==(const CaseInfo&, const CaseInfo&) = default;
};

struct Results {
  std::vector<CaseInfo> cases;
  std::vector<Row> rows;
  std::vector<std::string> reasons;  // why the rows became what they are

  const CaseInfo* FindCase(std::string_view name) const;
  const Row* FindRow(const Row& like) const;  // the row with the same Id
};

// The rows of `all` whose targets `some` has too, or those whose it has not:
// for runs of some of a suite's targets.
std::vector<Row> RowsOfTargets(const Results& all, const Results& some,
                               bool there);

// Rows of scores: `repeats` are those of one text with other noise.
RowAccuracy AccuracyOf(std::span<const std::vector<TokenScore>> repeats);

nlohmann::json ToJson(const Row& row);

// The text of a baseline; with host times, of what one run measured.
std::string BaselineText(const Results& results, bool with_host_times = false);
// Errors: unreadable, no JSON, a member that is missing or of another type;
// "file: rows[3]: energy_j: what".
Result<Results> ParseBaseline(std::string_view text, const std::string& file);
Result<Results> ReadBaseline(const std::string& path);

// The line (from 1) of the row `id` in the text of a baseline; 1 if there is
// none.
size_t LineOfRow(std::string_view text, const Row& row);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_RESULTS_H_
