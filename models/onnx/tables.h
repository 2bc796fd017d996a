// The weights of an imported model, in our layouts: views into the file where
// it has them so, else copies.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_TABLES_H_
#define TRIPTYCH_MODELS_ONNX_TABLES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/facts.h"
#include "models/weights.h"

namespace triptych::onnx {

// A tensor of the model file, [rows, cols].
struct Table {
  std::string name;
  int64_t rows = 0, cols = 0;
};

class Tables {
 public:
  explicit Tables(const Facts& facts);

  // The same arguments give the same table. Values are constants of the
  // model. Errors: another rank or size, or what Evaluate refuses.
  //
  // W[in, out], or W[out, in] if `turned`, as [out, in].
  Result<Table> Linear(int value, bool turned);
  // `cols` numbers in whatever shape, as one row.
  Result<Table> Row(int value, int64_t cols);
  // Rows [first, first + count) of a table of two dimensions (leading ones
  // apart); count -1: all from `first` on.
  Result<Table> Rows(int value, int64_t first, int64_t count);
  // A kernel [out, channels, ...] as [out, channels * ...], or as
  // [out, taps * channels] if `taps_first`.
  Result<Table> Kernel(int value, bool taps_first);
  // One row of the same number.
  Table Filled(const std::string& name, int64_t cols, float number);

  const std::vector<WeightTensor>& tensors() const { return tensors_; }
  std::shared_ptr<const void> storage() const { return storage_; }

 private:
  struct Storage;
  // The constant that `value` is, through copies; null if it is computed.
  const Constant* Stored(int value, bool* turned) const;
  // The table with key `key`, made of element from(i) of `value` for each i
  // where nothing was stored so.
  Result<Table> Copy(const std::string& key, int value, int64_t rows,
                     int64_t cols, const std::function<int64_t(int64_t)>& from);
  // A view of a stored matrix from row `first` on; false if it cannot be one.
  bool Show(const std::string& key, int value, const Constant& stored,
            int64_t first, int64_t rows, int64_t cols, Table* table);
  std::string NameFor(int value);
  float* NewBuffer(const std::string& key, const Table& table);

  const Facts& facts_;
  std::shared_ptr<Storage> storage_;
  std::vector<WeightTensor> tensors_;
  std::map<std::string, Table> made_;
  std::set<std::string> names_;
};

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_TABLES_H_
