// Operators that move elements, or make tensors of sizes and constants.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/onnx/op.h"

namespace triptych::onnx {
namespace {

// x's elements in another shape of as many.
Status CopyAs(Call& c, const Tensor& x, Dims dims) {
  if (CountOf(dims) != x.count()) {
    return c.Fail(fmt::format("{} elements of {} cannot be {}", x.count(),
                              TextOf(x.dims), TextOf(dims)));
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, std::move(dims)));
  if (!c.known()) return {};
  WithElements(x, y, [](const auto& from, auto& to) { to = from; });
  return {};
}

// ---- shapes ------------------------------------------------------------

// 0 keeps a size (unless allowzero), -1 is what is left.
Status Reshape(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Dims dims, c.Ints(1));
  TRIPTYCH_ASSIGN(const int64_t allow_zero, c.Int("allowzero", 0));
  int64_t given = 1;
  ptrdiff_t open = -1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0 && allow_zero == 0) {
      if (std::cmp_greater_equal(d, x.rank())) {
        return c.FailInput(1, "a 0 where input 0 has no dimension");
      }
      dims[d] = x.dims[d];
    }
    if (dims[d] >= 0) {
      if (dims[d] > c.limits().elements / std::max<int64_t>(given, 1)) {
        return c.FailInput(1, TextOf(dims) + ": is too large");
      }
      given *= dims[d];
    } else if (dims[d] == -1 && open < 0) {
      open = static_cast<ptrdiff_t>(d);
    } else {
      return c.FailInput(
          1, TextOf(dims) + ": sizes must be 0 or more, and one may be -1");
    }
  }
  if (open >= 0) {
    if (given == 0 || x.count() % given != 0) {
      return c.FailInput(1, fmt::format("{}: {} elements do not divide",
                                        TextOf(dims), x.count()));
    }
    dims[static_cast<size_t>(open)] = x.count() / given;
  }
  return CopyAs(c, x, std::move(dims));
}

Status Flatten(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 1));
  TRIPTYCH_ASSIGN(const size_t axis,
                  given == x.rank()
                      ? Result<size_t>(static_cast<size_t>(x.rank()))
                      : c.Axis(given, x.rank()));
  const auto middle = x.dims.begin() + static_cast<ptrdiff_t>(axis);
  return CopyAs(c, x,
                {CountOf(Dims(x.dims.begin(), middle)),
                 CountOf(Dims(middle, x.dims.end()))});
}

Status Squeeze(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const std::vector<int64_t> axes, c.IntsOf("axes", 1));
  TRIPTYCH_ASSIGN(const std::vector<bool> chosen, c.Axes(axes, x.rank()));
  Dims dims;
  for (size_t d = 0; d < x.dims.size(); ++d) {
    const bool drop = axes.empty() ? x.dims[d] == 1 : chosen[d];
    if (drop && x.dims[d] != 1) {
      return c.FailInput(
          0, fmt::format("{}: axis {} must have size 1", TextOf(x.dims), d));
    }
    if (!drop) dims.push_back(x.dims[d]);
  }
  return CopyAs(c, x, std::move(dims));
}

Status Unsqueeze(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const std::vector<int64_t> axes, c.IntsOf("axes", 1));
  const int64_t rank = x.rank() + static_cast<int64_t>(axes.size());
  TRIPTYCH_ASSIGN(const std::vector<bool> added, c.Axes(axes, rank));
  Dims dims;
  for (size_t d = 0, from = 0; d < added.size(); ++d) {
    dims.push_back(added[d] ? 1 : x.dims[from++]);
  }
  return CopyAs(c, x, std::move(dims));
}

Status Shape(Call& c) {
  const Dims& dims = c.In(0).dims;
  const auto rank = static_cast<int64_t>(dims.size());
  TRIPTYCH_ASSIGN(int64_t start, c.Int("start", 0));
  TRIPTYCH_ASSIGN(int64_t end, c.Int("end", rank));
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, start, rank);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kI64, {end - start}));
  if (c.known()) y->ints.assign(dims.begin() + start, dims.begin() + end);
  return {};
}

