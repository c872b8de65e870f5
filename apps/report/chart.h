// Charts, as SVG text: lines, bars and heat maps. No scripts; the words and numbers in it are text that one can
// search and test.
//
// A chart is 480 units wide: half a desktop window, or a telephone, shows it at about one pixel a unit, letters of
// 13. Its colours are names (var(--c0) ...) that chart_style() defines for light and dark; those of the series are
// those of Okabe and Ito 2008, "Color universal design", which people tell apart whatever colours they see, mixed for
// contrast.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace norma {

/// A label says what is drawn and in which unit: "test accuracy, %". Limits that are not given follow from the data
/// and are round. Numbers that a logarithmic axis cannot show (<= 0), NaN and infinity leave a gap.
struct Axis {
  std::string label;
  bool log = false;
  std::optional<double> from = {}, to = {};
};

enum class Stroke { line, dashed, dots };

/// x and y in step. low and high, in step too or both empty, are drawn as a band around the line. With `colour` < 0
/// series are coloured by their place; equal colours belong together, as a measurement and its theory.
struct Series {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low = {}, high = {};
  int colour = -1;
  Stroke stroke = Stroke::line;
};

/// Lines, each with a hover title per point and, right of its end, its name; a legend above if there are two or more.
struct LineChart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
};

/// A bar for each group and set; values in step with groups. low and high are drawn as whiskers.
struct Bars {
  std::string name;
  std::vector<double> values;
  std::vector<double> low = {}, high = {};
  int colour = -1;
};

struct BarChart {
  std::string title = {};
  std::vector<std::string> groups = {};
  Axis y = {};
  std::vector<Bars> sets = {};
};

/// cells[row][column], row 0 at the top: the larger, the darker; hover titles give the number. NaN is left empty.
/// x_labels and y_labels name columns and rows; as many of them are written as fit.
struct HeatMap {
  std::string title = {};
  std::string x_label = {}, y_label = {}, unit = {};
  std::vector<std::string> x_labels = {}, y_labels = {};
  std::vector<std::vector<double>> cells = {};
};

/// Each throws Error where vectors that must be in step are not.
std::string svg(const LineChart& chart);
std::string svg(const BarChart& chart);
std::string svg(const HeatMap& chart);

/// The CSS of charts, for the page they stand in.
std::string chart_style();

/// The chart as a file of its own: with its style.
std::string standalone(const std::string& svg);

/// A number as hover titles give it: three significant digits without zeros at the end, but from 100 up to a million
/// all digits before the point and none after it: "0.001", "12.5", "50123", "4.2e6"; "NaN", "infinity".
std::string number_text(double value);

/// Text for XML and HTML: & < > " escaped; control characters but for new line and tab, and what is not UTF-8, become
/// U+FFFD.
std::string escaped(const std::string& text);

}  // namespace norma
