// SPDX-License-Identifier: Apache-2.0
#include "tools/report/svg.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/text.h"

namespace triptych::report {
namespace {

// Hundredths of a pixel are finer than any screen; shorter numbers keep a
// page of many marks small.
std::string Number(double value) {
  TRIPTYCH_CHECK(std::isfinite(value), "a coordinate", value);
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string ClassAttribute(std::string_view classes) {
  return classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
}

std::string_view AnchorName(Anchor anchor) {
  switch (anchor) {
    case Anchor::kStart:
      return "start";
    case Anchor::kMiddle:
      return "middle";
    case Anchor::kEnd:
      return "end";
  }
  return "start";
}

// A regular or star-shaped outline: radii of its corners, in turn.
PathData Polygon(Point c, int corners, double outer, double inner,
                 double first_turn) {
  PathData path;
  constexpr double kTurn = 6.283185307179586;
  for (int i = 0; i < corners; ++i) {
    const double angle =
        kTurn * (first_turn + static_cast<double>(i) / corners);
    const double r = i % 2 == 0 ? outer : inner;
    const Point p{c.x + r * std::sin(angle), c.y - r * std::cos(angle)};
    i == 0 ? path.MoveTo(p) : path.LineTo(p);
  }
  return path.Close();
}

}  // namespace

PathData& PathData::MoveTo(Point p) {
  text_ += 'M' + Number(p.x) + ' ' + Number(p.y);
  return *this;
}

PathData& PathData::LineTo(Point p) {
  text_ += 'L' + Number(p.x) + ' ' + Number(p.y);
  return *this;
}

PathData& PathData::CurveTo(Point first, Point second, Point p) {
  text_ +=
      fmt::format("C{} {} {} {} {} {}", Number(first.x), Number(first.y),
                  Number(second.x), Number(second.y), Number(p.x), Number(p.y));
  return *this;
}

PathData& PathData::Box(double x, double y, double width, double height) {
  text_ += fmt::format("M{} {}h{}v{}h{}z", Number(x), Number(y), Number(width),
                       Number(height), Number(-width));
  return *this;
}

PathData& PathData::Close() {
  text_ += 'z';
  return *this;
}

PathData MarkerPath(int shape, Point c, double radius) {
  switch (shape % kMarkerShapes) {
    case 0:  // a circle, near enough
      return Polygon(c, 12, radius, radius, 0);
    case 1:
      return PathData().Box(c.x - 0.85 * radius, c.y - 0.85 * radius,
                            1.7 * radius, 1.7 * radius);
    case 2:
      return Polygon(c, 3, 1.25 * radius, 1.25 * radius, 0);
    case 3:
      return Polygon(c, 4, 1.25 * radius, 1.25 * radius, 0);
    case 4:
      return Polygon(c, 3, 1.25 * radius, 1.25 * radius, 0.5);
    default:
      return Polygon(c, 8, 1.35 * radius, 0.55 * radius, 0);
  }
}

Svg::Svg(std::string_view id, double width, double height)
    : id_(id), width_(width), height_(height) {}

void Svg::BeginMark(std::string_view tip, std::string_view keys) {
  body_ += "<g class=\"mark\"";
  if (!keys.empty()) body_ += fmt::format(" data-keys=\"{}\"", EscapeXml(keys));
  body_ += fmt::format("><title>{}</title>", EscapeXml(tip));
  ++open_;
}

void Svg::BeginGroup(std::string_view classes) {
  body_ += fmt::format("<g{}>", ClassAttribute(classes));
  ++open_;
}

void Svg::End() {
  TRIPTYCH_CHECK(open_ > 0, "no group is open");
  body_ += "</g>\n";
  --open_;
}

void Svg::Rect(double x, double y, double width, double height,
               std::string_view classes) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>",
                       Number(x), Number(y), Number(width), Number(height),
                       ClassAttribute(classes));
}

void Svg::HatchedRect(double x, double y, double width, double height) {
  body_ += fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
      "fill=\"url(#{}-hatch)\"/>",
      Number(x), Number(y), Number(width), Number(height), id_);
}

void Svg::Line(Point from, Point to, std::string_view classes) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>",
                       Number(from.x), Number(from.y), Number(to.x),
                       Number(to.y), ClassAttribute(classes));
}

void Svg::Path(const PathData& path, std::string_view classes) {
  if (path.empty()) return;
  body_ +=
      fmt::format("<path d=\"{}\"{}/>", path.text(), ClassAttribute(classes));
}

void Svg::Text(Point at, std::string_view text, Anchor anchor,
               std::string_view classes) {
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"{}>{}</text>",
                       Number(at.x), Number(at.y), AnchorName(anchor),
                       ClassAttribute(classes), EscapeXml(text));
}

void Svg::TextUpwards(Point at, std::string_view text) {
  body_ += fmt::format(
      "<text transform=\"translate({} {}) rotate(-90)\" "
      "text-anchor=\"middle\">{}</text>",
      Number(at.x), Number(at.y), EscapeXml(text));
}

std::string Svg::Root(std::string_view attributes, std::string_view title,
                      std::string_view description,
                      std::string_view style) const {
  TRIPTYCH_CHECK(open_ == 0, "groups left open:", open_);
  // A drawing without hatching needs no pattern.
  const std::string hatch =
      body_.find("-hatch)") == std::string::npos
          ? ""
          : fmt::format(
                "<defs><pattern id=\"{}-hatch\" width=\"5\" height=\"5\" "
                "patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><rect width=\"1.6\" "
                "height=\"5\" class=\"hatch\"/></pattern></defs>\n",
                id_);
  return fmt::format(
      "<svg{0} id=\"{1}\" class=\"chart\" viewBox=\"0 0 {2} {3}\" role=\"img\" "
      "aria-labelledby=\"{1}-title {1}-desc\">\n"
      "<title id=\"{1}-title\">{4}</title>\n<desc id=\"{1}-desc\">{5}</desc>\n"
      "{6}{7}{8}</svg>\n",
      attributes, id_, Number(width_), Number(height_), EscapeXml(title),
      EscapeXml(description), style, hatch, body_);
}

std::string Svg::Inline(std::string_view title,
                        std::string_view description) const {
  return Root(" tabindex=\"0\"", title, description, "");
}

std::string Svg::Standalone(std::string_view title,
                            std::string_view description,
                            std::string_view style) const {
  const std::string paper = fmt::format(
      "<style>{}</style>\n<rect width=\"{}\" height=\"{}\" class=\"paper\"/>\n",
      style, Number(width_), Number(height_));
  return Root(fmt::format(" xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" "
                          "height=\"{}\"",
                          Number(width_), Number(height_)),
              title, description, paper);
}

}  // namespace triptych::report