Status Size(Call& c) {
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kI64, {}));
  if (c.known()) y->ints[0] = c.In(0).count();
  return {};
}

Status Transpose(Call& c) {
  const Tensor& x = c.In(0);
  std::vector<int64_t> reversed;
  for (int64_t d = x.rank(); d-- > 0;) reversed.push_back(d);
  TRIPTYCH_ASSIGN(const std::vector<int64_t> order,
                  c.IntList("perm", reversed));
  TRIPTYCH_TRY(c.Axes(order, x.rank()));
  if (order.size() != x.dims.size()) {
    return c.Fail("attribute perm: must name each dimension once");
  }
  const Dims own = StridesOf(x.dims);
  Dims dims, strides;
  for (const int64_t axis : order) {
    TRIPTYCH_ASSIGN(const size_t from, c.Axis(axis, x.rank()));
    dims.push_back(x.dims[from]);
    strides.push_back(own[from]);
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (c.known()) CopyStrided(x, strides, 0, y);
  return {};
}

Status Expand(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const Dims to, c.Ints(1));
  TRIPTYCH_ASSIGN(const Dims dims, Broadcast(x.dims, to));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (c.known()) CopyStrided(x, BroadcastStrides(x.dims, dims), 0, y);
  return {};
}

Status Tile(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const Dims repeats, c.Ints(1));
  if (repeats.size() != x.dims.size()) {
    return c.FailInput(1, "must have a number for each dimension of input 0");
  }
  // Each dimension as [repeats, size], the first with stride 0.
  Dims dims, split, strides;
  const Dims own = StridesOf(x.dims);
  for (size_t d = 0; d < repeats.size(); ++d) {
    const int64_t most = c.limits().elements / std::max<int64_t>(x.dims[d], 1);
    if (repeats[d] < 0 || repeats[d] > most) {
      return c.FailInput(1, "repeats must be 0 or more, and not too many");
    }
    dims.push_back(x.dims[d] * repeats[d]);
    split.insert(split.end(), {repeats[d], x.dims[d]});
    strides.insert(strides.end(), {0, own[d]});
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  y->dims = split;
  CopyStrided(x, strides, 0, y);
  y->dims = dims;
  return {};
}

// ---- pieces ------------------------------------------------------------

struct Cut {
  std::vector<int64_t> starts, ends, axes, steps;
};

