// Operators that look elements up by indices, or put them there.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "models/onnx/op.h"

namespace triptych::onnx {
namespace {

// `index` counted from the end if negative. Errors: outside.
Result<int64_t> Place(Call& c, size_t i, int64_t index, int64_t size) {
  if (index < -size || index >= size) {
    return c.FailInput(
        i, fmt::format("index {}: must be {} to {}", index, -size, size - 1));
  }
  return index < 0 ? index + size : index;
}

Status Gather(Call& c) {
  const Tensor &x = c.In(0), &indices = c.In(1);
  TRIPTYCH_TRY(c.ExpectInts(1));
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  const auto at = x.dims.begin() + static_cast<ptrdiff_t>(axis);
  Dims dims(x.dims.begin(), at);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), at + 1, x.dims.end());
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  const auto inner = static_cast<size_t>(CountOf(Dims(at + 1, x.dims.end())));
  const int64_t outer = CountOf(Dims(x.dims.begin(), at));
  Status status;
  WithElements(x, y, [&](const auto& from, auto& to) {
    size_t k = 0;
    for (int64_t o = 0; o < outer; ++o) {
      for (const int64_t index : indices.ints) {
        const auto row = Place(c, 1, index, *at);
        if (!row) {
          status = std::unexpected<Error>(row.error());
          return;
        }
        const size_t start = static_cast<size_t>(o * *at + *row) * inner;
        for (size_t j = 0; j < inner; ++j) to[k++] = from[start + j];
      }
    }
  });
  return status;
}

// Calls f(k, element of `dims` that index k means) for each index; stops at
// an index that is outside. Input `i` has the indices, one an element.
template <class F>
Status EachAlongAxis(Call& c, size_t i, const Dims& dims, size_t axis,
                     const F& f) {
  const Tensor& indices = c.In(i);
  Dims strides = StridesOf(dims);
  const int64_t stride = std::exchange(strides[axis], 0);
  Status status;
  Walk<1>(indices.dims, {strides}, [&](int64_t k, const auto& at) {
    const auto row =
        Place(c, i, indices.ints[static_cast<size_t>(k)], dims[axis]);
    if (row) {
      f(static_cast<size_t>(k), static_cast<size_t>(at[0] + *row * stride));
    } else if (status) {
      status = std::unexpected<Error>(row.error());
    }
  });
  return status;
}

// An error unless the indices fit into `dims` along the other axes.
Status ExpectWithin(Call& c, size_t i, const Dims& dims, size_t axis) {
  TRIPTYCH_TRY(c.ExpectInts(i));
  const Dims& own = c.In(i).dims;
  bool fits = own.size() == dims.size();
  for (size_t d = 0; fits && d < dims.size(); ++d) {
    fits = d == axis || own[d] <= dims[d];
  }
  if (fits) return {};
  return c.FailInput(i, TextOf(own) + ": must fit into " + TextOf(dims));
}

Status GatherElements(Call& c) {
  const Tensor &x = c.In(0), &indices = c.In(1);
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  TRIPTYCH_TRY(ExpectWithin(c, 1, x.dims, axis));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, indices.dims));
  if (!c.known()) return {};
  Status status;
  WithElements(x, y, [&](const auto& from, auto& to) {
    status = EachAlongAxis(c, 1, x.dims, axis,
                           [&](size_t k, size_t at) { to[k] = from[at]; });
  });
  return status;
}

// How an update meets what is there.
template <class T>
void Merge(const std::string& how, T update, T* element) {
  if constexpr (std::is_arithmetic_v<T>) {
    if (how == "add") return void(*element += update);
    if (how == "mul") return void(*element *= update);
    if (how == "max") return void(*element = std::max(*element, update));
    if (how == "min") return void(*element = std::min(*element, update));
  }
  *element = std::move(update);
}

Result<std::string> Reductions(Call& c) {
  TRIPTYCH_ASSIGN(std::string how, c.Text("reduction", "none"));
  for (const std::string_view known : {"none", "add", "mul", "max", "min"}) {
    if (how == known) return how;
  }
  return c.Fail("attribute reduction: must be none, add, mul, max or min");
}

// Calls f(updates, elements of the output) where the output starts as input 0.
template <class F>
Status Scattering(Call& c, const F& f) {
  const Tensor &x = c.In(0), &updates = c.In(2);
  if (updates.type != x.type) return c.FailInput(2, "must have input 0's type");
  TRIPTYCH_ASSIGN(const std::string how, Reductions(c));
  if (how != "none" && !IsFloat(x.type)) {
    return c.Fail("attribute reduction: of floats only");
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known()) return {};
  WithElements(x, y, [](const auto& from, auto& to) { to = from; });
  Status status;
  WithElements(updates, y, [&](const auto& from, auto& to) {
    status = f([&](size_t k, size_t at) { Merge(how, from[k], &to[at]); });
  });
  return status;
}

