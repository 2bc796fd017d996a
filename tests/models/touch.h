// Uses all that a reader gave out, so that a view which points nowhere, or a
// vocabulary that does not hold together, is noticed.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TOUCH_H_
#define TRIPTYCH_TESTS_MODELS_TOUCH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "models/tokenizer.h"
#include "models/weights.h"

namespace triptych {

inline void Touch(const Tokenizer& tokenizer) {
  const std::string text = "abc \xC3\xA9\xFF";
  const std::string back = tokenizer.Decode(tokenizer.Encode(text));
  TRIPTYCH_CHECK(back.size() <= 64 * 1024 * 1024, "size", back.size());
}

inline void Touch(const ModelFile& model) {
  std::vector<float> row;
  for (const WeightTensor& tensor : model.tensors) {
    row.resize(static_cast<size_t>(tensor.cols()));
    ReadRow(tensor, 0, row.data());
    ReadRow(tensor, tensor.rows() - 1, row.data());
  }
  if (!model.tokenizer.empty()) Touch(model.tokenizer);
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TOUCH_H_
