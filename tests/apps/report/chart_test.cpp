// Charts as text: ticks, gaps, bands, names, hover titles, and what they refuse.
#include "norma/apps/report/chart.h"

#include "norma/tests/apps/report/svg_elements.h"

namespace norma::test {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// The texts of the ticks: of the y axis, which end at it, or of the x axis, which are centred.
std::vector<std::string> ticks(const std::string& svg, const std::string& label, const std::string& anchor) {
  std::vector<std::string> found;
  for (const Element& e : of_class(parsed(svg), "text", "muted"))
    if (e["text-anchor"] == anchor && e.text != label) found.push_back(e.text);
  return found;
}

std::vector<std::string> y_ticks(const Axis& y, const std::vector<double>& values) {
  std::vector<double> x(values.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  return ticks(svg(LineChart{"t", {"x"}, y, {{"s", x, values}}}), "", "end");
}

std::vector<std::string> hovers(const std::string& svg) { return texts(of_class(parsed(svg), "title", "")); }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing thrown";
}

using Words = std::vector<std::string>;

TEST(Chart, NumbersHaveThreeDigits) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{{0, "0"},
                                                                               {-0.0, "0"},
                                                                               {0.001, "0.001"},
                                                                               {12.5, "12.5"},
                                                                               {-0.123456, "-0.123"},
                                                                               {99.96, "100"},
                                                                               {50000, "50000"},
                                                                               {999999, "999999"},
                                                                               {1e6, "1e6"},
                                                                               {4.2e6, "4.2e6"},
                                                                               {1e-12, "1e-12"},
                                                                               {0.0001, "0.0001"},
                                                                               {2.5e-5, "2.5e-5"},
                                                                               {1.23456e30, "1.23e30"},
                                                                               {1234.5678, "1235"},
                                                                               {kMissing, "NaN"},
                                                                               {HUGE_VAL, "infinity"},
                                                                               {-HUGE_VAL, "-infinity"}})
    EXPECT_EQ(number_text(value), text);
}

