// Whether a change made the emulated machines slower, hungrier or less
// accurate, by which operator, and whether it is noise.
//
//   costs      picoseconds, bytes and energy are exact: any difference counts.
//   operators  the mean square of each operator's own error. Where the two
//              runs drew the same noise, or there is none, they are pairs and
//              a rise by kPairedMargin counts. Else a rise counts beyond
//              kMargin and beyond what noise does once in a thousand gates.
//              The largest error counts if it doubled. Errors of less than
//              kFloor are how a host orders its sums, and do not count.
//   accuracy   KL by stretches of the text, which both runs share: a rise of
//              the mean counts beyond kKlMargin and beyond the one-sided
//              99.9 % bound of the paired differences.
//   values     the bits themselves, where they are the same on every host.
//
// What counts fails. A drop of an error is told, and does not.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_JUDGE_H_
#define TRIPTYCH_TOOLS_GATE_JUDGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/gate/results.h"

namespace triptych::gate {

inline constexpr double kPairedMargin = 0.005;  // of the mean square
inline constexpr double kMargin = 0.01;         // likewise
inline constexpr double kFalseAlarms = 1e-3;    // of one gate, all its tests
inline constexpr double kMaxFactor = 2;
inline constexpr double kFloor = 0x1p-19;  // rms over the outputs' rms
inline constexpr double kKlMargin = 0.10;
inline constexpr double kKlFloor = 1e-7;  // nats a token

enum class Standard : uint8_t {
  kBaseline,  // a reviewed file: every difference of a cost fails
  kOldVsNew,  // two builds or machines: only the worse fails
  kExact,     // two builds that should be the same: every bit counts
};

// One difference.
struct Finding {
  Row row;           // of the new run; of the old where there is no new
  std::string what;  // "energy_j"
  bool fails = false;
  // How bad: the logarithm of the ratio of new to old, so that halves and
  // doubles compare; largest for what has no ratio.
  double severity = 0;
  std::string text;  // "energy_j: 1.2e-05 J, was 1.1e-05 (+9.1 %)"
};

struct Judgement {
  std::vector<Finding> findings;  // those that fail first, the worst first
  size_t rows = 0;                // that were compared

  size_t failures() const;
  bool passed() const { return failures() == 0; }
};

Judgement Judge(const Results& old, const Results& now, Standard standard);

// An operator and why it is among the worst: by its findings that fail, else
// by its own error.
struct WorstOperator {
  const Row* row;
  std::string why;
};
// The three worst, of different operators of targets.
std::vector<WorstOperator> WorstThree(const Judgement& judgement,
                                      const Results& now);

// Host times of repeated runs of two builds, A B A B ... on one machine.
struct HostTime {
  Row row;                      // whose time: a target of a case
  double old_s = 0, new_s = 0;  // medians
  double p = 1;
  bool slower = false;  // by more than kHostMargin with p < kHostP
};
inline constexpr double kHostMargin = 0.10, kHostP = 0.05;
// Rows of both that have host_s, at least kHostRepeats each.
inline constexpr size_t kHostRepeats = 5;
std::vector<HostTime> CompareHostTimes(const Results& old, const Results& now);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_JUDGE_H_
