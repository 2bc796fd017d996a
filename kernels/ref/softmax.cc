// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/softmax.h"

#include <algorithm>
#include <cmath>

namespace triptych::ref {

template <class T>
void Softmax(MatView<T> x) {
  for (size_t r = 0; r < x.rows() && x.cols() > 0; ++r) {
    const std::span<T> row = x.row_span(r);
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (T v : row) sum += std::exp(v - largest);
    for (T& v : row) v = static_cast<T>(std::exp(v - largest) / sum);
  }
}

template void Softmax<float>(MatView<float>);
template void Softmax<double>(MatView<double>);

}  // namespace triptych::ref