Status ScatterElements(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  TRIPTYCH_TRY(ExpectWithin(c, 1, x.dims, axis));
  if (c.In(2).dims != c.In(1).dims) {
    return c.FailInput(2, "must have input 1's shape");
  }
  return Scattering(c, [&](const auto& put) {
    return EachAlongAxis(c, 1, x.dims, axis, put);
  });
}

// Where each index tuple of `indices` [..., depth] points in `dims` from
// dimension `first` on, as an element's number relative to the batch.
Result<std::vector<size_t>> Tuples(Call& c, const Dims& dims, size_t first) {
  const Tensor& indices = c.In(1);
  const Dims strides = StridesOf(dims);
  const auto depth = static_cast<size_t>(indices.dims.back());
  std::vector<size_t> starts;
  for (size_t k = 0; depth > 0 && k + depth <= indices.ints.size();
       k += depth) {
    int64_t at = 0;
    for (size_t d = 0; d < depth; ++d) {
      TRIPTYCH_ASSIGN(const int64_t row,
                      Place(c, 1, indices.ints[k + d], dims[first + d]));
      at += row * strides[first + d];
    }
    starts.push_back(static_cast<size_t>(at));
  }
  return starts;
}

// An error unless `indices` are tuples into `dims` from `first` on.
Status ExpectTuples(Call& c, const Dims& dims, size_t first) {
  TRIPTYCH_TRY(c.ExpectInts(1));
  const Dims& own = c.In(1).dims;
  const auto left = static_cast<int64_t>(dims.size() - first);
  if (own.size() > first && own.back() >= 1 && own.back() <= left) return {};
  return c.FailInput(1, fmt::format("{}: must be tuples of 1 to {} indices",
                                    TextOf(own), left));
}

Status GatherNd(Call& c) {
  const Tensor &x = c.In(0), &indices = c.In(1);
  TRIPTYCH_ASSIGN(const int64_t batch, c.Int("batch_dims", 0));
  if (batch < 0 || batch >= std::min(x.rank(), indices.rank())) {
    return c.Fail("attribute batch_dims: must be less than both ranks");
  }
  const auto first = static_cast<size_t>(batch);
  TRIPTYCH_TRY(ExpectTuples(c, x.dims, first));
  if (!std::equal(x.dims.begin(), x.dims.begin() + batch,
                  indices.dims.begin())) {
    return c.FailInput(1, "must have input 0's batch");
  }
  const auto tail = x.dims.begin() + batch + indices.dims.back();
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), tail, x.dims.end());
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  TRIPTYCH_ASSIGN(const std::vector<size_t> starts, Tuples(c, x.dims, first));
  const auto inner = static_cast<size_t>(CountOf(Dims(tail, x.dims.end())));
  const auto batches = static_cast<size_t>(
      CountOf(Dims(x.dims.begin(), x.dims.begin() + batch)));
  if (starts.empty() || batches == 0) return {};
  const size_t of_batch = static_cast<size_t>(x.count()) / batches;
  const size_t per_batch = starts.size() / batches;
  WithElements(x, y, [&](const auto& from, auto& to) {
    for (size_t k = 0; k < starts.size(); ++k) {
      const size_t start = k / per_batch * of_batch + starts[k];
      std::copy_n(from.begin() + static_cast<ptrdiff_t>(start), inner,
                  to.begin() + static_cast<ptrdiff_t>(k * inner));
    }
  });
  return {};
}

Status ScatterNd(Call& c) {
  const Tensor &x = c.In(0), &indices = c.In(1);
  TRIPTYCH_TRY(ExpectTuples(c, x.dims, 0));
  const auto tail = x.dims.begin() + indices.dims.back();
  Dims expected(indices.dims.begin(), indices.dims.end() - 1);
  expected.insert(expected.end(), tail, x.dims.end());
  if (c.In(2).dims != expected) {
    return c.FailInput(2,
                       TextOf(c.In(2).dims) + ": must be " + TextOf(expected));
  }
  const auto inner = static_cast<size_t>(CountOf(Dims(tail, x.dims.end())));
  return Scattering(c, [&](const auto& put) -> Status {
    TRIPTYCH_ASSIGN(const std::vector<size_t> starts, Tuples(c, x.dims, 0));
    for (size_t k = 0; k < starts.size(); ++k) {
      for (size_t j = 0; j < inner; ++j) put(k * inner + j, starts[k] + j);
    }
    return {};
  });
}