// Attributes before opset 10, inputs since.
Result<Cut> CutOf(Call& c) {
  Cut cut;
  if (c.opset() < 10) {
    TRIPTYCH_ASSIGN(cut.starts, c.IntList("starts", {}));
    TRIPTYCH_ASSIGN(cut.ends, c.IntList("ends", {}));
    TRIPTYCH_ASSIGN(cut.axes, c.IntList("axes", {}));
  } else {
    if (!c.Has(1) || !c.Has(2)) return c.Fail("needs starts and ends");
    TRIPTYCH_ASSIGN(cut.starts, c.Ints(1));
    TRIPTYCH_ASSIGN(cut.ends, c.Ints(2));
    if (c.Has(3)) {
      TRIPTYCH_ASSIGN(cut.axes, c.Ints(3));
    }
    if (c.Has(4)) {
      TRIPTYCH_ASSIGN(cut.steps, c.Ints(4));
    }
  }
  if (cut.axes.empty()) {
    for (size_t i = 0; i < cut.starts.size(); ++i) {
      cut.axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (cut.steps.empty()) cut.steps.assign(cut.starts.size(), 1);
  const size_t n = cut.starts.size();
  if (cut.ends.size() != n || cut.axes.size() != n || cut.steps.size() != n) {
    return c.Fail("starts, ends, axes and steps must be as many");
  }
  return cut;
}

Status Slice(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const Cut cut, CutOf(c));
  TRIPTYCH_TRY(c.Axes(cut.axes, x.rank()));
  Dims dims = x.dims, strides = StridesOf(x.dims);
  int64_t offset = 0;
  for (size_t i = 0; i < cut.starts.size(); ++i) {
    TRIPTYCH_ASSIGN(const size_t d, c.Axis(cut.axes[i], x.rank()));
    const int64_t size = x.dims[d], step = cut.steps[i];
    if (step == 0 || step == INT64_MIN) return c.Fail("a step of 0");
    const auto place = [&](int64_t at) {
      if (at < 0) at += size;
      return step > 0 ? std::clamp<int64_t>(at, 0, size)
                      : std::clamp<int64_t>(at, -1, size - 1);
    };
    const int64_t start = place(cut.starts[i]);
    // An end below the beginning even when counted from the end.
    const int64_t end =
        cut.ends[i] < -size ? (step > 0 ? 0 : -1) : place(cut.ends[i]);
    const int64_t span = step > 0 ? end - start : start - end;
    const int64_t pace = step > 0 ? step : -step;
    dims[d] = span <= 0 ? 0 : (span - 1) / pace + 1;
    if (dims[d] > 0) offset += start * strides[d];
    // One element needs no stride, and a huge step has none that fits.
    strides[d] = dims[d] > 1 ? strides[d] * step : 0;
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (c.known()) CopyStrided(x, strides, offset, y);
  return {};
}

Status Split(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  TRIPTYCH_ASSIGN(std::vector<int64_t> sizes, c.IntsOf("split", 1));
  const auto parts = static_cast<int64_t>(c.output_count());
  if (parts < 1) return c.Fail("needs an output");
  const int64_t size = x.dims[axis];
  if (sizes.empty()) {
    const int64_t each = (size + parts - 1) / parts;
    for (int64_t p = 0; p < parts; ++p) {
      sizes.push_back(std::clamp<int64_t>(size - p * each, 0, each));
    }
  }
  int64_t sum = 0;
  for (const int64_t part : sizes) {
    if (part < 0 || part > size - sum) {
      return c.Fail(fmt::format("parts {}: must be 0 or more and add up to {}",
                                TextOf(sizes), size));
    }
    sum += part;
  }
  if (sum != size || std::cmp_not_equal(sizes.size(), parts)) {
    return c.Fail(fmt::format("parts {}: must be {} that add up to {}",
                              TextOf(sizes), parts, size));
  }
  const Dims strides = StridesOf(x.dims);
  int64_t offset = 0;
  for (const int64_t part : sizes) {
    Dims dims = x.dims;
    dims[axis] = part;
    TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
    if (c.known()) CopyStrided(x, strides, offset, y);
    offset += part * strides[axis];
  }
  return {};
}

Status Concat(Call& c) {
  const Tensor& first = c.In(0);
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, first.rank()));
  Dims dims = first.dims;
  dims[axis] = 0;
  for (size_t i = 0; i < c.input_count(); ++i) {
    Dims own = c.In(i).dims;
    if (own.size() != dims.size() || c.In(i).type != first.type) {
      return c.FailInput(i, "must have input 0's type and dimensions");
    }
    dims[axis] += std::exchange(own[axis], dims[axis]);
    own[axis] = dims[axis];
    if (own != dims) {
      return c.FailInput(i, TextOf(c.In(i).dims) + ": must be " +
                                TextOf(first.dims) + " but along the axis");
    }
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(first.type, dims));
  if (!c.known()) return {};
  const Dims strides = StridesOf(dims);
  int64_t offset = 0;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const Tensor& x = c.In(i);
    WithElements(x, y, [&](const auto& from, auto& to) {
      Walk<1>(x.dims, {strides}, {offset}, [&](int64_t k, const auto& at) {
        to[static_cast<size_t>(at[0])] = from[static_cast<size_t>(k)];
      });
    });
    offset += x.dims[axis] * strides[axis];
  }
  return {};
}

