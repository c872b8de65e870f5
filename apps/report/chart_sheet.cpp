#include "norma/apps/report/chart_sheet.h"

#include <algorithm>
#include <cmath>

#include "norma/core/check.h"

namespace norma {
namespace chart {
namespace {

constexpr std::size_t kColours = 8;
constexpr double kUpright = 120;  // length of upright names, at most

std::string attribute(const char* name, const std::string& value) {
  return value.empty() ? "" : fmt::format(" {}=\"{}\"", name, value);
}

/// An element <title>, which browsers show when the mouse rests on its parent.
std::string hover(const std::string& words) { return words.empty() ? "" : "<title>" + escaped(words) + "</title>"; }

}  // namespace

std::string colour_class(int colour, std::size_t place) {
  return fmt::format(" c{}", (colour >= 0 ? static_cast<std::size_t>(colour) : place) % kColours);
}

std::string interval_text(const std::vector<double>& low, const std::vector<double>& high, std::size_t i) {
  return low.empty() ? "" : fmt::format(" ({} to {})", number_text(low[i]), number_text(high[i]));
}

void check_interval(const std::string& whose, const std::vector<double>& low, const std::vector<double>& high,
                    std::size_t count, const char* values) {
  check(low.size() == high.size(), whose, " has ", low.size(), " low, but ", high.size(), " high");
  check(low.empty() || low.size() == count, whose, " has ", low.size(), " low and high, but ", count, " ", values);
}

std::size_t stride(double needed, double distance) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(needed / distance)));
}

Sheet::Sheet(const std::string& title) : title_(title) {
  for (const std::string& line : wrapped(title, kWidth - 2 * kMargin, kTitleLetter)) {
    text(kMargin, y_ + kTitleLetter, line, "title");
    y_ += kTitleLine;
  }
  y_ += 4;
}

void Sheet::rect(const std::string& style, double x, double y, double width, double height, const std::string& words,
                 std::optional<double> opacity) {
  add(fmt::format("<rect{} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}>{}</rect>", attribute("class", style),
                  coordinate(x), coordinate(y), coordinate(width), coordinate(height),
                  attribute("fill-opacity", opacity ? coordinate(*opacity) : ""), hover(words)));
}

void Sheet::circle(const std::string& style, double x, double y, double radius, const std::string& words) {
  add(fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>", style, coordinate(x), coordinate(y),
                  radius, hover(words)));
}

void Sheet::text(double x, double y, const std::string& words, const std::string& style, const char* anchor) {
  add(fmt::format("<text x=\"{}\" y=\"{}\"{}{}>{}</text>", coordinate(x), coordinate(y), attribute("class", style),
                  attribute("text-anchor", anchor), escaped(words)));
}

void Sheet::legend(const std::vector<LegendEntry>& entries) {
  constexpr double swatch = 18, gap = 6, between = 14;
  if (entries.size() < 2) return;
  double x = kMargin;
  for (const LegendEntry& entry : entries) {
    const std::string name = shortened(entry.name, kWidth - 2 * kMargin - swatch - gap);
    const double width = swatch + gap + width_of(name);
    if (x > kMargin && x + width > kWidth - kMargin) x = kMargin, y_ += kLine + 2;
    const double middle = y_ + kLine / 2;
    if (!entry.stroke)
      rect("bar" + entry.colour, x + 3, middle - 6, 12, 12);
    else if (entry.stroke == Stroke::dots)
      circle("dot" + entry.colour, x + swatch / 2, middle, 3);
    else
      path("line" + entry.colour + (entry.stroke == Stroke::dashed ? " dashed" : ""), "M{} {}h{}", x, middle, swatch);
    text(x + swatch + gap, middle + 4.5, name);
    x += width + between;
  }
  y_ += kLine + 6;
}

void Sheet::note(const std::string& words) {
  for (const std::string& line : wrapped(words, kWidth - 2 * kMargin)) {
    text(kMargin, y_ + kLetter, line, "muted");
    y_ += kLine;
  }
}

Plot Sheet::plot(const Scale& y_scale, double height) const {
  double texts = 0;
  for (const Tick& tick : y_scale.ticks(height, false)) texts = std::max(texts, width_of(tick.text));
  return {.left = kMargin + texts + 8, .right = kWidth - kMargin, .top = y_, .bottom = y_ + height};
}

void Sheet::y_axis(const Plot& plot, const Scale& scale) {
  for (const Tick& tick : scale.ticks(plot.height(), false)) {
    const double y = plot.y(scale.share(tick.value));
    path(tick.value == 0 && scale.from() < 0 ? "axis" : "grid", "M{} {}h{}", plot.left, y, plot.width());
    text(plot.left - 8, y + 4.5, tick.text, "muted", "end");
  }
  path("axis", "M{} {}h{}", plot.left, plot.bottom, plot.width());
}

void Sheet::x_axis(const Plot& plot, const Scale& scale) {
  for (const Tick& tick : scale.ticks(plot.width(), true)) {
    const double x = plot.x(scale.share(tick.value)), half = width_of(tick.text) / 2;
    path("axis", "M{} {}v4", x, plot.bottom);
    if (x - half >= 0 && x + half <= kWidth) text(x, plot.bottom + 20, tick.text, "muted", "middle");
  }
  y_ = plot.bottom + 26;
  x_label(plot, scale.axis().label);
}

