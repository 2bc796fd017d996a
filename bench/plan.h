// What `triptych bench` was asked for, in terms of the tables of variants.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PLAN_H_
#define TRIPTYCH_BENCH_PLAN_H_

#include <span>
#include <string>
#include <vector>

#include "bench/shapes.h"
#include "kernels/base/result.h"
#include "kernels/variants.h"

namespace triptych::bench {

// One variant and the shapes to measure it on.
struct Job {
  Variant variant;
  std::vector<ListedShape> shapes;
};

// `op` names an operator of the tables; `words` are key=value:
//
//   variant=NAME, dtype=NAME  the row of that name (the plain rows are named
//                             after what they multiply); all rows without
//   shapes=LIST,...           lists of ProductShapes(), for variants with
//                             sizes m, n and k
//   SIZE=N,...                every size of the variant: all combinations
//
// Without shapes and sizes, the bench shapes of the row. Errors are located
// and say what is allowed.
Result<std::vector<Job>> PlanJobs(const std::string& op,
                                  std::span<const std::string> words);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PLAN_H_
