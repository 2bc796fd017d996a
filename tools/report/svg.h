// A drawing in SVG, element by element.
//
// Colours are classes that a style sheet gives a meaning (page/chart.css), so
// that one drawing reads in light and dark; what an element is for is what
// its class says. Coordinates are pixels of a drawing that scales.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_SVG_H_
#define TRIPTYCH_TOOLS_REPORT_SVG_H_

#include <string>
#include <string_view>

namespace triptych::report {

struct Point {
  double x = 0, y = 0;
};

enum class Anchor { kStart, kMiddle, kEnd };

// The `d` of a path. Coordinates have to be finite.
class PathData {
 public:
  PathData& MoveTo(Point p);
  PathData& LineTo(Point p);
  // A cubic Bezier curve by way of two control points.
  PathData& CurveTo(Point first, Point second, Point p);
  PathData& Box(double x, double y, double width, double height);
  PathData& Close();
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

// Shapes that tell series apart where colours do not.
inline constexpr int kMarkerShapes = 6;
PathData MarkerPath(int shape, Point centre, double radius);

class Svg {
 public:
  // `id` is unique on its page; names inside the drawing begin with it.
  Svg(std::string_view id, double width, double height);

  double width() const { return width_; }
  double height() const { return height_; }

  // What follows, up to End(), is one mark: `tip` says what it is, on
  // hovering, by keyboard and to screen readers. `keys` is what filters of
  // the page ask for, "" if nothing does.
  void BeginMark(std::string_view tip, std::string_view keys = "");
  void BeginGroup(std::string_view classes);
  void End();

  // `classes` are names without markup, separated by blanks.
  void Rect(double x, double y, double width, double height,
            std::string_view classes);
  // The same, hatched: it rests on something uncertain.
  void HatchedRect(double x, double y, double width, double height);
  void Line(Point from, Point to, std::string_view classes);
  void Path(const PathData& path, std::string_view classes);
  void Text(Point at, std::string_view text, Anchor anchor,
            std::string_view classes = "");
  // Turned a quarter to the left: it reads upwards.
  void TextUpwards(Point at, std::string_view text);

  // For a page that has the style sheet.
  std::string Inline(std::string_view title,
                     std::string_view description) const;
  // A file of its own, with `style` inside.
  std::string Standalone(std::string_view title, std::string_view description,
                         std::string_view style) const;

 private:
  std::string Root(std::string_view attributes, std::string_view title,
                   std::string_view description, std::string_view style) const;

  std::string id_;
  double width_, height_;
  std::string body_;
  int open_ = 0;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_SVG_H_
