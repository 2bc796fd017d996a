// The statistics that the gate decides with, and nothing more.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_STATISTICS_H_
#define TRIPTYCH_TOOLS_GATE_STATISTICS_H_

#include <cstddef>
#include <span>

namespace triptych::gate {

// P(Z > z) of a standard normal; and the z that has it, 0 < p < 1.
double NormalTail(double z);
double NormalQuantile(double upper_tail);

// P(T > t) of Student's t with `freedom` degrees of freedom (>= 1); and the t
// that has it.
double StudentTail(double t, double freedom);
double StudentQuantile(double upper_tail, double freedom);

// A mean, its standard error, and how many values it is of.
struct Mean {
  double mean = 0, stderr_of_mean = 0;
  size_t count = 0;
  // Half the width of the two-sided interval that holds the true mean with
  // probability `level`; 0 for fewer than two values.
  double HalfWidth(double level = 0.95) const;
};
Mean MeanOf(std::span<const double> values);

// Wilcoxon's rank sum as Mann and Whitney (1947) count it: whether `b` tends
// to be larger or smaller than `a`. Exact where no value is there twice and
// neither has more than 50; else the normal limit, with its correction for
// ties and continuity.
struct MannWhitney {
  double u = 0;  // pairs in which b is the larger; ties count half
  double p = 1;  // two-sided
};
MannWhitney MannWhitneyTest(std::span<const double> a,
                            std::span<const double> b);

// The middle value, or the mean of the two; 0 for none.
double Median(std::span<const double> values);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_STATISTICS_H_
