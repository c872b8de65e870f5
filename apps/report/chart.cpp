// Line charts; bars and heat maps are in chart_bars.cpp and chart_heat.cpp.
#include "norma/apps/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "norma/apps/report/chart_sheet.h"
#include "norma/apps/report/chart_text.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 220, kNames = 132;       // of the plot; of the names right of it, at most
constexpr std::size_t kPoints = 400, kHovers = 60;  // of a line, about
constexpr std::size_t kDotted = 12;                 // a line of so few points shows them

using Range = std::pair<std::size_t, std::size_t>;  // from the first index to before the second

/// A line as wide as a window has no more than so many points to show: of every few points that stand together, in
/// the order of their indices, the lowest and the highest, and those at both ends.
std::vector<std::size_t> decimated(const std::vector<double>& y, Range run, std::size_t most) {
  const auto [begin, end] = run;
  const std::size_t size = end - begin, buckets = std::max<std::size_t>(1, most / 2);
  std::vector<std::size_t> kept;
  if (size <= std::max<std::size_t>(most, 2)) {
    kept.resize(size);
    std::iota(kept.begin(), kept.end(), begin);
    return kept;
  }
  kept.push_back(begin);
  for (std::size_t b = 0; b < buckets; ++b) {
    const auto first = y.begin() + static_cast<std::ptrdiff_t>(begin + b * size / buckets);
    const auto last = y.begin() + static_cast<std::ptrdiff_t>(begin + (b + 1) * size / buckets);
    const auto [low, high] = std::minmax_element(first, last);
    for (const auto at : {std::min(low, high), std::max(low, high)}) {
      const auto i = static_cast<std::size_t>(at - y.begin());
      if (i != kept.back()) kept.push_back(i);
    }
  }
  if (kept.back() != end - 1) kept.push_back(end - 1);
  return kept;
}

/// The longest runs of indices for which all is shown.
template <class Shown>
std::vector<Range> runs(std::size_t size, const Shown& shown) {
  std::vector<Range> found;
  for (std::size_t i = 0; i < size; ++i) {
    if (!shown(i)) continue;
    if (found.empty() || found.back().second != i) found.push_back({i, i});
    found.back().second = i + 1;
  }
  return found;
}

class Lines {
 public:
  explicit Lines(const LineChart& chart);
  std::string svg();

 private:
  bool shows(const Series& s, std::size_t i) const { return x_.shows(s.x[i]) && y_.shows(s.y[i]); }
  std::string at(double x, double y) const {
    return coordinate(plot_.x(x_.share(x))) + " " + coordinate(plot_.y(y_.share(y)));
  }
  void legend();
  void lay_out_names();
  void band(const Series& s, int colour);
  void line(const Series& s, int colour);
  void points(const Series& s, int colour);
  void circle(const Series& s, std::size_t i, int colour, bool visible);
  void names();

  /// A series' name right of the plot: where the line ends, and where its first line is written.
  struct Name {
    std::vector<std::string> lines;
    std::string whole;
    int colour;
    double end, y;
    double height() const { return kLine * static_cast<double>(lines.size()); }
  };

  const LineChart& chart_;
  std::string about_;
  Sheet sheet_;
  Scale x_, y_;
  Plot plot_{};
  std::vector<Name> names_;
};

std::string in_step(const LineChart& chart) {
  const std::string about = join("LineChart \"", chart.title, "\"");
  for (const Series& s : chart.series) {
    check(s.x.size() == s.y.size(), about, ": series \"", s.name, "\" has ", s.x.size(), " x, but ", s.y.size(), " y");
    check(s.low.size() == s.high.size(), about, ": series \"", s.name, "\" has ", s.low.size(), " low, but ",
          s.high.size(), " high");
    check(s.low.empty() || s.low.size() == s.y.size(), about, ": series \"", s.name, "\" has ", s.low.size(),
          " low and high, but ", s.y.size(), " y");
  }
  return about;
}

