// Bar charts: a group of bars beside each other for each name on the x axis.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/report/chart_sheet.h"
#include "norma/apps/report/chart_text.h"
#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr double kHeight = 200, kWidest = 44;  // of the plot; of a bar
constexpr double kTurned = 120;                // names that stand upright, at most

std::string in_step(const BarChart& chart) {
  const std::string about = join("BarChart \"", chart.title, "\"");
  for (const Bars& set : chart.sets) {
    check(set.values.size() == chart.groups.size(), about, ": set \"", set.name, "\" has ", set.values.size(),
          " values, but there are ", chart.groups.size(), " groups");
    check(set.low.size() == set.high.size(), about, ": set \"", set.name, "\" has ", set.low.size(), " low, but ",
          set.high.size(), " high");
    check(set.low.empty() || set.low.size() == set.values.size(), about, ": set \"", set.name, "\" has ",
          set.low.size(), " low and high, but ", set.values.size(), " values");
  }
  return about;
}

/// What the y axis must hold: with the whiskers, and with 0 unless it is logarithmic.
std::vector<double> heights(const BarChart& chart) {
  std::vector<double> all;
  for (const Bars& set : chart.sets)
    for (const auto* part : {&set.values, &set.low, &set.high}) all.insert(all.end(), part->begin(), part->end());
  const bool finite = std::any_of(all.begin(), all.end(), [](double v) { return std::isfinite(v); });
  if (finite && !chart.y.log) all.push_back(0);
  return all;
}

class BarsDrawn {
 public:
  explicit BarsDrawn(const BarChart& chart)
      : chart_(chart), about_(in_step(chart)), sheet_(chart.title), y_(about_, chart.y, heights(chart)) {}
  std::string svg();

 private:
  double x(std::size_t group, std::size_t set) const {
    const double sets = static_cast<double>(chart_.sets.size());
    return plot_.left + (static_cast<double>(group) + 0.5) * slot_ + (static_cast<double>(set) - sets / 2) * pitch_;
  }
  double height(double value) const { return plot_.y(std::clamp(y_.share(value), 0.0, 1.0)); }
  bool values_fit() const;
  void bar(std::size_t group, std::size_t set);
  void value(std::size_t group, std::size_t set);
  void group_names();

  const BarChart& chart_;
  std::string about_;
  Sheet sheet_;
  Scale y_;
  Plot plot_{};
  double slot_ = 0, pitch_ = 0;  // widths: of a group with what is between two, of a bar with it
};

std::string BarsDrawn::svg() {
  const auto drawn = [&](const Bars& s) {
    return std::any_of(s.values.begin(), s.values.end(), [&](double v) { return y_.shows(v); });
  };
  if (std::none_of(chart_.sets.begin(), chart_.sets.end(), drawn)) return sheet_.no_data();
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < chart_.sets.size(); ++i)
    entries.push_back({chart_.sets[i].name, colour_of(chart_.sets[i].colour, i), Stroke::line, true});
  if (entries.size() > 1) sheet_.legend(entries);
  sheet_.note(chart_.y.label);
  plot_.left = kMargin + Sheet::y_axis_width(y_, kHeight), plot_.right = kWidth - kMargin;
  slot_ = plot_.width() / static_cast<double>(chart_.groups.size());
  pitch_ = std::min(kWidest, 0.8 * slot_ / static_cast<double>(chart_.sets.size()));
  const bool with_values = values_fit();
  sheet_.skip(with_values ? 20 : 12);
  plot_.top = sheet_.y(), plot_.bottom = plot_.top + kHeight;
  sheet_.y_axis(plot_, y_);
  for (std::size_t g = 0; g < chart_.groups.size(); ++g)
    for (std::size_t s = 0; s < chart_.sets.size(); ++s) bar(g, s);
  for (std::size_t g = 0; with_values && g < chart_.groups.size(); ++g)
    for (std::size_t s = 0; s < chart_.sets.size(); ++s) value(g, s);
  sheet_.skip(kHeight + (with_values && y_.from() < 0 ? 20 : 6));
  group_names();
  return sheet_.svg();
}

