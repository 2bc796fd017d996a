// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "kernels/base/aligned.h"

namespace triptych::onnx {

struct Tables::Storage {
  std::vector<std::shared_ptr<const void>> owners;
  std::deque<AlignedVector<float>> buffers;
};

namespace {

// Sizes without the leading ones.
Dims Core(const Dims& dims, size_t rank) {
  auto first = dims.begin();
  while (std::cmp_greater(dims.end() - first, rank) && *first == 1) ++first;
  return Dims(first, dims.end());
}

bool IsSwap(const Node& node) {
  if (node.op != "Transpose") return false;
  return node.Get("perm", Dims{1, 0}) == Dims{1, 0};
}

std::optional<DType> PlainType(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return DType::kF32;
    case ElementType::kF16:
      return DType::kF16;
    case ElementType::kBf16:
      return DType::kBf16;
    default:
      return {};
  }
}

}  // namespace

Tables::Tables(const Facts& facts)
    : facts_(facts), storage_(std::make_shared<Storage>()) {}

const Constant* Tables::Stored(int value, bool* turned) const {
  const Node* node = facts_.Producer(value);
  while (node != nullptr) {
    const bool swap =
        IsSwap(*node) && turned != nullptr && facts_.Rank(value) == 2;
    if (swap) {
      *turned = !*turned;
    } else if (node->op != "Identity") {
      break;
    }
    value = node->inputs[0];
    node = facts_.Producer(value);
  }
  const auto& all = facts_.model().initializers;
  const auto found = all.find(value);
  return found == all.end() ? nullptr : &found->second;
}

// Initialisers keep their names, also when only a copy of them is turned.
std::string Tables::NameFor(int value) {
  bool turned = false;
  const Constant* stored = Stored(value, &turned);
  std::string name = facts_.model().values[static_cast<size_t>(value)];
  for (const auto& [id, constant] : facts_.model().initializers) {
    if (&constant == stored) {
      name = facts_.model().values[static_cast<size_t>(id)];
    }
  }
  std::string unique = name;
  for (int n = 2; !names_.insert(unique).second; ++n) {
    unique = fmt::format("{}#{}", name, n);
  }
  return unique;
}

float* Tables::NewBuffer(const std::string& key, const Table& table) {
  auto& buffer = storage_->buffers.emplace_back(
      static_cast<size_t>(table.rows * table.cols));
  tensors_.push_back({table.name,
                      DType::kF32,
                      {table.rows, table.cols},
                      reinterpret_cast<const std::byte*>(buffer.data()),
                      buffer.size() * sizeof(float)});
  made_[key] = table;
  return buffer.data();
}

bool Tables::Show(const std::string& key, int value, const Constant& stored,
                  int64_t first, int64_t rows, int64_t cols, Table* table) {
  const auto dtype = PlainType(stored.type);
  if (!dtype || CountOf(stored.dims) < (first + rows) * cols) return false;
  const size_t size = BytesOf(stored.type);
  const auto offset = static_cast<size_t>(first * cols) * size;
  const std::byte* data = stored.bytes.data() + offset;
  if (reinterpret_cast<uintptr_t>(data) % size != 0) return false;
  *table = {NameFor(value), rows, cols};
  storage_->owners.push_back(stored.owner);
  tensors_.push_back({table->name,
                      *dtype,
                      {rows, cols},
                      data,
                      static_cast<size_t>(rows * cols) * size});
  made_[key] = *table;
  return true;
}

Result<Table> Tables::Copy(const std::string& key, int value, int64_t rows,
                           int64_t cols,
                           const std::function<int64_t(int64_t)>& from) {
  TRIPTYCH_ASSIGN(
      const Tensor all,
      EvaluateConstant(facts_.model(), value, {.limits = facts_.limits()}));
  if (!IsFloat(all.type)) return facts_.Fail(value, "must be floats");
  const Table table = {NameFor(value), rows, cols};
  float* buffer = NewBuffer(key, table);
  for (int64_t i = 0; i < rows * cols; ++i) {
    buffer[i] = static_cast<float>(all.floats[static_cast<size_t>(from(i))]);
  }
  return table;
}

