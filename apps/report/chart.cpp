// Line charts; bars and heat maps are in chart_bars.cpp and chart_heat.cpp, what they share in chart_sheet.cpp.
#include "norma/apps/report/chart.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "norma/apps/report/chart_sheet.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 220, kNames = 132;       // of the plot; of the names right of it, at most
constexpr std::size_t kPoints = 400, kHovers = 60;  // of a line, about
constexpr std::size_t kDotted = 12;                 // a line of so few points shows them

using Range = std::pair<std::size_t, std::size_t>;  // from the first index to before the second

/// The part of `most` points per line that a run of it has, at least `least`.
std::size_t share_of(const Range& run, std::size_t size, std::size_t most, std::size_t least) {
  return std::max(least, most * (run.second - run.first) / size);
}

/// A line as wide as a window has no more than kPoints points to show: of every few points that stand together the
/// lowest and the highest, and those at both ends of the run.
std::set<std::size_t> decimated(const std::vector<double>& y, const Range& run) {
  const std::size_t size = run.second - run.first, most = share_of(run, y.size(), kPoints, 2);
  const std::size_t buckets = size <= most ? size : most / 2;
  std::set<std::size_t> kept{run.first, run.second - 1};
  for (std::size_t b = 0; b < buckets; ++b) {
    const auto at = [&](std::size_t k) {
      return y.begin() + static_cast<std::ptrdiff_t>(run.first + k * size / buckets);
    };
    for (const auto extreme : {std::min_element(at(b), at(b + 1)), std::max_element(at(b), at(b + 1))})
      kept.insert(static_cast<std::size_t>(extreme - y.begin()));
  }
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

std::string in_step(const LineChart& chart) {
  const std::string about = join("LineChart \"", chart.title, "\"");
  for (const Series& s : chart.series) {
    const std::string whose = join(about, ": series \"", s.name, "\"");
    check(s.x.size() == s.y.size(), whose, " has ", s.x.size(), " x, but ", s.y.size(), " y");
    check_interval(whose, s.low, s.high, s.y.size(), "y");
  }
  return about;
}

/// A series' name right of the plot: in lines, or in one of `whole`; where the series ends, and the top of the name.
struct Name {
  std::vector<std::string> lines;
  std::string whole, colour;
  double end, top = 0;
  double height() const { return kLine * static_cast<double>(lines.size()); }
};

class Lines {
 public:
  explicit Lines(const LineChart& chart)
      : chart_(chart),
        about_(in_step(chart)),
        sheet_(chart.title),
        x_(about_, chart.x, all_of(chart.series, {&Series::x})),
        y_(about_, chart.y, all_of(chart.series, {&Series::y, &Series::low, &Series::high})) {}

  std::string svg() {
    const auto empty = [&](const Series& s) { return shown(s).empty(); };
    if (std::all_of(chart_.series.begin(), chart_.series.end(), empty)) return sheet_.no_data();
    std::vector<LegendEntry> entries;
    for (const Series& s : chart_.series)
      if (!s.name.empty()) entries.push_back({s.name, colour(s), s.stroke});
    sheet_.legend(entries);
    sheet_.note(chart_.y.label);
    sheet_.skip(12);
    plot_ = sheet_.plot(y_, kHeight);
    plot_.right = kWidth - 20;
    const std::vector<Name> names = laid_out_names();
    for (const Name& n : names)
      for (const std::string& line : n.lines)
        plot_.right = std::min(plot_.right, kWidth - kMargin - 14 - width_of(line));
    sheet_.y_axis(plot_, y_);
    // An svg of its own cuts off what is outside the limits.
    sheet_.add(fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">",
                           coordinate(plot_.left), coordinate(plot_.top - 1), coordinate(plot_.width()),
                           coordinate(kHeight + 2)));
    for (const Series& s : chart_.series) band(s);
    for (const Series& s : chart_.series) line(s);
    sheet_.add("</svg>");
    for (const Series& s : chart_.series) points(s);
    for (const Name& n : names) name(n);
    sheet_.x_axis(plot_, x_);
    return sheet_.svg();
  }

 private:
  std::string colour(const Series& s) const {
    return colour_class(s.colour, static_cast<std::size_t>(&s - chart_.series.data()));
  }

  std::vector<Range> shown(const Series& s) const {
    return runs(s.x.size(), [&](std::size_t i) { return x_.shows(s.x[i]) && y_.shows(s.y[i]); });
  }

  std::string at(double x, double y) const {
    return coordinate(plot_.x(x_.share(x))) + " " + coordinate(plot_.y(y_.share(y)));
  }

  /// The names, wrapped and pushed apart: each at its line's end, or as near as those above and below leave it. Names
  /// that are too many for the height are left to the legend.
  std::vector<Name> laid_out_names() const {
    std::vector<Name> names;
    double height = 0;
    for (const Series& s : chart_.series) {
      if (s.name.empty() || shown(s).empty()) continue;
      const double end = plot_.y(std::clamp(y_.share(s.y[shown(s).back().second - 1]), 0.0, 1.0));
      names.push_back({wrapped(s.name, kNames), s.name, colour(s), end});
      height += names.back().height();
    }
    if (kLine * static_cast<double>(names.size()) > kHeight) return {};
    if (height > kHeight)
      for (Name& n : names) n.lines = {shortened(n.whole, kNames)};
    std::stable_sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.end < b.end; });
    double above = plot_.top - kLine / 2, below = plot_.bottom + kLine / 2;
    for (Name& n : names) {
      n.top = std::max(above, n.end - n.height() / 2);
      above = n.top + n.height();
    }
    for (auto n = names.rbegin(); n != names.rend(); ++n) below = n->top = std::min(n->top, below - n->height());
    return names;
  }

  /// A band that reaches 0 reaches the bottom of a logarithmic axis.
  void band(const Series& s) {
    const auto all_shown = [&](std::size_t i) {
      return x_.shows(s.x[i]) && std::isfinite(s.low[i]) && y_.shows(s.high[i]);
    };
    for (const Range& run : runs(s.low.size(), all_shown)) {
      std::string along, back;
      for (const std::size_t i : decimated(s.high, run)) along += at(s.x[i], s.high[i]) + " ";
      for (const std::size_t i : decimated(s.low, run)) back = " " + at(s.x[i], s.low[i]) + back;
      sheet_.add(fmt::format("<polygon class=\"band{}\" points=\"{}{}\"/>", colour(s), along, back.substr(1)));
    }
  }

  void line(const Series& s) {
    std::string d;
    for (const Range& run : shown(s)) {
      if (run.second - run.first < 2) continue;
      for (const std::size_t i : decimated(s.y, run)) d += (i == run.first ? "M" : "L") + at(s.x[i], s.y[i]);
    }
    if (d.empty() || s.stroke == Stroke::dots) return;
    sheet_.path("line" + colour(s) + (s.stroke == Stroke::dashed ? " dashed" : ""), d.c_str());
  }

  /// Circles that carry the hover titles. They are seen where they are few, alone or all there is; where they would
  /// crowd, only some points of a line have one.
  void points(const Series& s) {
    const bool dots = s.stroke == Stroke::dots;
    for (const Range& run : shown(s)) {
      const std::size_t size = run.second - run.first, most = dots ? kPoints : kHovers;
      const std::size_t count = std::min(size, share_of(run, s.x.size(), most, 1));
      const bool visible = dots || size == 1 || s.x.size() <= kDotted;
      for (std::size_t k = 0; k < count; ++k) {
        const std::size_t i = count == 1 ? run.first : run.first + k * (size - 1) / (count - 1);
        if (!x_.holds(s.x[i]) || !y_.holds(s.y[i])) continue;
        sheet_.circle((visible ? "dot" : "point") + colour(s), plot_.x(x_.share(s.x[i])), plot_.y(y_.share(s.y[i])),
                      visible ? 2.5 : 4,
                      join(s.name, "\n", chart_.x.label, ": ", number_text(s.x[i]), "\n", chart_.y.label, ": ",
                           number_text(s.y[i]), interval_text(s.low, s.high, i)));
      }
    }
  }

  void name(const Name& n) {
    const double middle = n.top + n.height() / 2;
    if (std::abs(middle - n.end) > 3)
      sheet_.path("leader", "M{} {}L{} {}", plot_.right + 2, n.end, plot_.right + 11, middle);
    double y = n.top + 12.5;
    for (const std::string& line : n.lines) {
      sheet_.text(plot_.right + 14, y, line, "name" + n.colour);
      y += kLine;
    }
  }

  const LineChart& chart_;
  std::string about_;
  Sheet sheet_;
  Scale x_, y_;
  Plot plot_{};
};

}  // namespace
}  // namespace chart

std::string svg(const LineChart& chart) { return chart::Lines(chart).svg(); }

}  // namespace norma
