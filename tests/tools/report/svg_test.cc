// SPDX-License-Identifier: Apache-2.0
#include "tools/report/svg.h"

#include <doctest/doctest.h>

#include <string>

#include "kernels/base/text.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

TEST_CASE("markup and control characters in a text stay a text") {
  CHECK(EscapeXml("a<b & \"c\">\x01 d\n") ==
        "a&lt;b &amp; &quot;c&quot;&gt; d\n");
  CHECK(EscapeXml("µ ± …") == "µ ± …");
}

TEST_CASE("numbers are short and exact to a hundredth") {
  CHECK(PathData().MoveTo({1, 2.5}).LineTo({-0.001, 1.0 / 3}).text() ==
        "M1 2.5L0 0.33");
  CHECK(PathData().Box(0, 0, 10, 4).text() == "M0 0h10v4h-10z");
}

TEST_CASE("every drawing has a title, a description and unique names") {
  Svg svg("chart-1", 100, 50);
  svg.BeginMark("a < b", "1 2");
  svg.HatchedRect(0, 0, 10, 10);
  svg.End();
  const std::string text = svg.Inline("A & B", "what is seen");
  CHECK(text.find("<title id=\"chart-1-title\">A &amp; B</title>") !=
        std::string::npos);
  CHECK(text.find("<desc id=\"chart-1-desc\">what is seen</desc>") !=
        std::string::npos);
  CHECK(text.find("role=\"img\"") != std::string::npos);
  CHECK(text.find("aria-labelledby=\"chart-1-title chart-1-desc\"") !=
        std::string::npos);
  CHECK(text.find("<title>a &lt; b</title>") != std::string::npos);
  CHECK(text.find("data-keys=\"1 2\"") != std::string::npos);
  CHECK(text.find("id=\"chart-1-hatch\"") != std::string::npos);
  // A file says what it is; a page's own drawings need not.
  CHECK(text.find("xmlns") == std::string::npos);
  const std::string file = svg.Standalone("t", "d", ".paper{fill:#fff}");
  CHECK(file.find("xmlns=\"http://www.w3.org/2000/svg\"") != std::string::npos);
  CHECK(file.find("<style>.paper{fill:#fff}</style>") != std::string::npos);
}

TEST_CASE("widths grow with the text and hold for wide letters") {
  CHECK(TextWidth("", 12) == 0);
  CHECK(TextWidth("MMMM", 10) == doctest::Approx(4 * 8.63));
  CHECK(TextWidth("iiii", 10) < TextWidth("MMMM", 10) / 2);
  // One character, two bytes.
  CHECK(TextWidth("µ", 10) == doctest::Approx(10));
  CHECK(CountCharacters("µs…") == 3);
}

TEST_CASE("a text is cut where it has to be, between characters") {
  CHECK(FitText("short", 12, 200) == "short");
  for (double width = 0; width < 200; width += 3) {
    const std::string cut = FitText("µµµ a long label µµµ", 12, width);
    CHECK((width < 12 || TextWidth(cut, 12) <= width));
    // No half of a character is left.
    const auto last = static_cast<unsigned char>(cut.back());
    CHECK((last < 0x80 || (last & 0xC0) == 0x80));
  }
}

}  // namespace
}  // namespace triptych::report