TEST(Chart, TicksAreRound) {
  EXPECT_EQ(y_ticks({"y"}, {0, 1}), (Words{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(y_ticks({"y"}, {0.31, 0.64}), (Words{"0.3", "0.4", "0.5", "0.6", "0.7"}));
  EXPECT_EQ(y_ticks({"y"}, {0.1, 2.302}), (Words{"0", "0.5", "1.0", "1.5", "2.0", "2.5"}));
  EXPECT_EQ(y_ticks({"y"}, {-3e-12, 2e-12}), (Words{"-3e-12", "-2e-12", "-1e-12", "0", "1e-12", "2e-12"}));
  EXPECT_EQ(y_ticks({"y"}, {0, 9e30}), (Words{"0", "2e30", "4e30", "6e30", "8e30", "1e31"}));
  EXPECT_EQ(y_ticks({"y"}, {100.01, 100.05}), (Words{"100.01", "100.02", "100.03", "100.04", "100.05"}));
  EXPECT_EQ(y_ticks({"y", false, 0, 30}, {7, 8}), (Words{"0", "10", "20", "30"}));
  EXPECT_EQ(y_ticks({"y"}, {5, 5}), (Words{"4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"}));
  EXPECT_EQ(y_ticks({"y"}, {0, 0}), (Words{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
}

TEST(Chart, LogarithmicTicksArePowersOfTen) {
  EXPECT_EQ(y_ticks({"y", true}, {0.02, 0.5}), (Words{"0.02", "0.05", "0.1", "0.2", "0.5"}));
  EXPECT_EQ(y_ticks({"y", true}, {1e-4, 1e3}), (Words{"0.0001", "0.001", "0.01", "0.1", "1", "10", "100", "1000"}));
  EXPECT_EQ(y_ticks({"y", true}, {1e-12, 1e30}),
            (Words{"1e-10", "1e-5", "1", "100000", "1e10", "1e15", "1e20", "1e25", "1e30"}));
  EXPECT_EQ(y_ticks({"y", true}, {0, -1, 0.032, 0.041}), (Words{"0.030", "0.035", "0.040", "0.045", "0.050"}));
}

TEST(Chart, TicksThatWouldOverlapAreDropped) {
  const auto chart =
      svg(LineChart{"t", {"x", false, 0, 700000}, {"y"}, {{"a name that takes room", {0, 700000}, {0, 1}}}});
  EXPECT_EQ(ticks(chart, "x", "middle"), (Words{"0", "200000", "400000", "600000"}));
}

TEST(Chart, LinesHaveGapsWhereThereIsNoNumber) {
  const Series s{"s", {0, 1, 2, 3, 4, 5, 6}, {1, 2, kMissing, 3, HUGE_VAL, 4, 5}};
  const auto all = parsed(svg(LineChart{"t", {"x"}, {"y"}, {s}}));
  const auto paths = of_class(all, "path", "line");
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_EQ(count(paths[0]["d"], "M"), 2u);  // 0-1 and 5-6; 3 stands alone
  EXPECT_EQ(count(paths[0]["d"], "L"), 2u);
  EXPECT_EQ(of_class(all, "circle", "dot").size(), 5u);
}

TEST(Chart, ALogarithmicAxisLeavesOutZerosAndLess) {
  const Series s{"s", {1, 2, 3, 4, 5}, {1, 0, 10, -1, 100}};
  const auto all = parsed(svg(LineChart{"t", {"x"}, {"y", true}, {s}}));
  EXPECT_TRUE(of_class(all, "path", "line").empty());
  EXPECT_EQ(of_class(all, "circle", "dot").size(), 3u);
}

TEST(Chart, OnePointIsADot) {
  const auto all = parsed(svg(LineChart{"t", {"x"}, {"y"}, {{"s", {3}, {4}}}}));
  EXPECT_EQ(of_class(all, "circle", "dot").size(), 1u);
  EXPECT_EQ(of_class(all, "text", "name").size(), 1u);
}

TEST(Chart, WithoutNumbersThereIsNoData) {
  for (const auto& chart :
       {svg(LineChart{"t", {"x"}, {"y"}, {}}), svg(LineChart{"t", {"x"}, {"y"}, {{"s", {}, {}}}}),
        svg(LineChart{"t", {"x"}, {"y"}, {{"s", {1, 2}, {kMissing, kMissing}}}}),
        svg(LineChart{"t", {"x"}, {"y", true}, {{"s", {1, 2}, {0, -1}}}}),
        svg(BarChart{"t", {"a"}, {"y"}, {{"s", {kMissing}}}}), svg(BarChart{"t", {}, {"y"}, {}}),
        svg(HeatMap{"t", "x", "y", "u", {}, {}, {{kMissing}}}), svg(HeatMap{"t", "x", "y", "u", {}, {}, {}})}) {
    EXPECT_EQ(texts(of_class(parsed(chart), "text", "")), (Words{"t", "no data"}));
  }
}

TEST(Chart, ABandGoesAlongHighAndBackAlongLow) {
  const LineChart chart{"t",
                        {"x", false, 0, 4},
                        {"y", false, 0, 10},
                        {{"s", {0, 1, 2, 3, 4}, {5, 5, 5, 5, 5}, {4, 3, kMissing, 2, 1}, {6, 7, 8, 9, 10}}}};
  const auto bands = of_class(parsed(svg(chart)), "polygon", "band");
  ASSERT_EQ(bands.size(), 2u);
  std::vector<double> y;
  std::istringstream in(bands[1]["points"]);
  for (double px = 0, py = 0; in >> px >> py;) y.push_back(py);
  ASSERT_EQ(y.size(), 4u);  // 9 and 10 to the right, 1 and 2 back; one unit of y is 22 units of the chart
  EXPECT_NEAR(y[0] - y[1], 22, 0.02);
  EXPECT_NEAR(y[2] - y[1], 9 * 22, 0.02);
  EXPECT_NEAR(y[3] - y[0], 7 * 22, 0.02);
}

TEST(Chart, NamesArePushedApart) {
  for (const double end : {0.0, 0.5, 1.0}) {
    LineChart chart{"t", {"x"}, {"y", false, 0, 1}, {}};
    for (int i = 0; i < 11; ++i) chart.series.push_back({join("s", i), {0, 1}, {0, end - 1e-6 * i}});
    const auto all = parsed(svg(chart));
    const auto names = of_class(all, "text", "name"), muted = of_class(all, "text", "muted");
    ASSERT_EQ(names.size(), 11u);
    for (std::size_t i = 1; i < names.size(); ++i) {
      EXPECT_EQ(names[i].text, join("s", i));  // from the top down, as the lines end
      EXPECT_GE(names[i].number("y") - names[i - 1].number("y"), 16 - 0.01);
    }
    for (const Element& tick : muted) {  // none is above 1 or below 0
      if (tick["text-anchor"] != "end") continue;
      if (tick.text == "1.0") {
        EXPECT_GE(names.front().number("y"), tick.number("y") - 1);
      }
      if (tick.text == "0") {
        EXPECT_LE(names.back().number("y"), tick.number("y") + 1);
      }
    }
  }
}

TEST(Chart, NamesThatAreTooManyAreLeftToTheLegend) {
  LineChart chart{"t", {"x"}, {"y"}, {}};
  for (int i = 0; i < 30; ++i) chart.series.push_back({join("series ", i), {0, 1}, {0, 1}});
  const auto all = parsed(svg(chart));
  EXPECT_TRUE(of_class(all, "text", "name").empty());
  const Words words = texts(of_class(all, "text", ""));
  EXPECT_EQ(std::count(words.begin(), words.end(), "series 29"), 1);
}

TEST(Chart, ALegendNamesTwoOrMore) {
  const Series a{"first", {0, 1}, {0, 1}}, b{"second", {0, 1}, {1, 0}};
  EXPECT_EQ(count(svg(LineChart{"t", {"x"}, {"y"}, {a}}), ">first</text>"), 1u);  // beside its line
  EXPECT_EQ(count(svg(LineChart{"t", {"x"}, {"y"}, {a, b}}), ">first</text>"), 2u);
}

TEST(Chart, ColoursFollowThePlaceOrTheNumberGiven) {
  Series a{"a", {0, 1}, {0, 1}}, b = a, c = a;
  c.colour = 0, c.stroke = Stroke::dashed;
  const auto lines = of_class(parsed(svg(LineChart{"t", {"x"}, {"y"}, {a, b, c}})), "path", "line");
  ASSERT_EQ(lines.size(), 6u);  // three in the legend
  EXPECT_TRUE(lines[3].is("c0") && lines[4].is("c1") && lines[5].is("c0"));
  EXPECT_TRUE(lines[5].is("dashed") && !lines[4].is("dashed"));
}

TEST(Chart, HoverTitlesGiveTheNumbers) {
  EXPECT_EQ(hovers(svg(LineChart{"t", {"step"}, {"loss"}, {{"s", {10, 20}, {0.5, 0.25}, {0.4, 0.2}, {0.6, 0.3}}}})),
            (Words{"s\nstep: 10\nloss: 0.5 (0.4 to 0.6)", "s\nstep: 20\nloss: 0.25 (0.2 to 0.3)"}));
  EXPECT_EQ(hovers(svg(BarChart{"t", {"a", "b"}, {"y"}, {{"s", {1, 2}, {}, {}}, {"z", {3, kMissing}}}})),
            (Words{"a, s: 1", "a, z: 3", "b, s: 2"}));
  EXPECT_EQ(hovers(svg(HeatMap{"t", "x", "y", "images", {"a", "b"}, {"c"}, {{1, kMissing}}})),
            (Words{"x: a\ny: c\n1 images"}));
}

TEST(Chart, LongLinesAreDecimatedAndKeepTheirEndsAndPeaks) {
  std::vector<double> x, y;
  for (int i = 0; i < 20001; ++i) {
    x.push_back(i);
    y.push_back(i == 7777 ? 9 : i == 0 || i == 20000 ? 3.0005 : 3 + 1e-3 * (i % 2));  // ends that are no extremes
  }
  const auto all = parsed(svg(LineChart{"t", {"x", false, 0, 20000}, {"y", false, 0, 10}, {{"s", x, y}}}));
  const std::string d = of_class(all, "path", "line").at(0)["d"];
  EXPECT_GT(count(d, "L"), 300u);
  EXPECT_LE(count(d, "L"), 402u);
  const auto points = of_class(all, "circle", "point");
  ASSERT_EQ(points.size(), 60u);
  const auto at = [](const Element& e) { return e["cx"] + " " + e["cy"]; };
  EXPECT_EQ(d.substr(0, d.find('L')), join("M", at(points.front())));
  EXPECT_EQ(d.substr(d.rfind('L')), join("L", at(points.back())));
  std::string numbers = d;
  std::replace_if(
      numbers.begin(), numbers.end(), [](char c) { return c == 'M' || c == 'L'; }, ' ');
  std::istringstream in(numbers);
  double top = HUGE_VAL;
  for (double px = 0, py = 0; in >> px >> py;) top = std::min(top, py);
  EXPECT_NEAR(top, points.front().number("cy") - 6 * 22, 0.05);  // the 9; one unit of y is 22 units of the chart
}

TEST(Chart, BarsStandOnZeroAndHaveWhiskers) {
  const auto all = parsed(svg(
      BarChart{"t", {"a", "b", "c"}, {"y", false, -10, 10}, {{"s", {5, -5, 0}, {4, -6, kMissing}, {6, kMissing, 1}}}}));
  const auto bars = of_class(all, "rect", "bar");
  ASSERT_EQ(bars.size(), 3u);
  EXPECT_NEAR(bars[0].number("height"), 50, 0.01);  // a plot is 200 units high
  EXPECT_NEAR(bars[0].number("y") + 50, bars[1].number("y"), 0.02);
  EXPECT_EQ(of_class(all, "path", "whisker").size(), 1u);
  EXPECT_EQ(texts(of_class(all, "text", "value")), (Words{"5", "-5", "0"}));
  EXPECT_EQ(ticks(svg(BarChart{"t", {"a", "b"}, {"y"}, {{"s", {5, 6}}}}), "", "end"), (Words{"0", "2", "4", "6"}));
}

TEST(Chart, CellsAreAsOpaqueAsTheyAreLarge) {
  const auto rects = of_class(parsed(svg(HeatMap{"t", "x", "y", "", {}, {}, {{4, 1}, {-1, kMissing}}})), "rect", "");
  ASSERT_GT(rects.size(), 3u);
  EXPECT_EQ(rects[0]["fill-opacity"], "1");
  EXPECT_EQ(rects[1]["fill-opacity"], "0.25");
  EXPECT_EQ(rects[2]["fill-opacity"], "0");
}

TEST(Chart, NamesAreEscaped) {
  const std::string nasty = "<&\">";
  for (const auto& chart : {svg(LineChart{nasty, {nasty}, {nasty}, {{nasty, {0, 1}, {0, 1}}, {nasty, {0, 1}, {0, 1}}}}),
                            svg(BarChart{nasty, {nasty}, {nasty}, {{nasty, {1}}, {nasty, {1}}}}),
                            svg(HeatMap{nasty, nasty, nasty, nasty, {nasty}, {nasty}, {{1}}})}) {
    EXPECT_GE(count(chart, "&lt;&amp;&quot;&gt;"), 6u);
    parsed(chart);
  }
  EXPECT_EQ(escaped("a\n\tb\x01\x7f\xff\xc3(\xe2\x82\xac\xc0\xaf"), "a\n\tb\uFFFD\uFFFD\uFFFD\uFFFD(€\uFFFD");
  EXPECT_EQ(escaped("\xf0\x9f\x99\x82 \xed\xa0\x80 \xe2\x82"), "🙂 \uFFFD \uFFFD");
}

TEST(Chart, VectorsOutOfStepAreRefused) {
  const auto line = [](Series s) { return message_of([&] { svg(LineChart{"T", {"x"}, {"y"}, {s}}); }); };
  EXPECT_EQ(line({"S", {1, 2}, {1}}), "LineChart \"T\": series \"S\" has 2 x, but 1 y");
  EXPECT_EQ(line({"S", {1}, {1}, {1}, {1, 2}}), "LineChart \"T\": series \"S\" has 1 low, but 2 high");
  EXPECT_EQ(line({"S", {1}, {1}, {1, 2}, {1, 2}}), "LineChart \"T\": series \"S\" has 2 low and high, but 1 y");
  const auto bar = [](Bars b) { return message_of([&] { svg(BarChart{"T", {"a", "b"}, {"y"}, {b}}); }); };
  EXPECT_EQ(bar({"S", {1}}), "BarChart \"T\": set \"S\" has 1 values, but there are 2 groups");
  EXPECT_EQ(bar({"S", {1, 2}, {1}, {}}), "BarChart \"T\": set \"S\" has 1 low, but 0 high");
  EXPECT_EQ(bar({"S", {1, 2}, {1}, {1}}), "BarChart \"T\": set \"S\" has 1 low and high, but 2 values");
  const auto heat = [](Words x, Words y, std::vector<std::vector<double>> c) {
    return message_of([&] { svg(HeatMap{"T", "x", "y", "", x, y, c}); });
  };
  EXPECT_EQ(heat({}, {}, {{1, 2}, {3}}), "HeatMap \"T\": row 1 has 1 cells, but row 0 has 2");
  EXPECT_EQ(heat({"a"}, {}, {{1, 2}}), "HeatMap \"T\": 1 x_labels, but 2 columns");
  EXPECT_EQ(heat({}, {"a", "b"}, {{1, 2}}), "HeatMap \"T\": 2 y_labels, but 1 rows");
}

TEST(Chart, LimitsThatAreNoIntervalAreRefused) {
  const auto with = [](Axis y) { return message_of([&] { svg(LineChart{"T", {"x"}, y, {{"S", {1}, {1}}}}); }); };
  EXPECT_EQ(with({"loss", false, 3, 2}), "LineChart \"T\": axis \"loss\" from 3 to 2");
  EXPECT_EQ(with({"loss", false, kMissing, 2}), "LineChart \"T\": axis \"loss\" from nan to 2");
  EXPECT_EQ(with({"loss", true, 0, 2}), "LineChart \"T\": axis \"loss\" from 0 to 2, logarithmic");
}

TEST(Chart, AFileOfItsOwnHasItsStyle) {
  const std::string chart = svg(LineChart{"t", {"x"}, {"y"}, {{"s", {0, 1}, {0, 1}}}}), file = standalone(chart);
  EXPECT_NE(file.find("<style>\n" + chart_style() + "</style>"), std::string::npos);
  EXPECT_EQ(file.rfind("<svg xmlns=\"http://www.w3.org/2000/svg\"", 0), 0u);
  EXPECT_EQ(parsed(file).size(), parsed(chart).size() + 1);
}

}  // namespace
}  // namespace norma::test
