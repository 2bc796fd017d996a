// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/ref/softmax.h"

namespace triptych::ref {

template <class T>
void Attention(const AttentionShape& shape, ConstMatView<T> q,
               ConstMatView<T> k, ConstMatView<T> v, MatView<T> out) {
  TRIPTYCH_CHECK(!shape.causal || shape.past + q.rows() <= k.rows(), "past",
                 shape.past, "tokens", q.rows(), "context", k.rows());
  const size_t group = shape.heads / shape.kv_heads;
  for (size_t t = 0; t < q.rows(); ++t) {
    const size_t end = shape.causal ? shape.past + t + 1 : k.rows();
    const size_t seen = shape.window > 0 ? std::min(shape.window, end) : end;
    const size_t first = end - seen;
    std::vector<double> score(seen);
    for (size_t h = 0; h < shape.heads; ++h) {
      const T* query = q.row(t) + h * shape.head_dim;
      for (size_t s = 0; s < seen; ++s) {
        const T* key = k.row(first + s) + h / group * shape.head_dim;
        double dot = 0;
        for (size_t d = 0; d < shape.head_dim; ++d) {
          dot += double{query[d]} * double{key[d]};
        }
        score[s] = dot * shape.scale;
      }
      Softmax(MatView<double>(score.data(), 1, seen));
      for (size_t d = 0; d < shape.v_dim; ++d) {
        double sum = 0;
        for (size_t s = 0; s < seen; ++s) {
          sum += score[s] * v(first + s, h / group * shape.v_dim + d);
        }
        out(t, h * shape.v_dim + d) = static_cast<T>(sum);
      }
    }
  }
}

template void Attention<float>(const AttentionShape&, ConstMatView<float>,
                               ConstMatView<float>, ConstMatView<float>,
                               MatView<float>);
template void Attention<double>(const AttentionShape&, ConstMatView<double>,
                                ConstMatView<double>, ConstMatView<double>,
                                MatView<double>);

}  // namespace triptych::ref