void Sheet::x_names(const Plot& plot, const std::vector<std::string>& names) {
  const double part = plot.width() / static_cast<double>(names.size()), room = part - 4;
  double widest = 0, height = 0;
  bool all_fit = true;
  for (const std::string& name : names) {
    const auto lines = wrapped(name, room);
    const bool whole = fmt::format("{}", fmt::join(lines, " ")).size() == name.size();  // no word is broken
    all_fit = all_fit && whole && lines.size() <= 3;
    widest = std::max(widest, width_of(name));
  }
  const std::size_t most = kLine + 1 <= part ? 1 : 1 + names.size() / 6;  // side by side, every how manyth will do
  const bool upright = !all_fit && stride(widest + 8, part) > most;
  const std::size_t every = all_fit ? 1 : stride(upright ? kLine + 1 : widest + 8, part);
  for (std::size_t i = 0; i < names.size(); i += every) {
    const double middle = plot.left + (static_cast<double>(i) + 0.5) * part;
    if (upright) {
      const std::string name = shortened(names[i], kUpright);
      add(fmt::format("<text class=\"muted\" transform=\"translate({} {})rotate(-90)\" text-anchor=\"end\">{}</text>",
                      coordinate(middle + 4.5), coordinate(y_ + 2), escaped(name)));
      height = std::max(height, width_of(name) + 2);
    } else if (all_fit || middle + width_of(names[i]) / 2 <= kWidth) {
      double below = 0;
      for (const std::string& line : wrapped(names[i], all_fit ? room : kWidth)) {
        text(middle, y_ + below + kLetter, line, "muted", "middle");
        height = std::max(height, below += kLine);
      }
    }
  }
  y_ += height + 2;
}

void Sheet::x_label(const Plot& plot, const std::string& words) {
  // Centred below the plot, but for a label that is wider than twice the way to the nearer edge.
  const double middle = (plot.left + plot.right) / 2, room = 2 * std::min(middle, kWidth - middle) - 2 * kMargin;
  for (const std::string& line : wrapped(words, room)) {
    text(middle, y_ + kLetter, line, "muted", "middle");
    y_ += kLine;
  }
  y_ += 2;
}

std::string Sheet::svg() const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {0} {1}\" width=\"100%\" role=\"img\" "
      "aria-label=\"{2}\">\n{3}</svg>\n",
      coordinate(kWidth), coordinate(y_ + kMargin), escaped(title_), body_);
}

std::string Sheet::no_data() {
  rect("frame", kMargin, y_, kWidth - 2 * kMargin, 100);
  text(kWidth / 2, y_ + 55, "no data", "muted", "middle");
  y_ += 100;
  return svg();
}

}  // namespace chart

std::string chart_style() {
  std::string style = R"(:root{--paper:#fff;--ink:#1b1e24;--muted:#5b6270;--grid:#e4e7eb;--axis:#9aa1ad;
--c0:#0072b2;--c1:#b65415;--c2:#1da77c;--c3:#914471;--c4:#b88000;--c5:#3d9bd4;--c6:#5c5600;--c7:#3a3f47;
--t0:#0072b2;--t1:#b65415;--t2:#00825e;--t3:#914471;--t4:#946600;--t5:#1f78ad;--t6:#5c5600;--t7:#3a3f47}
@media screen and (prefers-color-scheme:dark){:root{
--paper:#16181d;--ink:#e6e8ec;--muted:#a2a9b5;--grid:#2b2f37;--axis:#6b7280;
--c0:#46a0e4;--c1:#d55e00;--c2:#5dd8aa;--c3:#9e5b80;--c4:#d49932;--c5:#8fd0f5;--c6:#d3c601;--c7:#9aa1ad;
--t0:#46a0e4;--t1:#e0690f;--t2:#5dd8aa;--t3:#b16d92;--t4:#d49932;--t5:#8fd0f5;--t6:#d3c601;--t7:#9aa1ad}}
.chart{display:block;background:var(--paper)}
.chart text{font:13px system-ui,sans-serif;fill:var(--ink)}
.chart .title{font-size:15px;font-weight:600}
.chart .muted{fill:var(--muted)}
.chart .value{font-size:12px;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.chart path{fill:none}
.chart .grid{stroke:var(--grid)}
.chart .axis,.chart .whisker,.chart .leader{stroke:var(--axis)}
.chart .leader{stroke-width:.6}
.chart .frame{fill:none;stroke:var(--grid)}
.chart .line{stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.chart .dashed{stroke-dasharray:5 5}
.chart .band{fill:var(--c);fill-opacity:.16}
.chart .dot,.chart .bar{fill:var(--c)}
.chart .whisker{stroke:var(--ink);stroke-width:1.5}
.chart .point{fill:var(--c);fill-opacity:0}
.chart .point:hover{fill-opacity:1}
.chart .cells{fill:var(--c);shape-rendering:crispEdges}
.chart text.name{fill:var(--t)}
)";
  for (std::size_t i = 0; i < chart::kColours; ++i)
    style += fmt::format(".c{0}{{--c:var(--c{0});--t:var(--t{0})}}\n", i);
  return style;
}

std::string standalone(const std::string& svg) {
  const std::size_t end = svg.find('>') + 1;
  return svg.substr(0, end) + "\n<style>\n" + chart_style() + "</style>" + svg.substr(end);
}

}  // namespace norma
