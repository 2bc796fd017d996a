// Every chart on data that break drawings: none, one value, equal values,
// negative ones, no numbers, a million points.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "tools/report/charts/bars.h"
#include "tools/report/charts/grid_map.h"
#include "tools/report/charts/heat_map.h"
#include "tools/report/charts/lines.h"
#include "tools/report/charts/roofline.h"
#include "tools/report/charts/scatter.h"
#include "tools/report/charts/stacked_bars.h"
#include "tools/report/charts/strips.h"
#include "tools/report/charts/tornado.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

// A chart of each kind that shows these values.
std::vector<std::pair<std::string, std::unique_ptr<Chart>>> ChartsOf(
    const Values& values, bool log) {
  std::vector<std::pair<std::string, std::unique_ptr<Chart>>> charts;
  const Quantity quantity{"time", "s", log};
  auto bars = std::make_unique<BarChart>();
  auto stacked = std::make_unique<StackedBarChart>();
  auto scatter = std::make_unique<ScatterChart>();
  auto lines = std::make_unique<LineChart>();
  auto heat = std::make_unique<HeatMap>();
  auto grid = std::make_unique<GridMap>();
  auto strips = std::make_unique<StripChart>();
  auto roofline = std::make_unique<RooflineChart>();
  auto tornado = std::make_unique<TornadoChart>();
  bars->quantity = stacked->quantity = scatter->x = scatter->y = quantity;
  lines->x = lines->y = heat->quantity = grid->place = grid->road = quantity;
  strips->time = {"time", "s"};
  tornado->quantity = quantity;
  roofline->x = {"intensity", "FLOP/B", true};
  roofline->y = {"rate", "FLOP/s", true};
  roofline->roofs = {{"roof", 1e12, 1e11}};
  scatter->series = {"a <b>", "c"};
  strips->series = {"matmul"};
  strips->lanes = {{"unit", {}}};
  lines->series = {{"line", {}}};
  heat->rows = {"row"};
  grid->columns = values.size();
  grid->rows = values.empty() ? 0 : 1;
  tornado->base = values.empty() ? 0 : values[0];
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    const std::string label = "value & " + std::to_string(i);
    bars->bars.push_back({label, v, 0.5, 0.1, "note", i});
    stacked->bars.push_back({label, {{"p", v}, {"q", 2 * v}}});
    scatter->points.push_back({v, -v, static_cast<uint32_t>(i % 2)});
    lines->series[0].points.push_back({static_cast<double>(i), v});
    heat->columns.push_back(label);
    heat->cells.push_back(v);
    grid->places.push_back(v);
    grid->names.push_back(label);
    grid->right.push_back(v);
    grid->down.push_back(0);
    strips->lanes[0].slices.push_back({v, v + 1, 0, 0.5});
    roofline->points.push_back({label, v, v, 0, ""});
    tornado->swings.push_back({label, v, 2 * v, "1", "2"});
  }
  bars->hatching = "assumed";
  scatter->identity_band = 0.1;
  charts.emplace_back("bars", std::move(bars));
  charts.emplace_back("stacked", std::move(stacked));
  charts.emplace_back("scatter", std::move(scatter));
  charts.emplace_back("lines", std::move(lines));
  charts.emplace_back("heat", std::move(heat));
  charts.emplace_back("grid", std::move(grid));
  charts.emplace_back("strips", std::move(strips));
  charts.emplace_back("roofline", std::move(roofline));
  charts.emplace_back("tornado", std::move(tornado));
  return charts;
}

void CheckLines(const std::string& text, size_t columns) {
  CHECK(!text.empty());
  CHECK(text.back() == '\n');
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    CHECK(CountCharacters(text.substr(at, end - at)) <= columns);
    at = end + 1;
  }
}

TEST_CASE("every chart draws, prints and tabulates whatever it is given") {
  const std::vector<Values> cases = {{},
                                     {1},
                                     {0},
                                     {-2.5},
                                     {kNan},
                                     {3, 3, 3},
                                     {-1, 0, 1},
                                     {kNan, 2, HUGE_VAL, -5},
                                     {1e-300, 1e300},
                                     {1e-12, 5, 3e9}};
  for (const Values& values : cases) {
    for (const bool log : {false, true}) {
      for (const auto& [kind, chart] : ChartsOf(values, log)) {
        CAPTURE(kind);
        CAPTURE(values.size());
        CAPTURE(log);
        const std::string svg = chart->Draw("id").Inline("title", "desc");
        CHECK(svg.find("nan") == std::string::npos);
        CHECK(svg.find("inf") == std::string::npos);
        CHECK(svg.find("value & ") == std::string::npos);  // escaped
        for (const bool unicode : {false, true}) {
          CheckLines(chart->Print({72, unicode}), 72);
        }
        const DataTable table = chart->Data();
        for (const auto& row : table.rows) {
          CHECK(row.size() == table.header.size());
        }
        CheckLines(PrintTable(table, {72, true}), 72);
      }
    }
  }
}

