// Heat maps: rectangles of one hue, the more of it the larger their number.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/report/chart_sheet.h"
#include "norma/apps/report/chart_text.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 260, kTallest = 26, kNames = 110;  // of the cells; of one; width of the rows' names, at most

std::size_t checked_columns(const HeatMap& chart) {
  const std::string about = join("HeatMap \"", chart.title, "\"");
  const std::size_t columns = chart.cells.empty() ? 0 : chart.cells[0].size();
  for (std::size_t r = 0; r < chart.cells.size(); ++r)
    check(chart.cells[r].size() == columns, about, ": row ", r, " has ", chart.cells[r].size(),
          " cells, but row 0 has ", columns);
  check(chart.x_labels.empty() || chart.x_labels.size() == columns, about, ": ", chart.x_labels.size(),
        " x_labels, but ", columns, " columns");
  check(chart.y_labels.empty() || chart.y_labels.size() == chart.cells.size(), about, ": ", chart.y_labels.size(),
        " y_labels, but ", chart.cells.size(), " rows");
  return columns;
}

/// Every how manyth label is written so that each has the room it needs.
std::size_t stride(double needed, double cell) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(needed / cell)));
}

class Cells {
 public:
  explicit Cells(const HeatMap& chart) : chart_(chart), columns_(checked_columns(chart)), sheet_(chart.title) {
    for (const auto& row : chart.cells)
      for (const double v : row)
        if (std::isfinite(v)) largest_ = any_ ? std::max(largest_, v) : v, any_ = true;
  }
  std::string svg();

 private:
  void cells();
  void row_names();
  void column_names();
  void scale_bar();

  const HeatMap& chart_;
  std::size_t columns_;
  Sheet sheet_;
  Plot plot_{};
  bool any_ = false;
  double largest_ = 0, wide_ = 0, tall_ = 0;  // the largest number; a cell
};

std::string Cells::svg() {
  if (!any_) return sheet_.no_data();
  sheet_.note(chart_.y_label);
  sheet_.skip(4);
  double names = 0;
  for (const std::string& name : chart_.y_labels) names = std::max(names, std::min(kNames, width_of(name)));
  tall_ = std::min(kTallest, kHeight / static_cast<double>(chart_.cells.size()));
  plot_ = {.left = kMargin + (names > 0 ? names + 8 : 0),
           .right = kWidth - kMargin,
           .top = sheet_.y(),
           .bottom = sheet_.y() + tall_ * static_cast<double>(chart_.cells.size())};
  wide_ = plot_.width() / static_cast<double>(columns_);
  cells();
  row_names();
  sheet_.skip(plot_.height() + 4);
  column_names();
  sheet_.x_label(plot_, chart_.x_label);
  scale_bar();
  return sheet_.svg();
}

void Cells::cells() {
  const auto named = [](const std::string& axis, const std::vector<std::string>& labels, std::size_t i) {
    return fmt::format("{}{}{}", axis, axis.empty() ? "" : ": ", labels.empty() ? std::to_string(i) : labels[i]);
  };
  sheet_.add("<g class=\"cells c0\">");
  for (std::size_t r = 0; r < chart_.cells.size(); ++r) {
    for (std::size_t c = 0; c < columns_; ++c) {
      const double v = chart_.cells[r][c];
      if (!std::isfinite(v)) continue;
      const double share = largest_ > 0 ? std::clamp(v / largest_, 0.0, 1.0) : 0;
      sheet_.add(
          fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{}\">{}</rect>",
                      coordinate(plot_.left + wide_ * static_cast<double>(c)),
                      coordinate(plot_.top + tall_ * static_cast<double>(r)), coordinate(wide_), coordinate(tall_),
                      coordinate(share),
                      hover(named(chart_.x_label, chart_.x_labels, c) + "\n" +
                            named(chart_.y_label, chart_.y_labels, r) + "\n" + number_text(v) + " " + chart_.unit)));
    }
  }
  sheet_.add("</g>");
  sheet_.add(fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", coordinate(plot_.left),
                         coordinate(plot_.top), coordinate(plot_.width()), coordinate(plot_.height())));
}

void Cells::row_names() {
  for (std::size_t r = 0; r < chart_.y_labels.size(); r += stride(kLine, tall_))
    sheet_.text(plot_.left - 6, plot_.top + (static_cast<double>(r) + 0.5) * tall_ + 4.5,
                shortened(chart_.y_labels[r], kNames), " class=\"muted\" text-anchor=\"end\"");
}

/// Side by side where that leaves more than a few, upright elsewhere.
void Cells::column_names() {
  double widest = 0;
  for (const std::string& name : chart_.x_labels) widest = std::max(widest, width_of(name));
  if (widest == 0) return;
  const bool upright = widest + 8 > wide_ && stride(widest + 8, wide_) > 1 + columns_ / 6;
  const std::size_t every = stride(upright ? kLine + 1 : widest + 8, wide_);
  double tallest = kLine;
  for (std::size_t c = 0; c < columns_; c += every) {
    const double middle = plot_.left + (static_cast<double>(c) + 0.5) * wide_;
    if (upright) {
      const std::string name = shortened(chart_.x_labels[c], kNames);
      sheet_.add(
          fmt::format("<text class=\"muted\" transform=\"translate({} {})rotate(-90)\" text-anchor=\"end\">{}</text>",
                      coordinate(middle + 4.5), coordinate(sheet_.y() + 2), escaped(name)));
      tallest = std::max(tallest, width_of(name) + 4);
    } else if (middle + width_of(chart_.x_labels[c]) / 2 <= kWidth) {
      sheet_.text(middle, sheet_.y() + kLetter, chart_.x_labels[c], " class=\"muted\" text-anchor=\"middle\"");
    }
  }
  sheet_.skip(tallest + 2);
}

void Cells::scale_bar() {
  constexpr int steps = 10;
  constexpr double wide = 12, tall = 10;
  sheet_.skip(6);
  if (!(largest_ > 0)) return sheet_.note("nothing above 0");
  double x = plot_.left + width_of("0") + 6;
  sheet_.text(plot_.left, sheet_.y() + 11, "0", " class=\"muted\"");
  for (int i = 1; i <= steps; ++i, x += wide)
    sheet_.add(
        fmt::format("<rect class=\"cells c0\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{}\"/>",
                    coordinate(x), coordinate(sheet_.y() + 1), coordinate(wide), coordinate(tall),
                    coordinate(i / static_cast<double>(steps))));
  sheet_.text(x + 6, sheet_.y() + 11, shortened(number_text(largest_) + " " + chart_.unit, kWidth - kMargin - x - 6),
              " class=\"muted\"");
  sheet_.skip(kLine);
}

}  // namespace
}  // namespace chart

std::string svg(const HeatMap& chart) { return chart::Cells(chart).svg(); }

}  // namespace norma
