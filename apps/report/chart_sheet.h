// Sheet: a chart being drawn, from the top down: its title, its legend, a plot with axes. Lengths are in units (chart.h).
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "norma/apps/report/chart_axes.h"
#include "norma/apps/report/chart_text.h"

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

/// A series or a set of bars: its name, the class that gives its colour, and how it is drawn; without `stroke`, as bars.
struct LegendEntry {
  std::string name, colour;
  std::optional<Stroke> stroke;
};

/// The class that gives an element the colour of a series: " c3" for 3, or if that is negative, of its place.
std::string colour_class(int colour, std::size_t place);

/// " (0.4 to 0.6)", the i-th of low and high, for hover titles; "" where there are none.
std::string interval_text(const std::vector<double>& low, const std::vector<double>& high, std::size_t i);

/// Throws Error unless low and high, of the series or set that `whose` names, are both empty or in step with its values.
void check_interval(const std::string& whose, const std::vector<double>& low, const std::vector<double>& high,
                    std::size_t count, const char* values);

/// The numbers of several members of all sets, for the limits of an axis.
template <class Set>
std::vector<double> all_of(const std::vector<Set>& sets, std::initializer_list<std::vector<double> Set::*> members) {
  std::vector<double> all;
  for (const Set& set : sets)
    for (const auto member : members) all.insert(all.end(), (set.*member).begin(), (set.*member).end());
  return all;
}

class Sheet {
 public:
  explicit Sheet(const std::string& title);

  // Elements of SVG. `style` is the element's class, `words` its hover title; both may be empty.
  void add(const std::string& element) { body_ += element + "\n"; }
  void rect(const std::string& style, double x, double y, double width, double height, const std::string& words = "",
            std::optional<double> opacity = {});
  void circle(const std::string& style, double x, double y, double radius, const std::string& words = "");
  /// `form` is the path with {} for each number: "M{} {}h{}".
  template <class... Numbers>
  void path(const std::string& style, const char* form, Numbers... numbers) {
    const std::string d = fmt::format(fmt::runtime(form), coordinate(numbers)...);
    add(fmt::format("<path class=\"{}\" d=\"{}\"/>", style, d));
  }
  /// `anchor`, of the point in the text: "start", "middle" or "end".
  void text(double x, double y, const std::string& words, const std::string& style = "", const char* anchor = "");

  /// Draws nothing for less than two entries.
  void legend(const std::vector<LegendEntry>& entries);
  /// Lines of small grey text at the left, for an axis' label above the plot.
  void note(const std::string& words);
  /// Leaves so much free.
  void skip(double height) { y_ += height; }
  double y() const { return y_; }
  /// A plot of that height from here on, with room on its left for y_axis().
  Plot plot(const Scale& y_scale, double height) const;
  /// Grid, ticks and their texts of the y axis of a plot, left of it.
  void y_axis(const Plot& plot, const Scale& scale);
  /// Ticks and label below the plot; the sheet goes on below.
  void x_axis(const Plot& plot, const Scale& scale);
  /// Below a plot of equal parts, their names: in one line or several. Where that would break a word they stand upright if
  /// all of them find room, else some of them side by side, or upright where that would leave too few.
  void x_names(const Plot& plot, const std::vector<std::string>& names);
  void x_label(const Plot& plot, const std::string& words);

  /// The chart as SVG, as high as what was drawn.
  std::string svg() const;
  /// The chart without what cannot be drawn.
  std::string no_data();

 private:
  std::string title_, body_;
  double y_ = kMargin;
};

/// Every how manyth of texts that need so much room is written where they stand `distance` apart.
std::size_t stride(double needed, double distance);

}  // namespace norma::chart
