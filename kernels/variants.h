// The tables of kernel variants: what there is, how to set up one problem,
// and what its result may be.
//
// Each operator lists its variants in kernels/<op>/variants.cc. Three
// programs walk the tables and know no operator by name: the tests (every
// variant on every SIMD target of the host, against kernels/ref), the
// benchmarks, and `triptych list kernels`. So a new variant is a body and one
// row, and is then checked and timed.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_VARIANTS_H_
#define TRIPTYCH_KERNELS_VARIANTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/units.h"

namespace triptych {

// The sizes of one problem, in the order of Variant::dims.
using ProblemShape = std::vector<size_t>;

// What an output should be, from kernels/ref, and how far the kernel may be
// off: a bound derived from the formats and the sums involved, never a
// number that happened to pass. |got - value| <= bound.
struct Expected {
  double value;
  double bound;
};

// One problem: its operands, drawn at random, and the place of its result.
// The result has rows; a row of the reference can be computed alone, so that
// a benchmark may check a sample where a test checks everything.
class Trial {
 public:
  virtual ~Trial() = default;

  // The kernel and nothing else (this is what gets timed). May be called any
  // number of times; each call gives the same result.
  virtual void Run(int threads) = 0;

  virtual size_t rows() const = 0;
  // Row r of the result, and what it should be; the same length.
  virtual std::vector<double> Output(size_t row) const = 0;
  virtual std::vector<Expected> Reference(size_t row) const = 0;

  // Nothing was written outside of the result (see guarded_matrix.h).
  virtual bool GuardsIntact() const { return true; }

  // Does to the operands the least that a defect of the kernel would do (one
  // term of a sum lost, a neighbour's value taken), leaving Reference() as it
  // is: after the next Run some output must be out of its bound, or the bound
  // is too wide. False where the shape has nothing to damage.
  virtual bool Sabotage() = 0;
};

struct ProblemWork {
  Flops flops;         // 0 for what only moves data
  Bytes bytes;         // that must move at least once
  Bytes written = {};  // of those, to memory; where it is little, left at 0
  // What a row is read and written once more, at least from L1, because its
  // first result waits for its last element and registers do not hold it.
  Bytes again = {}, again_written = {};
};

struct Variant {
  std::string_view op;    // "matmul"
  std::string_view name;  // "bf16"; op/name is unique
  // The arithmetic whose measured peak the benchmark compares with.
  DType arithmetic;
  std::string_view dims;                       // names of the sizes: "m n k"
  std::vector<ProblemShape> (*test_shapes)();  // small; all tails
  std::vector<ProblemShape> (*bench_shapes)();
  ProblemWork (*work)(const ProblemShape& shape);
  std::unique_ptr<Trial> (*make)(const ProblemShape& shape, uint64_t seed);
  // For sizes that a user gives: why they make no problem, in the words of
  // dims ("kv_heads must divide heads"), or nothing. Null: all of 1 and more
  // do.
  std::string_view (*refuses)(const ProblemShape& shape) = nullptr;
};

// All tables, one after the other.
std::vector<Variant> AllVariants();

// How a result compares with the reference.
struct Verdict {
  bool ok = true;
  std::string detail;  // of the first output that is off
};

// Equality counts as within the bound, so infinities may be expected; a NaN
// must meet a NaN.
Verdict Compare(std::span<const double> got, std::span<const Expected> want);

// "m=4 n=8 k=3"
std::string ShapeName(const Variant& variant, const ProblemShape& shape);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_VARIANTS_H_
