// SPDX-License-Identifier: Apache-2.0
#include "tools/graph/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernels/base/text.h"
#include "models/ops/op.h"
#include "tools/graph/fold.h"
#include "tools/graph/layout.h"
#include "tools/report/assets.h"
#include "tools/report/page.h"
#include "tools/report/svg.h"
#include "tools/report/text_width.h"

namespace triptych::picture {
namespace {

using report::Anchor;
using report::PathData;
using report::Point;
using report::Svg;
using report::TextWidth;

constexpr double kTextSize = 12, kLine = 16, kPadding = 9, kStripe = 5;
constexpr double kLeastWidth = 84;
constexpr double kMargin = 28, kHeader = 80, kFrame = 16, kFrameTop = 26;
constexpr double kArrow = 4;

// Which colour an operator of each kind has, and what the key says of it.
struct KindRow {
  OpKind kind;
  std::string_view fill, meaning;
};
constexpr KindRow kKinds[] = {
    {OpKind::kMatmul, "fill0", "product with weights"},
    {OpKind::kAttention, "fill1", "attention"},
    {OpKind::kVector, "fill2", "element by element"},
    {OpKind::kData, "fill7", "moves data"},
};

std::string_view FillOf(const FoldedNode& node) {
  for (const KindRow& row : kKinds) {
    if (node.def != nullptr && node.def->kind == row.kind) return row.fill;
  }
  return "fill3";
}

// The lines in a node's box: bold, plain, then small ones.
std::vector<std::string> LinesOf(const FoldedNode& node) {
  std::vector<std::string> lines = {node.name};
  if (node.def == nullptr) {
    lines.push_back("input");
  } else if (node.op != node.name) {
    lines.push_back(node.op);
  }
  lines.insert(lines.end(), node.details.begin(), node.details.end());
  return lines;
}

LayoutNode SizeOf(const FoldedNode& node) {
  const std::vector<std::string> lines = LinesOf(node);
  double width = kLeastWidth;
  for (size_t i = 0; i < lines.size(); ++i) {
    // Bold is about a tenth wider.
    width =
        std::max(width, TextWidth(lines[i], kTextSize) * (i == 0 ? 1.1 : 1.0));
  }
  LayoutNode size;
  size.width = width + 2 * kPadding + kStripe;
  size.height = static_cast<double>(lines.size()) * kLine + kPadding;
  size.group = node.block;
  size.inputs = node.inputs;
  return size;
}

struct Box {
  double left, top, right, bottom;
};

class Drawing {
 public:
  explicit Drawing(const Graph& graph) : graph_(graph), folded_(Fold(graph)) {
    for (const FoldedNode& node : folded_.nodes) sizes_.push_back(SizeOf(node));
    layout_ = Arrange(sizes_);
    for (Place& place : layout_.places) Shift(place);
    for (Route& route : layout_.routes) {
      for (Place& point : route.points) Shift(point);
    }
  }

  std::string Text() {
    const double width =
        std::max(layout_.width + 2 * (kMargin + kFrame), 660.0);
    Svg svg("graph", width, layout_.height + kHeader + 2 * kMargin + kFrame);
    Header(svg);
    for (const FoldedBlock& block : folded_.blocks) Frame(svg, block);
    for (const Route& route : layout_.routes) Edge(svg, route);
    for (size_t n = 0; n < folded_.nodes.size(); ++n) NodeBox(svg, n);
    const std::string style = report::ResolveColours(
        std::string(report::kChartCss) + kGraphCss, report::kLightCss);
    return svg.Standalone(graph_.name(), Description(), style);
  }

 private:
  static constexpr char kGraphCss[] =
      ".card { fill: var(--paper); stroke: var(--axis); }\n"
      ".frame { fill: var(--surface); stroke: var(--grid); }\n"
      ".edge { fill: none; stroke: var(--muted); stroke-width: 1.3; }\n"
      ".tip { fill: var(--muted); }\n"
      ".title { font-size: 18px; font-weight: 600; }\n";

  void Shift(Place& place) const {
    place.x += kMargin + kFrame;
    place.y += kMargin + kHeader;
  }

  std::string Description() const {
    return fmt::format(
        "{} operators, {} parameters; layers that repeat are "
        "drawn once",
        graph_.nodes().size(), graph_.Parameters());
  }

  void Header(Svg& svg) const {
    svg.Text({kMargin, kMargin + 8}, graph_.name(), Anchor::kStart, "title");
    svg.Text({kMargin, kMargin + 28}, Description(), Anchor::kStart, "muted");
    svg.Text({kMargin, kMargin + 44},
             "Rows: B sequences of T new tokens; S with those in the cache.",
             Anchor::kStart, "muted");
    double x = kMargin;
    const auto key = [&](std::string_view fill, std::string_view meaning) {
      svg.Rect(x, kMargin + 56, 10, 10, fill);
      svg.Text({x + 15, kMargin + 65}, meaning, Anchor::kStart, "muted");
      x += 15 + TextWidth(meaning, kTextSize) + 18;
    };
    for (const KindRow& row : kKinds) key(row.fill, row.meaning);
    key("fill3", "input");
  }

