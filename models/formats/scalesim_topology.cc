// SPDX-License-Identifier: Apache-2.0
#include "models/formats/scalesim_topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace triptych {
namespace {

constexpr int64_t kMost = 1'000'000;
constexpr double kMostMacs = 1e18;

std::string_view Trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Without the empty field that a comma at the end makes.
std::vector<std::string_view> FieldsOf(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t comma = line.find(',');
    fields.push_back(Trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  if (fields.size() > 1 && fields.back().empty()) fields.pop_back();
  return fields;
}

struct Where {
  std::string_view path;
  int line = 0;
};

std::unexpected<Error> Wrong(const Where& where, std::string_view column,
                             std::string_view what) {
  return MakeError(ErrorCode::kInvalid, fmt::format("{}:{}: {}: {}", where.path,
                                                    where.line, column, what));
}

Result<int64_t> Count(const Where& where, std::string_view column,
                      std::string_view field, int64_t least) {
  int64_t value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error == std::errc() && stop == end && value >= least && value <= kMost) {
    return value;
  }
  return Wrong(where, column,
               fmt::format("\"{}\" is not allowed; allowed whole numbers from "
                           "{} to {}",
                           field, least, kMost));
}

// A column that is a count, and where in a layer it goes.
struct Column {
  std::string_view name;
  int64_t TopologyLayer::*member;
  int64_t least = 1;
};
constexpr Column kConvColumns[] = {
    {"ifmap height", &TopologyLayer::ifmap_height},
    {"ifmap width", &TopologyLayer::ifmap_width},
    {"filter height", &TopologyLayer::filter_height},
    {"filter width", &TopologyLayer::filter_width},
    {"channels", &TopologyLayer::channels},
    {"filters", &TopologyLayer::filters},
    {"stride", &TopologyLayer::stride},
};
constexpr Column kGemmColumns[] = {
    {"M", &TopologyLayer::ifmap_height},
    {"N", &TopologyLayer::filters},
    {"K", &TopologyLayer::channels},
};
constexpr Column kMoreColumns[] = {
    {"padding", &TopologyLayer::padding, 0},
    {"groups", &TopologyLayer::groups},
};

struct Kind {
  std::string_view name;
  LayerKind kind;
};
constexpr Kind kKinds[] = {{"conv", LayerKind::kConv},
                           {"conv+add", LayerKind::kConvAdd},
                           {"matmul", LayerKind::kMatmul},
                           {"pool", LayerKind::kPool}};

// What the columns after the name mean.
struct Form {
  std::vector<Column> columns;
  std::optional<size_t> kind_at;  // the last one