ScatterChart Million() {
  ScatterChart chart;
  chart.x = {"x", "s"};
  chart.y = {"y", "J"};
  chart.series = {"a", "b"};
  Rng rng(3);
  for (int i = 0; i < 1000000; ++i) {
    const auto random = [&] { return static_cast<double>(rng.Below(100000)); };
    chart.points.push_back({random(), random(), static_cast<uint32_t>(i % 2)});
  }
  chart.front = {17, 999999};
  chart.front_name = "front";
  return chart;
}

TEST_CASE("a million points become a small picture, the same each time") {
  const ScatterChart chart = Million();
  const std::vector<size_t> drawn = chart.Drawn();
  CHECK(drawn.size() <= chart.most_marks + 2);
  CHECK(drawn.size() > chart.most_marks / 4);
  CHECK(drawn == chart.Drawn());
  // The front is there.
  CHECK(std::ranges::binary_search(drawn, 17u));
  CHECK(std::ranges::binary_search(drawn, 999999u));
  CHECK(std::ranges::is_sorted(drawn));
  CHECK(chart.Draw("id").Inline("t", "d").size() < 700000);
}

TEST_CASE("thinning leaves points of every value of a filter") {
  ScatterChart chart = Million();
  chart.filters = {{"format", {"int8", "bf16", "rare"}}};
  chart.value_of = [](size_t point, size_t) {
    return point % 1000 == 7 ? size_t{2} : point % 2;
  };
  size_t rare = 0;
  for (const size_t point : chart.Drawn()) rare += chart.value_of(point, 0) / 2;
  CHECK(rare > 100);
}

TEST_CASE("few points are all drawn") {
  ScatterChart chart;
  chart.series = {""};
  for (int i = 0; i < 50; ++i) {
    chart.points.push_back({static_cast<double>(i), 1, 0});
  }
  CHECK(chart.Drawn().size() == 50);
}

TEST_CASE("parts beyond the colours are one, and the total stays") {
  StackedBarChart chart;
  chart.quantity = {"time", "s"};
  StackedBar bar{"m", {}};
  for (int i = 0; i < 12; ++i) bar.parts["op" + std::to_string(i)] = 1 + i;
  chart.bars = {bar};
  const std::string svg = chart.Draw("id").Inline("t", "d");
  CHECK(svg.find("m, other: 15 s") != std::string::npos);  // 1+2+3+4+5
  CHECK(svg.find(">78 s<") != std::string::npos);
}

TEST_CASE("a bar's length is its value") {
  BarChart chart;
  chart.quantity = {"share", "%"};
  chart.bars = {{"whole", 100}, {"half", 50}};
  const std::string text = chart.Print({60, false});
  const auto hashes = [&](const char* label) {
    const size_t at = text.find(label);
    const std::string line = text.substr(at, text.find('\n', at) - at);
    return std::ranges::count(line, '#');
  };
  CHECK(hashes("whole") == doctest::Approx(2.0 * hashes("half")).epsilon(0.06));
}

TEST_CASE("bars sort by value, then label; what is no number comes last") {
  std::vector<Bar> bars = {{"x", kNan}, {"b", 2}, {"a", 2}, {"z", 5}};
  SortByValue(bars);
  std::string order;
  for (const Bar& bar : bars) order += bar.label;
  CHECK(order == "zabx");
}

TEST_CASE("a ramp's steps are ten and cover both ends") {
  CHECK(RampStep(0, 0, 1) == 0);
  CHECK(RampStep(0.55, 0, 1) == 5);
  CHECK(RampStep(1, 0, 1) == kRampSteps - 1);
  CHECK(RampStep(4, 4, 4) == kRampSteps - 1);
}

TEST_CASE("the widest swing is on top") {
  TornadoChart chart;
  chart.quantity = {"time", "s"};
  chart.base = 5;
  chart.swings = {{"small", 4, 6, "", ""}, {"large", 9, 1, "", ""}};
  const DataTable table = chart.Data();
  CHECK(table.rows[0][0] == "large");
  CHECK(table.rows[1][0] == "small");
}

TEST_CASE("a roofline says how near a point is to its roof") {
  RooflineChart chart;
  chart.x = {"intensity", "FLOP/B", true};
  chart.y = {"rate", "FLOP/s", true};
  chart.roofs = {{"roof", 1000, 10}};
  chart.points = {{"slope", 10, 50, 0, ""}, {"ceiling", 500, 900, 0, ""}};
  const DataTable table = chart.Data();
  CHECK(table.rows[0][4] == "50 %");
  CHECK(table.rows[1][4] == "90 %");
}

}  // namespace
}  // namespace triptych::report