bool BarsDrawn::values_fit() const {
  for (const Bars& set : chart_.sets)
    for (const double v : set.values)
      if (width_of(number_text(v), 12) > (chart_.sets.size() == 1 ? slot_ : pitch_) - 2) return false;
  return true;
}

void BarsDrawn::bar(std::size_t group, std::size_t set) {
  const Bars& bars = chart_.sets[set];
  const double value = bars.values[group];
  if (!y_.shows(value)) return;
  const double base = height(chart_.y.log ? y_.from() : std::clamp(0.0, y_.from(), y_.to())), top = height(value);
  const double gap = std::min(2.0, pitch_ / 8), left = x(group, set) + gap / 2;
  std::string words =
      fmt::format("{}{}{}: {}", chart_.groups[group], bars.name.empty() ? "" : ", ", bars.name, number_text(value));
  if (!bars.low.empty())
    words += fmt::format(" ({} to {})", number_text(bars.low[group]), number_text(bars.high[group]));
  sheet_.add(fmt::format("<rect class=\"bar c{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>",
                         colour_of(bars.colour, set), coordinate(left), coordinate(std::min(base, top)),
                         coordinate(pitch_ - gap), coordinate(std::abs(base - top)), hover(words)));
  if (bars.low.empty() || !y_.shows(bars.high[group]) || std::isnan(bars.low[group])) return;
  const double low = height(y_.shows(bars.low[group]) ? bars.low[group] : y_.from()), high = height(bars.high[group]);
  const double middle = x(group, set) + pitch_ / 2, arm = std::min(4.0, pitch_ / 4);
  sheet_.add(fmt::format("<path class=\"whisker\" d=\"M{0} {2}h{1}M{3} {2}V{4}M{0} {4}h{1}\"/>",
                         coordinate(middle - arm), coordinate(2 * arm), coordinate(high), coordinate(middle),
                         coordinate(low)));
}

/// The number above a bar and its whisker, below those of a negative one.
void BarsDrawn::value(std::size_t group, std::size_t set) {
  const Bars& bars = chart_.sets[set];
  const double v = bars.values[group];
  if (!y_.shows(v)) return;
  const bool below = v < 0;
  const std::vector<double>& ends = below ? bars.low : bars.high;
  double end = height(v);
  if (!ends.empty() && y_.shows(ends[group]))
    end = below ? std::max(end, height(ends[group])) : std::min(end, height(ends[group]));
  sheet_.text(x(group, set) + pitch_ / 2, end + (below ? 14 : -5), number_text(v),
              " class=\"value\" text-anchor=\"middle\"");
}

/// Below their groups: in one line or several, or upright where they are too wide for that, or only some.
void BarsDrawn::group_names() {
  const double room = slot_ - 4;
  std::size_t most = 1;
  bool upright = false;
  for (const std::string& name : chart_.groups) {
    const auto lines = wrapped(name, room);
    std::string joined;
    for (const std::string& line : lines) joined += (joined.empty() ? "" : " ") + line;
    upright = upright || lines.size() > 3 || joined.size() != name.size();  // more or fewer letters: a word was broken
    most = std::max(most, lines.size());
  }
  const std::size_t every = upright ? static_cast<std::size_t>(std::ceil((kLine + 1) / slot_)) : 1;
  double longest = 0;
  for (std::size_t g = 0; g < chart_.groups.size(); g += every) {
    const double middle = plot_.left + (static_cast<double>(g) + 0.5) * slot_;
    if (upright) {
      const std::string name = shortened(chart_.groups[g], kTurned);
      sheet_.add(fmt::format("<text transform=\"translate({} {})rotate(-90)\" text-anchor=\"end\">{}</text>",
                             coordinate(middle + 4.5), coordinate(sheet_.y() + 2), escaped(name)));
      longest = std::max(longest, width_of(name));
    } else {
      double y = sheet_.y() + kLetter;
      for (const std::string& line : wrapped(chart_.groups[g], room)) {
        sheet_.text(middle, y, line, " text-anchor=\"middle\"");
        y += kLine;
      }
    }
  }
  sheet_.skip(upright ? longest + 4 : kLine * static_cast<double>(most) + 2);
}

}  // namespace
}  // namespace chart

std::string svg(const BarChart& chart) { return chart::BarsDrawn(chart).svg(); }

}  // namespace norma