  size_t fields() const {
    return 1 + columns.size() + (kind_at.has_value() ? 1 : 0);
  }
};

Result<Form> FormOf(const Where& where,
                    const std::vector<std::string_view>& header) {
  Form form;
  const bool gemm = header.size() >= 4 && Lower(header[1]) == "m" &&
                    Lower(header[2]) == "n" && Lower(header[3]) == "k";
  if (gemm) {
    form.columns.assign(std::begin(kGemmColumns), std::end(kGemmColumns));
  } else if (header.size() > std::size(kConvColumns)) {
    form.columns.assign(std::begin(kConvColumns), std::end(kConvColumns));
  } else {
    return Wrong(where, "header",
                 fmt::format("{} columns; allowed a name, M, N, K, or a name "
                             "and the seven of a convolution",
                             header.size()));
  }
  for (size_t i = 1 + form.columns.size(); i < header.size(); ++i) {
    const std::string name = Lower(header[i]);
    const auto more = std::ranges::find(kMoreColumns, name, &Column::name);
    if (more != std::end(kMoreColumns) && !gemm && !form.kind_at) {
      form.columns.push_back(*more);
    } else if (name == "kind" && i + 1 == header.size() && !gemm) {
      form.kind_at = i;
    } else {
      return Wrong(where, "header",
                   fmt::format("\"{}\" is not allowed; allowed after the "
                               "columns of a convolution padding, groups and, "
                               "last, kind",
                               header[i]));
    }
  }
  return form;
}

Status CheckLayer(const Where& where, const TopologyLayer& layer) {
  if (layer.filter_height > layer.ifmap_height + 2 * layer.padding ||
      layer.filter_width > layer.ifmap_width + 2 * layer.padding) {
    return Wrong(where, "filter",
                 fmt::format("{}x{} does not fit the input of {}x{}; allowed "
                             "up to its size with padding",
                             layer.filter_height, layer.filter_width,
                             layer.ifmap_height, layer.ifmap_width));
  }
  if (layer.channels % layer.groups != 0 || layer.filters % layer.groups != 0) {
    return Wrong(where, "groups",
                 fmt::format("{} does not divide {} channels and {} filters",
                             layer.groups, layer.channels, layer.filters));
  }
  // In doubles: the products of six counts do not fit 64 bits.
  const auto d = [](int64_t n) { return static_cast<double>(n); };
  const double pixels = d(layer.out_height()) * d(layer.out_width());
  const double window =
      d(layer.filter_height) * d(layer.filter_width) * d(layer.channels);
  const double input =
      d(layer.ifmap_height) * d(layer.ifmap_width) * d(layer.channels);
  if (std::max(input, pixels * std::max(window, 1.0) * d(layer.filters)) >
      kMostMacs) {
    return Wrong(where, "layer", "too large; allowed up to 1e18 multiply-adds");
  }
  return {};
}

Result<TopologyLayer> LayerOf(const Where& where, const Form& form,
                              const std::vector<std::string_view>& fields) {
  if (fields.size() != form.fields()) {
    return Wrong(where, "line",
                 fmt::format("{} fields; allowed {}, as in the header",
                             fields.size(), form.fields()));
  }
  TopologyLayer layer;
  layer.name = fields[0];
  layer.line = where.line;
  for (size_t i = 0; i < form.columns.size(); ++i) {
    const Column& column = form.columns[i];
    TRIPTYCH_ASSIGN(layer.*column.member,
                    Count(where, column.name, fields[i + 1], column.least));
  }
  if (form.kind_at) {
    const std::string_view name = fields[*form.kind_at];
    const auto kind = std::ranges::find(kKinds, name, &Kind::name);
    if (kind == std::end(kKinds)) {
      return Wrong(where, "kind",
                   fmt::format("\"{}\" is not allowed; allowed conv, conv+add, "
                               "matmul, pool",
                               name));
    }
    layer.kind = kind->kind;
  }
  TRIPTYCH_TRY(CheckLayer(where, layer));
  return layer;
}

}  // namespace

int64_t TopologyLayer::out_height() const {
  return (ifmap_height + 2 * padding - filter_height) / stride + 1;
}
int64_t TopologyLayer::out_width() const {
  return (ifmap_width + 2 * padding - filter_width) / stride + 1;
}
double TopologyLayer::macs() const {
  if (kind == LayerKind::kPool) return 0;
  return static_cast<double>(m()) * static_cast<double>(k()) *
         static_cast<double>(filters);
}

Result<std::vector<TopologyLayer>> ParseTopology(std::string_view text,
                                                 std::string_view path) {
  std::vector<TopologyLayer> layers;
  std::optional<Form> form;
  Where where{path, 0};
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++where.line;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = Trim(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string_view> fields = FieldsOf(line);
    if (!form) {
      TRIPTYCH_ASSIGN(form, FormOf(where, fields));
      continue;
    }
    TRIPTYCH_ASSIGN(TopologyLayer layer, LayerOf(where, *form, fields));
    layers.push_back(std::move(layer));
  }
  if (layers.empty()) {
    return Wrong(where, "file",
                 "no layer; allowed a header and at least one line");
  }
  return layers;
}

Result<std::vector<TopologyLayer>> LoadTopology(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: cannot be opened", path));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return ParseTopology(text, path);
}

}  // namespace triptych
