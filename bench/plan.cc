// SPDX-License-Identifier: Apache-2.0
#include "bench/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

namespace triptych::bench {
namespace {

using Spec = std::map<std::string, std::string>;

template <class... Values>
std::unexpected<Error> Invalid(fmt::format_string<Values...> format,
                               Values&&... values) {
  return MakeError(
      ErrorCode::kInvalid,
      "bench: " + fmt::format(format, std::forward<Values>(values)...));
}

Result<Spec> ParseWords(std::span<const std::string> words) {
  Spec spec;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == 0 || equals >= word.size() - 1) {
      return Invalid("\"{}\": expected key=value", word);
    }
    const std::string key = word.substr(0, equals);
    if (!spec.emplace(key, word.substr(equals + 1)).second) {
      return Invalid("{}: given twice; allowed is once", key);
    }
  }
  if (spec.contains("dtype") && spec.contains("variant")) {
    return Invalid("dtype, variant: both name the row; allowed is one");
  }
  return spec;
}

// Takes the value out of the spec; "" if it is not there.
std::string Take(Spec& spec, const std::string& key) {
  const auto at = spec.find(key);
  if (at == spec.end()) return "";
  std::string value = std::move(at->second);
  spec.erase(at);
  return value;
}

std::vector<std::string> SizeNames(const Variant& variant) {
  std::istringstream text{std::string(variant.dims)};
  std::vector<std::string> names;
  for (std::string name; text >> name;) names.push_back(name);
  return names;
}

Result<std::vector<Variant>> RowsOf(const std::string& op, Spec& spec) {
  std::vector<Variant> rows;
  std::vector<std::string_view> ops, names;
  for (const Variant& variant : AllVariants()) {
    if (std::ranges::find(ops, variant.op) == ops.end()) {
      ops.push_back(variant.op);
    }
    if (variant.op == op) rows.push_back(variant);
  }
  if (rows.empty()) {
    return Invalid("{}: no such operator; allowed: {}", op,
                   fmt::join(ops, ", "));
  }
  const std::string key = spec.contains("dtype") ? "dtype" : "variant";
  const std::string wanted = Take(spec, key);
  if (wanted.empty()) return rows;
  for (const Variant& row : rows) names.push_back(row.name);
  const auto at = std::ranges::find(rows, wanted, &Variant::name);
  if (at == rows.end()) {
    return Invalid("{}={}: no such variant of {}; allowed: {}", key, wanted, op,
                   fmt::join(names, ", "));
  }
  return std::vector<Variant>{*at};
}

// "1,2,4"
Result<std::vector<size_t>> ParseSizes(const std::string& key,
                                       const std::string& text) {
  constexpr size_t kMost = size_t{1} << 24;
  std::vector<size_t> sizes;
  for (const char *at = text.data(), *end = at + text.size(); at <= end;) {
    size_t size = 0;
    const auto [rest, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || size > kMost ||
        (rest != end && *rest != ',')) {
      return Invalid("{}={}: must be numbers from 1 to {}, comma separated",
                     key, text, kMost);
    }
    sizes.push_back(size);
    at = rest + 1;
  }
  return sizes;
}

// A trial holds its operands several times over: as drawn, packed, and as the
// reference wants them.
Status CheckFits(const Variant& variant, const ProblemShape& shape) {
  constexpr double kCopies = 4, kMostCells = 0x1p60;  // work() is 64 bits wide
  double cells = 1;
  for (const size_t size : shape) cells *= static_cast<double>(size);
  const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (cells <= kMostCells &&
      kCopies * static_cast<double>(variant.work(shape).bytes.value) <=
          memory) {
    return {};
  }
  return Invalid("{}: the operands have to fit into {:.0f} GiB, {:.0f} times",
                 ShapeName(variant, shape), memory * 0x1p-30, kCopies);
}

// All combinations of the sizes; the last one varies fastest.
Result<std::vector<ListedShape>> ShapesByHand(
    const Variant& variant, const std::vector<std::string>& names,
    const Spec& spec) {
  std::vector<ProblemShape> shapes = {{}};
  for (const std::string& name : names) {
    const auto at = spec.find(name);
    if (at == spec.end()) {
      return Invalid("{}: missing; sizes are {}", name, fmt::join(names, ", "));
    }
    TRIPTYCH_ASSIGN(const std::vector<size_t> sizes,
                    ParseSizes(name, at->second));
    std::vector<ProblemShape> longer;
    for (const ProblemShape& shape : shapes) {
      for (const size_t size : sizes) {
        longer.push_back(shape);
        longer.back().push_back(size);
      }
    }
    shapes = std::move(longer);
  }
  std::vector<ListedShape> listed;
  for (ProblemShape& shape : shapes) {
    if (variant.refuses != nullptr) {
      const std::string_view why = variant.refuses(shape);
      if (!why.empty()) {
        return Invalid("{}: {}", ShapeName(variant, shape), why);
      }
    }
    TRIPTYCH_TRY(CheckFits(variant, shape));
    listed.push_back({"", std::move(shape)});
  }
  return listed;
}

Result<std::vector<ListedShape>> ShapesOf(const Variant& variant,
                                          const std::string& lists,
                                          const Spec& spec) {
  const std::vector<std::string> names = SizeNames(variant);
  for (const auto& [key, value] : spec) {
    if (std::ranges::find(names, key) == names.end()) {
      return Invalid(
          "{}: no such key; allowed for {}/{}: dtype, variant, "
          "shapes, {}",
          key, variant.op, variant.name, fmt::join(names, ", "));
    }
  }
  if (!lists.empty()) {
    if (!spec.empty()) {
      return Invalid("shapes, {}: allowed is one of them", spec.begin()->first);
    }
    if (variant.dims != kProductSizes) {
      return Invalid("shapes={}: {}/{} has sizes {}; lists are of m, n and k",
                     lists, variant.op, variant.name, variant.dims);
    }
    auto listed = ProductShapes(lists);
    if (!listed) return Locate(std::move(listed).error(), "bench");
    return listed;
  }
  if (!spec.empty()) return ShapesByHand(variant, names, spec);
  std::vector<ListedShape> listed;
  for (ProblemShape& shape : variant.bench_shapes()) {
    listed.push_back({"", std::move(shape)});
  }
  return listed;
}

}  // namespace

Result<std::vector<Job>> PlanJobs(const std::string& op,
                                  std::span<const std::string> words) {
  TRIPTYCH_ASSIGN(Spec spec, ParseWords(words));
  TRIPTYCH_ASSIGN(const std::vector<Variant> rows, RowsOf(op, spec));
  const std::string lists = Take(spec, "shapes");
  std::vector<Job> jobs;
  for (const Variant& row : rows) {
    TRIPTYCH_ASSIGN(auto shapes, ShapesOf(row, lists, spec));
    jobs.push_back({row, std::move(shapes)});
  }
  return jobs;
}

}  // namespace triptych::bench