// mode constant, reflect or edge; a negative pad cuts off.
Status Pad(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const std::string mode, c.Text("mode", "constant"));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> given, c.IntsOf("pads", 1));
  double fill = 0;
  if (c.opset() < 11) {
    TRIPTYCH_ASSIGN(fill, c.Float("value", 0));
  } else if (c.Has(2) && c.known()) {
    TRIPTYCH_ASSIGN(fill, c.Scalar(2));
  }
  std::vector<int64_t> axes;
  if (c.Has(3)) {
    TRIPTYCH_ASSIGN(axes, c.Ints(3));
    TRIPTYCH_TRY(c.Axes(axes, x.rank()));
  } else {
    for (int64_t d = 0; d < x.rank(); ++d) axes.push_back(d);
  }
  if (given.size() != 2 * axes.size()) {
    return c.FailInput(1, "must have two pads for each dimension");
  }
  Dims before(x.dims.size(), 0), dims = x.dims;
  for (size_t i = 0; i < axes.size(); ++i) {
    TRIPTYCH_ASSIGN(const size_t d, c.Axis(axes[i], x.rank()));
    const int64_t a = given[i], b = given[i + axes.size()];
    const int64_t most =
        mode == "reflect" ? x.dims[d] - 1 : c.limits().elements;
    if (a > most || b > most || a < -x.dims[d] || b < -x.dims[d]) {
      return c.FailInput(1, fmt::format("pads {} and {} of size {}: must be "
                                        "{} to {}",
                                        a, b, x.dims[d], -x.dims[d], most));
    }
    before[d] = a;
    dims[d] += a + b;
  }
  if (mode != "constant" && mode != "reflect" && mode != "edge") {
    return c.Fail("attribute mode: must be constant, reflect or edge");
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  const Dims strides = StridesOf(x.dims);
  // Where along dimension d the output's index i reads; -1: outside.
  const auto source = [&](size_t d, int64_t i) {
    const int64_t size = x.dims[d];
    i -= before[d];
    if (i >= 0 && i < size) return i;
    if (mode == "constant" || size == 0) return int64_t{-1};
    if (mode == "edge") return std::clamp<int64_t>(i, 0, size - 1);
    return i < 0 ? -i : 2 * (size - 1) - i;
  };
  Dims index(dims.size(), 0);
  WithElements(x, y, [&](const auto& from, auto& to) {
    for (auto& element : to) {
      int64_t at = 0;
      bool inside = true;
      for (size_t d = 0; d < index.size(); ++d) {
        const int64_t i = source(d, index[d]);
        inside = inside && i >= 0;
        at += i * strides[d];
      }
      using Element = std::remove_reference_t<decltype(element)>;
      if (inside) {
        element = from[static_cast<size_t>(at)];
      } else if constexpr (std::is_arithmetic_v<Element>) {
        element = static_cast<Element>(fill);
      }
      for (size_t d = index.size(); d-- > 0;) {
        if (++index[d] < dims[d]) break;
        index[d] = 0;
      }
    }
  });
  return {};
}

// ---- sources -----------------------------------------------------------

Status ConstantOp(Call& c) {
  if (c.node().attributes.size() != 1) return c.Fail("needs one attribute");
  const Attribute& a = c.node().attributes[0];
  Tensor t;
  if (const auto* stored = std::get_if<Constant>(&a.value)) {
    if (!c.known()) {
      TRIPTYCH_TRY(c.Make(stored->type, stored->dims));
      return {};
    }
    TRIPTYCH_ASSIGN(t, Widen(*stored));
  } else if (const auto* f = std::get_if<double>(&a.value)) {
    t = FloatTensor({}, {*f});
  } else if (const auto* i = std::get_if<int64_t>(&a.value)) {
    t = IntTensor({}, {*i});
  } else if (const auto* fs = std::get_if<std::vector<double>>(&a.value)) {
    t = FloatTensor({static_cast<int64_t>(fs->size())}, *fs);
  } else if (const auto* is = std::get_if<std::vector<int64_t>>(&a.value)) {
    t = IntTensor({static_cast<int64_t>(is->size())}, *is);
  } else {
    return c.Fail("attribute " + a.name +
                  ": must be a tensor, a number or a list of numbers");
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(t.type, t.dims));
  if (c.known()) *y = std::move(t);
  return {};
}

