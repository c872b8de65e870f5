// Sheet: a chart being drawn, from the top down: its title, its legend, a plot with axes.
#pragma once

#include <string>
#include <vector>

#include "norma/apps/report/chart_axes.h"

namespace norma::chart {

inline constexpr double kWidth = 480, kMargin = 8;

/// The rectangle that the axes span.
struct Plot {
  double left, right, top, bottom;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
  double x(double share) const { return left + share * width(); }
  double y(double share) const { return bottom - share * height(); }
};

struct LegendEntry {
  std::string name;
  int colour;
  Stroke stroke;
  bool filled;  // a square instead of a line
};

/// The class that gives an element the colour of a series: `colour`, or if that is negative its place.
int colour_of(int colour, std::size_t place);

class Sheet {
 public:
  explicit Sheet(const std::string& title);

  void add(const std::string& element) { body_ += element + "\n"; }
  /// `attributes` begins with a space.
  void text(double x, double y, const std::string& words, const std::string& attributes = "");
  void legend(const std::vector<LegendEntry>& entries);
  /// Lines of small grey text at the left, for an axis' label above the plot.
  void note(const std::string& words);
  /// Leaves so much free.
  void skip(double height) { y_ += height; }
  double y() const { return y_; }
  /// Grid, ticks and their texts of the y axis of a plot, left of it.
  void y_axis(const Plot& plot, const Scale& scale);
  /// The width of what y_axis() writes left of the plot.
  static double y_axis_width(const Scale& scale, double height);
  /// Ticks and label below the plot; the sheet goes on below.
  void x_axis(const Plot& plot, const Scale& scale);
  void x_label(const Plot& plot, const std::string& words);

  /// The chart as SVG, as high as what was drawn.
  std::string svg() const;
  /// The chart without what cannot be drawn.
  std::string no_data();

 private:
  std::string title_, body_;
  double y_ = kMargin;
};

/// An element <title>, which browsers show when the mouse rests on its parent.
std::string hover(const std::string& words);

}  // namespace norma::chart