std::vector<double> all_values(const LineChart& chart, bool of_x) {
  std::vector<double> all;
  for (const Series& s : chart.series) {
    for (const auto* part : {of_x ? &s.x : &s.y, of_x ? &s.x : &s.low, of_x ? &s.x : &s.high})
      all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

Lines::Lines(const LineChart& chart)
    : chart_(chart),
      about_(in_step(chart)),
      sheet_(chart.title),
      x_(about_, chart.x, all_values(chart, true)),
      y_(about_, chart.y, all_values(chart, false)) {}

std::string Lines::svg() {
  const auto any = [&](const Series& s) {
    return !runs(s.x.size(), [&](std::size_t i) { return shows(s, i); }).empty();
  };
  if (std::none_of(chart_.series.begin(), chart_.series.end(), any)) return sheet_.no_data();
  legend();
  sheet_.note(chart_.y.label);
  sheet_.skip(12);
  plot_ = {.left = kMargin + Sheet::y_axis_width(y_, kHeight),
           .right = kWidth - 20,
           .top = sheet_.y(),
           .bottom = sheet_.y() + kHeight};
  lay_out_names();
  sheet_.y_axis(plot_, y_);
  // An svg of its own cuts off what is outside the limits.
  sheet_.add(fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">",
                         coordinate(plot_.left), coordinate(plot_.top - 1), coordinate(plot_.width()),
                         coordinate(kHeight + 2)));
  for (std::size_t i = 0; i < chart_.series.size(); ++i) band(chart_.series[i], colour_of(chart_.series[i].colour, i));
  for (std::size_t i = 0; i < chart_.series.size(); ++i) line(chart_.series[i], colour_of(chart_.series[i].colour, i));
  sheet_.add("</svg>");
  for (std::size_t i = 0; i < chart_.series.size(); ++i)
    points(chart_.series[i], colour_of(chart_.series[i].colour, i));
  names();
  sheet_.x_axis(plot_, x_);
  return sheet_.svg();
}

void Lines::legend() {
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < chart_.series.size(); ++i) {
    const Series& s = chart_.series[i];
    if (!s.name.empty()) entries.push_back({s.name, colour_of(s.colour, i), s.stroke, false});
  }
  if (entries.size() > 1) sheet_.legend(entries);
}

/// Wraps the names, makes room for them, and pushes them apart: each at its line's end, or as near as those above and
/// below leave it. Names that are too many for the height are left to the legend.
void Lines::lay_out_names() {
  for (std::size_t i = 0; i < chart_.series.size(); ++i) {
    const Series& s = chart_.series[i];
    const auto shown = runs(s.x.size(), [&](std::size_t k) { return shows(s, k); });
    if (s.name.empty() || shown.empty()) continue;
    const double end = std::clamp(plot_.y(y_.share(s.y[shown.back().second - 1])), plot_.top, plot_.bottom);
    names_.push_back({wrapped(s.name, kNames), s.name, colour_of(s.colour, i), end, 0});
  }
  double height = 0, width = 0;
  for (const Name& n : names_) height += n.height();
  if (height > kHeight) {
    for (Name& n : names_) n.lines = {shortened(n.whole, kNames)};
    if (kLine * static_cast<double>(names_.size()) > kHeight) names_.clear();
  }
  std::stable_sort(names_.begin(), names_.end(), [](const Name& a, const Name& b) { return a.end < b.end; });
  double bottom = plot_.top - kLine / 2;
  for (Name& n : names_) {
    for (const std::string& l : n.lines) width = std::max(width, width_of(l));
    n.y = std::max(bottom, n.end - n.height() / 2);
    bottom = n.y + n.height();
  }
  double top = plot_.bottom + kLine / 2;
  for (auto n = names_.rbegin(); n != names_.rend(); ++n) top = n->y = std::min(n->y, top - n->height());
  if (width > 0) plot_.right = kWidth - kMargin - 14 - width;
}