Status ConstantOfShape(Call& c) {
  TRIPTYCH_ASSIGN(const Dims dims, c.Ints(0));
  Tensor fill = FloatTensor({1}, {0});
  if (const Attribute* a = c.node().Find("value")) {
    const auto* stored = std::get_if<Constant>(&a->value);
    if (stored == nullptr || CountOf(stored->dims) != 1 ||
        stored->type == ElementType::kString) {
      return c.Fail("attribute value: must be a tensor of one number");
    }
    TRIPTYCH_ASSIGN(fill, Widen(*stored));
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(fill.type, dims));
  if (!c.known()) return {};
  WithElements(fill, y, [](const auto& from, auto& to) {
    std::fill(to.begin(), to.end(), from[0]);
  });
  return {};
}

Status Range(Call& c) {
  const ElementType type = c.In(0).type;
  for (size_t i = 0; i < 3; ++i) {
    if (c.In(i).type != type) return c.FailInput(i, "must have input 0's type");
  }
  TRIPTYCH_ASSIGN(const double start, c.Scalar(0));
  TRIPTYCH_ASSIGN(const double limit, c.Scalar(1));
  TRIPTYCH_ASSIGN(const double delta, c.Scalar(2));
  if (delta == 0 || !std::isfinite(start) || !std::isfinite(limit)) {
    return c.Fail("start and limit must be finite, and delta not 0");
  }
  const double steps = std::max(0.0, std::ceil((limit - start) / delta));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(type, {Truncate(steps)}));
  if (!c.known()) return {};
  for (size_t k = 0; k < static_cast<size_t>(y->count()); ++k) {
    const double value = start + static_cast<double>(k) * delta;
    if (IsFloat(type)) {
      y->floats[k] = value;
    } else {
      y->ints[k] = Wrap(type, Truncate(value));
    }
  }
  return {};
}

Status Trilu(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectRank(0, 2, 64));
  TRIPTYCH_ASSIGN(const int64_t upper, c.Int("upper", 1));
  double given = 0;
  if (c.Has(1)) {
    TRIPTYCH_ASSIGN(given, c.Scalar(1));
  }
  const int64_t rows = x.dims.end()[-2], cols = x.dims.back();
  // Beyond either, nothing changes, and nothing overflows.
  const int64_t k = std::clamp<int64_t>(Truncate(given), -rows - 1, cols + 1);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known() || x.count() == 0) return {};
  WithElements(x, y, [&](const auto& from, auto& to) {
    for (int64_t i = 0; i < x.count(); ++i) {
      const int64_t diagonal = i % cols - i / cols % rows;
      const bool keep = upper != 0 ? diagonal >= k : diagonal <= k;
      if (keep) to[static_cast<size_t>(i)] = from[static_cast<size_t>(i)];
    }
  });
  return {};
}

Status EyeLike(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectRank(0, 2, 2));
  TRIPTYCH_ASSIGN(const int64_t k, c.Int("k", 0));
  TRIPTYCH_ASSIGN(const int64_t given,
                  c.Int("dtype", static_cast<int64_t>(x.type)));
  const auto type = static_cast<ElementType>(given);
  if (given < 1 || given > 255 || BytesOf(type) == 0) {
    return c.Fail("attribute dtype: must be a type of numbers");
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(type, x.dims));
  if (!c.known()) return {};
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    if (k < -r || k >= x.dims[1] - r) continue;
    const auto at = static_cast<size_t>(r * x.dims[1] + r + k);
    IsFloat(type) ? void(y->floats[at] = 1) : void(y->ints[at] = 1);
  }
  return {};
}