// The slices along an axis that a condition chooses.
Status Compress(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const std::vector<int64_t> chosen, c.Ints(1));
  const bool flat = c.node().Find("axis") == nullptr;
  Dims shape = flat ? Dims{x.count()} : x.dims;
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis,
                  c.Axis(given, static_cast<int64_t>(shape.size())));
  std::vector<int64_t> rows;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] == 0) continue;
    TRIPTYCH_ASSIGN(const int64_t row,
                    Place(c, 1, static_cast<int64_t>(i), shape[axis]));
    rows.push_back(row);
  }
  Dims dims = shape;
  dims[axis] = static_cast<int64_t>(rows.size());
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  Dims strides = StridesOf(shape);
  const int64_t stride = std::exchange(strides[axis], 0);
  const Dims counts = StridesOf(dims);
  WithElements(x, y, [&](const auto& from, auto& to) {
    Walk<1>(dims, {strides}, [&](int64_t k, const auto& at) {
      const int64_t i = k / counts[axis] % dims[axis];
      to[static_cast<size_t>(k)] = from[static_cast<size_t>(
          at[0] + rows[static_cast<size_t>(i)] * stride)];
    });
  });
  return {};
}

Status NonZero(Call& c) {
  const Tensor& x = c.In(0);
  if (!c.known()) return c.FailInput(0, "depends on data, and so would shapes");
  const Dims strides = StridesOf(x.dims);
  std::vector<int64_t> found;
  for (int64_t k = 0; k < x.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    const bool zero = IsFloat(x.type)                  ? x.floats[i] == 0
                      : x.type == ElementType::kString ? x.strings[i].empty()
                                                       : x.ints[i] == 0;
    if (!zero) found.push_back(k);
  }
  const auto count = static_cast<int64_t>(found.size());
  TRIPTYCH_ASSIGN(Tensor* const y,
                  c.Make(ElementType::kI64, {x.rank(), count}));
  for (size_t d = 0; d < x.dims.size(); ++d) {
    for (size_t k = 0; k < found.size(); ++k) {
      y->ints[d * found.size() + k] = found[k] / strides[d] % x.dims[d];
    }
  }
  return {};
}

// Inputs indices, depth, [off, on].
Status OneHot(Call& c) {
  const Tensor &indices = c.In(0), &values = c.In(2);
  TRIPTYCH_ASSIGN(const double given, c.Scalar(1));
  const int64_t depth = Truncate(given);
  TRIPTYCH_ASSIGN(const int64_t at, c.Int("axis", -1));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(at, indices.rank() + 1));
  if (values.count() != 2 || indices.type == ElementType::kString) {
    return c.FailInput(2, "must have two values, and indices be numbers");
  }
  Dims dims = indices.dims;
  dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), depth);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(values.type, dims));
  if (!c.known() || depth == 0) return {};
  const int64_t stride = StridesOf(dims)[axis];
  const int64_t count = y->count();
  WithElements(values, y, [&](const auto& from, auto& to) {
    for (int64_t k = 0; k < count; ++k) {
      const auto which =
          static_cast<size_t>(k / (stride * depth) * stride + k % stride);
      int64_t index = IsFloat(indices.type) ? Truncate(indices.floats[which])
                                            : indices.ints[which];
      if (index < 0) index += depth;
      to[static_cast<size_t>(k)] = from[k / stride % depth == index ? 1 : 0];
    }
  });
  return {};
}

constexpr int64_t kOld = kOldestOpset, kNew = kNewestOpset;

constexpr Op kOps[] = {
    {"Compress", 9, kNew, 2, 2, Compress},
    {"Gather", kOld, kNew, 2, 2, Gather},
    {"GatherElements", 11, kNew, 2, 2, GatherElements},
    {"GatherND", 11, kNew, 2, 2, GatherNd},
    {"NonZero", 9, kNew, 1, 1, NonZero},
    {"OneHot", 9, kNew, 3, 3, OneHot},
    {"Scatter", 9, 10, 3, 3, ScatterElements},
    {"ScatterElements", 11, kNew, 3, 3, ScatterElements},
    {"ScatterND", 11, kNew, 3, 3, ScatterNd},
};

}  // namespace

std::span<const Op> IndexOps() { return kOps; }

}  // namespace triptych::onnx
