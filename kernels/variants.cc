// SPDX-License-Identifier: Apache-2.0
#include "kernels/variants.h"

#include <cmath>
#include <sstream>

#include "kernels/activation/variants.h"
#include "kernels/attention/variants.h"
#include "kernels/elementwise/variants.h"
#include "kernels/matmul/variants.h"
#include "kernels/norm/variants.h"
#include "kernels/quant/variants.h"
#include "kernels/rope/variants.h"
#include "kernels/softmax/variants.h"

namespace triptych {

std::vector<Variant> AllVariants() {
  std::vector<Variant> all;
  for (const std::span<const Variant> table :
       {MatmulVariants(), QuantizedMatmulVariants(), AttentionVariants(),
        NormVariants(), SoftmaxVariants(), RopeVariants(), ActivationVariants(),
        ElementwiseVariants(), QuantVariants()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

namespace {

bool Within(double got, const Expected& expected) {
  if (std::isnan(expected.value)) return std::isnan(got);
  return got == expected.value ||
         std::abs(got - expected.value) <= expected.bound;
}

}  // namespace

Verdict Compare(std::span<const double> got, std::span<const Expected> want) {
  if (got.size() != want.size()) {
    return {false, "result and reference differ in length"};
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (Within(got[i], want[i])) continue;
    std::ostringstream detail;
    detail.precision(9);
    detail << "column " << i << ": got " << got[i] << ", expected "
           << want[i].value << " +- " << want[i].bound;
    return {false, detail.str()};
  }
  return {};
}

std::string ShapeName(const Variant& variant, const ProblemShape& shape) {
  std::istringstream names{std::string(variant.dims)};
  std::string name, text;
  for (size_t i = 0; i < shape.size() && names >> name; ++i) {
    if (i > 0) text += ' ';
    text += name + "=" + std::to_string(shape[i]);
  }
  return text;
}

}  // namespace triptych