// Blocks of b * b pixels to channels and back: a reshape, a transpose and a
// reshape. `split` and `order` are the shape in between and its transpose.
Status Rearrange(Call& c, const Dims& split, const std::vector<size_t>& order,
                 const Dims& dims) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  const Dims own = StridesOf(split);
  Dims turned, strides;
  for (const size_t d : order) {
    turned.push_back(split[d]);
    strides.push_back(own[d]);
  }
  y->dims = turned;
  CopyStrided(x, strides, 0, y);
  y->dims = dims;
  return {};
}

Result<int64_t> BlockOf(Call& c) {
  TRIPTYCH_TRY(c.ExpectRank(0, 4, 4));
  TRIPTYCH_ASSIGN(const int64_t block, c.Int("blocksize", 0));
  if (block < 1 || block > 4096)
    return c.Fail("attribute blocksize: 1 to 4096");
  return block;
}

Status DepthToSpace(Call& c) {
  TRIPTYCH_ASSIGN(const int64_t b, BlockOf(c));
  TRIPTYCH_ASSIGN(const std::string mode, c.Text("mode", "DCR"));
  const Dims& x = c.In(0).dims;
  if (x[1] % (b * b) != 0) return c.FailInput(0, "channels must divide");
  const int64_t depth = x[1] / (b * b);
  const Dims dims = {x[0], depth, x[2] * b, x[3] * b};
  if (mode == "CRD") {
    return Rearrange(c, {x[0], depth, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3},
                     dims);
  }
  return Rearrange(c, {x[0], b, b, depth, x[2], x[3]}, {0, 3, 4, 1, 5, 2},
                   dims);
}

Status SpaceToDepth(Call& c) {
  TRIPTYCH_ASSIGN(const int64_t b, BlockOf(c));
  const Dims& x = c.In(0).dims;
  if (x[2] % b != 0 || x[3] % b != 0) {
    return c.FailInput(0, "height and width must divide");
  }
  return Rearrange(c, {x[0], x[1], x[2] / b, b, x[3] / b, b},
                   {0, 3, 5, 1, 2, 4},
                   {x[0], x[1] * b * b, x[2] / b, x[3] / b});
}

constexpr int64_t kOld = kOldestOpset, kNew = kNewestOpset;

constexpr Op kOps[] = {
    {"Concat", kOld, kNew, 1, kAnyNumber, Concat},
    {"Constant", kOld, kNew, 0, 0, ConstantOp},
    {"ConstantOfShape", 9, kNew, 1, 1, ConstantOfShape},
    {"DepthToSpace", kOld, kNew, 1, 1, DepthToSpace},
    {"Expand", 8, kNew, 2, 2, Expand},
    {"EyeLike", 9, kNew, 1, 1, EyeLike},
    {"Flatten", kOld, kNew, 1, 1, Flatten},
    {"Pad", kOld, kNew, 1, 4, Pad},
    {"Range", 11, kNew, 3, 3, Range},
    {"Reshape", kOld, kNew, 2, 2, Reshape},
    {"Shape", kOld, kNew, 1, 1, Shape},
    {"Size", kOld, kNew, 1, 1, Size},
    {"Slice", kOld, kNew, 1, 5, Slice},
    {"SpaceToDepth", kOld, kNew, 1, 1, SpaceToDepth},
    {"Split", kOld, kNew, 1, 2, Split},
    {"Squeeze", kOld, kNew, 1, 2, Squeeze},
    {"Tile", kOld, kNew, 2, 2, Tile},
    {"Transpose", kOld, kNew, 1, 1, Transpose},
    {"Trilu", 14, kNew, 1, 2, Trilu},
    {"Unsqueeze", kOld, kNew, 1, 2, Unsqueeze},
};

}  // namespace

std::span<const Op> DataOps() { return kOps; }

}  // namespace triptych::onnx