Result<Table> Tables::Linear(int value, bool turned) {
  const Dims& dims = facts_.ShapeOf(value);
  if (dims.size() != 2) return facts_.Fail(value, "weights must be a matrix");
  const int64_t n = dims[turned ? 0 : 1], k = dims[turned ? 1 : 0];
  bool stored_turned = turned;
  const Constant* stored = Stored(value, &stored_turned);
  // What a file stores so is one table, whoever looks at it.
  const std::string key =
      stored && stored_turned
          ? fmt::format("rows:{}", static_cast<const void*>(stored))
          : fmt::format("linear:{}:{}", value, turned);
  if (const auto made = made_.find(key); made != made_.end()) {
    return made->second;
  }
  Table table;
  if (stored && stored_turned && Show(key, value, *stored, 0, n, k, &table)) {
    return table;
  }
  return Copy(key, value, n, k,
              [&](int64_t i) { return turned ? i : i % k * n + i / k; });
}

Result<Table> Tables::Row(int value, int64_t cols) {
  const std::string key = fmt::format("row:{}", value);
  if (const auto made = made_.find(key); made != made_.end()) {
    return made->second;
  }
  const int64_t count = CountOf(facts_.ShapeOf(value));
  if (count != cols && count != 1) {
    return facts_.Fail(value, fmt::format("{} numbers: must be one for each of "
                                          "{} features",
                                          count, cols));
  }
  const Constant* stored = Stored(value, nullptr);
  Table table;
  if (count == cols && stored &&
      Show(key, value, *stored, 0, 1, cols, &table)) {
    return table;
  }
  return Copy(key, value, 1, cols,
              [&](int64_t i) { return count == 1 ? 0 : i; });
}

Result<Table> Tables::Rows(int value, int64_t first, int64_t count) {
  const Dims dims = Core(facts_.ShapeOf(value), 2);
  if (dims.size() != 2 || first < 0 || first > dims[0] || dims[1] < 1) {
    return facts_.Fail(value, "must be a table of rows");
  }
  if (count < 0) count = dims[0] - first;
  if (count < 1 || count > dims[0] - first) {
    return facts_.Fail(value, fmt::format("{} rows: must have {} from {} on",
                                          dims[0], count, first));
  }
  const Constant* stored = Stored(value, nullptr);
  const bool all = first == 0 && count == dims[0];
  const std::string key =
      stored && all ? fmt::format("rows:{}", static_cast<const void*>(stored))
                    : fmt::format("rows:{}:{}:{}", value, first, count);
  if (const auto made = made_.find(key); made != made_.end()) {
    return made->second;
  }
  Table table;
  if (stored && Show(key, value, *stored, first, count, dims[1], &table)) {
    return table;
  }
  return Copy(key, value, count, dims[1],
              [&](int64_t i) { return first * dims[1] + i; });
}

Result<Table> Tables::Kernel(int value, bool taps_first) {
  const std::string key = fmt::format("kernel:{}:{}", value, taps_first);
  if (const auto made = made_.find(key); made != made_.end()) {
    return made->second;
  }
  const Dims& dims = facts_.ShapeOf(value);
  const int64_t cols = CountOf(dims) / dims[0], channels = dims[1];
  const int64_t taps = cols / channels;
  const Constant* stored = Stored(value, nullptr);
  Table table;
  if (!taps_first && stored &&
      Show(key, value, *stored, 0, dims[0], cols, &table)) {
    return table;
  }
  return Copy(key, value, dims[0], cols, [&](int64_t i) {
    if (!taps_first) return i;
    const int64_t at = i % cols;
    return i / cols * cols + at % channels * taps + at / channels;
  });
}

Table Tables::Filled(const std::string& name, int64_t cols, float number) {
  const std::string key = "filled:" + name;
  if (const auto made = made_.find(key); made != made_.end()) {
    return made->second;
  }
  const Table table = {name, 1, cols};
  names_.insert(name);
  std::fill_n(NewBuffer(key, table), cols, number);
  return table;
}

}  // namespace triptych::onnx
