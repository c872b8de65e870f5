// Heat maps: rectangles of one hue, the more of it the larger their number.
#include <algorithm>
#include <cmath>

#include "norma/apps/report/chart_sheet.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 260, kTallest = 26, kNames = 110;  // of the cells; of one; width of the rows' names, at most

std::size_t checked_columns(const HeatMap& chart) {
  const std::string about = join("HeatMap \"", chart.title, "\": ");
  const std::size_t rows = chart.cells.size(), columns = rows == 0 ? 0 : chart.cells[0].size();
  for (std::size_t r = 0; r < rows; ++r)
    check(chart.cells[r].size() == columns, about, "row ", r, " has ", chart.cells[r].size(), " cells, but row 0 has ",
          columns);
  const std::size_t x = chart.x_labels.size(), y = chart.y_labels.size();
  check(x == 0 || x == columns, about, x, " x_labels, but ", columns, " columns");
  check(y == 0 || y == rows, about, y, " y_labels, but ", rows, " rows");
  return columns;
}

/// "class: dog", the i-th row or column of an axis, for hover titles.
std::string named(const std::string& axis, const std::vector<std::string>& labels, std::size_t i) {
  return join(axis, axis.empty() ? "" : ": ", labels.empty() ? std::to_string(i) : labels[i], "\n");
}

void draw_cells(Sheet& sheet, const Plot& plot, const HeatMap& chart, std::size_t columns, double largest) {
  const double wide = plot.width() / static_cast<double>(columns);
  const double tall = plot.height() / static_cast<double>(chart.cells.size());
  sheet.add("<g class=\"cells c0\">");
  for (std::size_t r = 0; r < chart.cells.size(); ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const double v = chart.cells[r][c];
      if (!std::isfinite(v)) continue;
      sheet.rect("", plot.left + wide * static_cast<double>(c), plot.top + tall * static_cast<double>(r), wide, tall,
                 join(named(chart.x_label, chart.x_labels, c), named(chart.y_label, chart.y_labels, r), number_text(v),
                      " ", chart.unit),
                 largest > 0 ? std::clamp(v / largest, 0.0, 1.0) : 0);
    }
  sheet.add("</g>");
  sheet.rect("frame", plot.left, plot.top, plot.width(), plot.height());
  for (std::size_t r = 0; r < chart.y_labels.size(); r += stride(kLine, tall))
    sheet.text(plot.left - 6, plot.top + (static_cast<double>(r) + 0.5) * tall + 4.5,
               shortened(chart.y_labels[r], kNames), "muted", "end");
}

/// From 0 to the largest number.
void draw_scale(Sheet& sheet, double left, double largest, const std::string& unit) {
  constexpr int steps = 10;
  constexpr double wide = 12;
  sheet.skip(6);
  if (!(largest > 0)) return sheet.note("nothing above 0");
  double x = left + width_of("0") + 6;
  sheet.text(left, sheet.y() + 11, "0", "muted");
  for (int i = 1; i <= steps; ++i, x += wide)
    sheet.rect("cells c0", x, sheet.y() + 1, wide, 10, "", i / static_cast<double>(steps));
  sheet.text(x + 6, sheet.y() + 11, shortened(number_text(largest) + " " + unit, kWidth - kMargin - x - 6), "muted");
  sheet.skip(kLine);
}

std::string heat_map(const HeatMap& chart) {
  Sheet sheet(chart.title);
  const std::size_t columns = checked_columns(chart);
  double largest = -HUGE_VAL, names = 0;
  for (const auto& row : chart.cells)
    for (const double v : row)
      if (std::isfinite(v)) largest = std::max(largest, v);
  if (std::isinf(largest)) return sheet.no_data();
  sheet.note(chart.y_label);
  sheet.skip(4);
  for (const std::string& name : chart.y_labels) names = std::max(names, std::min(kNames, width_of(name)));
  const double rows = static_cast<double>(chart.cells.size()), height = rows * std::min(kTallest, kHeight / rows);
  const Plot plot{.left = kMargin + (names > 0 ? names + 8 : 0),
                  .right = kWidth - kMargin,
                  .top = sheet.y(),
                  .bottom = sheet.y() + height};
  draw_cells(sheet, plot, chart, columns, largest);
  sheet.skip(height + 4);
  sheet.x_names(plot, chart.x_labels);
  sheet.x_label(plot, chart.x_label);
  draw_scale(sheet, plot.left, largest, chart.unit);
  return sheet.svg();
}

}  // namespace
}  // namespace chart

std::string svg(const HeatMap& chart) { return chart::heat_map(chart); }

}  // namespace norma