  // Around the nodes of a block and the edges between them.
  Box BoxOf(const FoldedBlock& block) const {
    Box box{1e9, 1e9, -1e9, -1e9};
    const auto include = [&](double x, double y) {
      box.left = std::min(box.left, x);
      box.right = std::max(box.right, x);
      box.top = std::min(box.top, y);
      box.bottom = std::max(box.bottom, y);
    };
    for (size_t n = block.first; n < block.last; ++n) {
      const Place& at = layout_.places[n];
      include(at.x - sizes_[n].width / 2, at.y - sizes_[n].height / 2);
      include(at.x + sizes_[n].width / 2, at.y + sizes_[n].height / 2);
    }
    // An edge that passes beside the nodes on its way through.
    const double top = box.top, bottom = box.bottom;
    for (const Route& route : layout_.routes) {
      if (route.to < block.first || route.to >= block.last) continue;
      for (const Place& point : route.points) {
        if (point.y >= top && point.y <= bottom) include(point.x, point.y);
      }
    }
    return box;
  }

  void Frame(Svg& svg, const FoldedBlock& block) const {
    if (block.caption.empty()) return;
    const Box box = BoxOf(block);
    const double top = box.top - kFrameTop;
    svg.Rect(box.left - kFrame, top, box.right - box.left + 2 * kFrame,
             box.bottom + kFrame + 8 - top, "frame");
    svg.Text({box.left - kFrame + 8, top + 16}, block.caption, Anchor::kStart,
             "strong");
  }

  void Edge(Svg& svg, const Route& route) const {
    PathData path;
    const std::vector<Place>& points = route.points;
    path.MoveTo({points[0].x, points[0].y});
    for (size_t i = 1; i < points.size(); ++i) {
      const Place &a = points[i - 1], &b = points[i];
      const bool last = i + 1 == points.size();
      const double end = last ? b.y - kArrow : b.y;
      if (i % 2 == 0) {  // through a rank
        path.LineTo({b.x, end});
      } else {
        const double middle = (a.y + end) / 2;
        path.CurveTo({a.x, middle}, {b.x, middle}, {b.x, end});
      }
    }
    svg.Path(path, "edge");
    const Place& tip = points.back();
    svg.Path(PathData()
                 .MoveTo({tip.x, tip.y})
                 .LineTo({tip.x - kArrow, tip.y - 2 * kArrow})
                 .LineTo({tip.x + kArrow, tip.y - 2 * kArrow})
                 .Close(),
             "tip");
  }

  void NodeBox(Svg& svg, size_t n) const {
    const FoldedNode& node = folded_.nodes[n];
    const LayoutNode& size = sizes_[n];
    const double left = layout_.places[n].x - size.width / 2;
    const double top = layout_.places[n].y - size.height / 2;
    svg.BeginMark(
        node.def == nullptr
            ? fmt::format("{}: {}", node.name, node.shape)
            : fmt::format("{}: {}\n{}", node.name, node.op, node.def->meaning));
    svg.Rect(left, top, size.width, size.height, "card");
    svg.Rect(left, top, kStripe, size.height, FillOf(node));
    const std::vector<std::string> lines = LinesOf(node);
    for (size_t i = 0; i < lines.size(); ++i) {
      svg.Text(
          {left + kStripe + kPadding, top + kLine * static_cast<double>(i + 1)},
          lines[i], Anchor::kStart, i == 0 ? "strong" : "muted");
    }
    svg.End();
    svg.Text({layout_.places[n].x + 7, top + size.height + 14}, node.shape,
             Anchor::kStart, "label muted");
  }

  const Graph& graph_;
  FoldedGraph folded_;
  std::vector<LayoutNode> sizes_;
  Layout layout_;
};

}  // namespace

std::string GraphSvg(const Graph& graph) { return Drawing(graph).Text(); }

std::string GraphDot(const Graph& graph) {
  const FoldedGraph folded = Fold(graph);
  std::string text = fmt::format(
      "digraph {} {{\n  rankdir=TB;\n  node [shape=box, style=filled, "
      "fillcolor=white, fontname=\"sans-serif\"];\n  edge "
      "[fontname=\"sans-serif\", fontsize=10];\n",
      Quoted(graph.name()));
  for (size_t b = 0; b < folded.blocks.size(); ++b) {
    const FoldedBlock& block = folded.blocks[b];
    const bool framed = !block.caption.empty();
    if (framed) {
      text += fmt::format("  subgraph cluster_{} {{\n  label={};\n", b,
                          Quoted(block.caption));
    }
    for (size_t n = block.first; n < block.last; ++n) {
      std::string label;
      for (const std::string& line : LinesOf(folded.nodes[n])) {
        label += (label.empty() ? "" : "\n") + line;
      }
      text += fmt::format("  n{} [label={}];\n", n, Quoted(label));
    }
    if (framed) text += "  }\n";
  }
  for (size_t n = 0; n < folded.nodes.size(); ++n) {
    for (const size_t input : folded.nodes[n].inputs) {
      text += fmt::format("  n{} -> n{} [label={}];\n", input, n,
                          Quoted(folded.nodes[input].shape));
    }
  }
  return text + "}\n";
}

}  // namespace triptych::picture