void Lines::band(const Series& s, int colour) {
  // A band that reaches 0 reaches the bottom of a logarithmic axis.
  std::vector<double> low = s.low;
  for (double& v : low)
    if (chart_.y.log && v <= 0 && std::isfinite(v)) v = y_.from();
  const auto shown = [&](std::size_t i) { return x_.shows(s.x[i]) && y_.shows(low[i]) && y_.shows(s.high[i]); };
  for (const Range& run : runs(low.size(), shown)) {
    const std::size_t most = std::max<std::size_t>(2, kPoints * (run.second - run.first) / s.x.size());
    std::string points;
    for (const std::size_t i : decimated(s.high, run, most)) points += at(s.x[i], s.high[i]) + " ";
    auto below = decimated(low, run, most);
    std::reverse(below.begin(), below.end());
    for (const std::size_t i : below) points += at(s.x[i], low[i]) + " ";
    points.pop_back();
    sheet_.add(fmt::format("<polygon class=\"band c{}\" points=\"{}\"/>", colour, points));
  }
}

void Lines::line(const Series& s, int colour) {
  if (s.stroke == Stroke::dots) return;
  std::string d;
  for (const Range& run : runs(s.x.size(), [&](std::size_t i) { return shows(s, i); })) {
    if (run.second - run.first < 2) continue;
    char command = 'M';
    for (const std::size_t i :
         decimated(s.y, run, std::max<std::size_t>(2, kPoints * (run.second - run.first) / s.x.size()))) {
      d += command + at(s.x[i], s.y[i]);
      command = 'L';
    }
  }
  if (d.empty()) return;
  sheet_.add(
      fmt::format("<path class=\"line c{}{}\" d=\"{}\"/>", colour, s.stroke == Stroke::dashed ? " dashed" : "", d));
}

void Lines::circle(const Series& s, std::size_t i, int colour, bool visible) {
  std::string words = fmt::format("{}\n{}: {}\n{}: {}", s.name, chart_.x.label, number_text(s.x[i]), chart_.y.label,
                                  number_text(s.y[i]));
  if (!s.low.empty()) words += fmt::format(" ({} to {})", number_text(s.low[i]), number_text(s.high[i]));
  sheet_.add(fmt::format("<circle class=\"{} c{}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>", visible ? "dot" : "point",
                         colour, coordinate(plot_.x(x_.share(s.x[i]))), coordinate(plot_.y(y_.share(s.y[i]))),
                         visible ? "2.5" : "4", hover(words)));
}

/// Circles that carry the hover titles. They are seen where they are few, alone or all there is; where they would
/// crowd, only some points of a line have one.
void Lines::points(const Series& s, int colour) {
  for (const Range& run : runs(s.x.size(), [&](std::size_t i) { return shows(s, i); })) {
    const std::size_t size = run.second - run.first,
                      share = (s.stroke == Stroke::dots ? kPoints : kHovers) * size / s.x.size();
    const std::size_t count = std::min(size, std::max<std::size_t>(1, share));
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t i = count == 1 ? run.first : run.first + k * (size - 1) / (count - 1);
      if (x_.holds(s.x[i]) && y_.holds(s.y[i]))
        circle(s, i, colour, size == 1 || s.x.size() <= kDotted || s.stroke == Stroke::dots);
    }
  }
}

void Lines::names() {
  for (const Name& n : names_) {
    const double middle = n.y + n.height() / 2;
    if (std::abs(middle - n.end) > 3)
      sheet_.add(fmt::format("<path class=\"leader\" d=\"M{} {}L{} {}\"/>", coordinate(plot_.right + 2),
                             coordinate(n.end), coordinate(plot_.right + 11), coordinate(middle)));
    double y = n.y + 12.5;
    for (const std::string& line : n.lines) {
      sheet_.text(plot_.right + 14, y, line, fmt::format(" class=\"name c{}\"", n.colour));
      y += kLine;
    }
  }
}

}  // namespace
}  // namespace chart

std::string svg(const LineChart& chart) { return chart::Lines(chart).svg(); }

}  // namespace norma
