// Bar charts: a group of bars beside each other for each name on the x axis.
#include <algorithm>
#include <cmath>

#include "norma/apps/report/chart_sheet.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 200, kWidest = 44;  // of the plot; of a bar

std::string in_step(const BarChart& chart) {
  const std::string about = join("BarChart \"", chart.title, "\"");
  for (const Bars& set : chart.sets) {
    const std::string whose = join(about, ": set \"", set.name, "\"");
    check(set.values.size() == chart.groups.size(), whose, " has ", set.values.size(), " values, but there are ",
          chart.groups.size(), " groups");
    check_interval(whose, set.low, set.high, set.values.size(), "values");
  }
  return about;
}

/// What the y axis must hold: with the whiskers, and with 0 unless it is logarithmic.
std::vector<double> heights(const BarChart& chart) {
  std::vector<double> all = all_of(chart.sets, {&Bars::values, &Bars::low, &Bars::high});
  const bool finite = std::any_of(all.begin(), all.end(), [](double v) { return std::isfinite(v); });
  if (finite && !chart.y.log) all.push_back(0);
  return all;
}

class BarsDrawn {
 public:
  explicit BarsDrawn(const BarChart& chart)
      : chart_(chart), sheet_(chart.title), y_(in_step(chart), chart.y, heights(chart)) {}

  std::string svg() {
    const std::vector<double> values = all_of(chart_.sets, {&Bars::values});
    if (std::none_of(values.begin(), values.end(), [&](double v) { return y_.shows(v); })) return sheet_.no_data();
    std::vector<LegendEntry> entries;
    for (const Bars& set : chart_.sets) entries.push_back({set.name, colour_class(set.colour, entries.size()), {}});
    sheet_.legend(entries);
    sheet_.note(chart_.y.label);
    const double width = sheet_.plot(y_, kHeight).width(), sets = static_cast<double>(chart_.sets.size());
    slot_ = width / static_cast<double>(chart_.groups.size());
    pitch_ = std::min(kWidest, 0.8 * slot_ / sets);
    const double room = (sets == 1 ? slot_ : pitch_) - 2;
    const bool with_values =
        std::all_of(values.begin(), values.end(), [&](double v) { return width_of(number_text(v), 12) <= room; });
    sheet_.skip(with_values ? 20 : 12);
    plot_ = sheet_.plot(y_, kHeight);
    sheet_.y_axis(plot_, y_);
    for (std::size_t g = 0; g < chart_.groups.size(); ++g)
      for (std::size_t s = 0; s < chart_.sets.size(); ++s) bar(g, s);
    for (std::size_t g = 0; with_values && g < chart_.groups.size(); ++g)
      for (std::size_t s = 0; s < chart_.sets.size(); ++s) value(g, s);
    sheet_.skip(kHeight + (with_values && y_.from() < 0 ? 20 : 6));
    sheet_.x_names(plot_, chart_.groups);
    return sheet_.svg();
  }

 private:
  double middle(std::size_t group, std::size_t set) const {
    const double sets = static_cast<double>(chart_.sets.size());
    return plot_.left + (static_cast<double>(group) + 0.5) * slot_ +
           (static_cast<double>(set) + 0.5 - sets / 2) * pitch_;
  }

  double height(double value) const { return plot_.y(std::clamp(y_.share(value), 0.0, 1.0)); }

  void bar(std::size_t group, std::size_t set) {
    const Bars& bars = chart_.sets[set];
    const double value = bars.values[group], base = height(0), top = height(value), x = middle(group, set);
    if (!y_.shows(value)) return;
    const double width = pitch_ - std::min(2.0, pitch_ / 8);
    sheet_.rect("bar" + colour_class(bars.colour, set), x - width / 2, std::min(base, top), width, std::abs(base - top),
                join(chart_.groups[group], bars.name.empty() ? "" : ", ", bars.name, ": ", number_text(value),
                     interval_text(bars.low, bars.high, group)));
    if (bars.low.empty() || !y_.shows(bars.high[group]) || std::isnan(bars.low[group])) return;
    const double low = height(bars.low[group]), high = height(bars.high[group]), arm = std::min(4.0, pitch_ / 4);
    sheet_.path("whisker", "M{0} {2}h{1}M{3} {2}V{4}M{0} {4}h{1}", x - arm, 2 * arm, high, x, low);
  }

  /// The number above a bar and its whisker, below those of a negative one.
  void value(std::size_t group, std::size_t set) {
    const Bars& bars = chart_.sets[set];
    const double v = bars.values[group];
    if (!y_.shows(v)) return;
    const bool below = v < 0;
    const std::vector<double>& ends = below ? bars.low : bars.high;
    double end = height(v);
    if (!ends.empty() && y_.shows(ends[group]))
      end = below ? std::max(end, height(ends[group])) : std::min(end, height(ends[group]));
    sheet_.text(middle(group, set), end + (below ? 14 : -5), number_text(v), "value", "middle");
  }

  const BarChart& chart_;
  Sheet sheet_;
  Scale y_;
  Plot plot_{};
  double slot_ = 0, pitch_ = 0;  // widths: of a group with what is between two, of a bar with it
};

}  // namespace
}  // namespace chart

std::string svg(const BarChart& chart) { return chart::BarsDrawn(chart).svg(); }

}  // namespace norma
