#include "norma/apps/report/chart_sheet.h"

#include <fmt/format.h>

#include <algorithm>

#include "norma/apps/report/chart_text.h"

namespace norma {
namespace chart {

constexpr int kColours = 8;

int colour_of(int colour, std::size_t place) {
  return colour >= 0 ? colour % kColours : static_cast<int>(place % kColours);
}

std::string hover(const std::string& words) { return "<title>" + escaped(words) + "</title>"; }

Sheet::Sheet(const std::string& title) : title_(title) {
  for (const std::string& line : wrapped(title, kWidth - 2 * kMargin, kTitleLetter)) {
    text(kMargin, y_ + kTitleLetter, line, " class=\"title\"");
    y_ += kTitleLine;
  }
  y_ += 4;
}

void Sheet::text(double x, double y, const std::string& words, const std::string& attributes) {
  add(fmt::format("<text x=\"{}\" y=\"{}\"{}>{}</text>", coordinate(x), coordinate(y), attributes, escaped(words)));
}

void Sheet::legend(const std::vector<LegendEntry>& entries) {
  constexpr double swatch = 18, gap = 6, between = 14;
  double x = kMargin;
  for (const LegendEntry& entry : entries) {
    const std::string name = shortened(entry.name, kWidth - 2 * kMargin - swatch - gap);
    const double width = swatch + gap + width_of(name);
    if (x > kMargin && x + width > kWidth - kMargin) x = kMargin, y_ += kLine + 2;
    const double middle = y_ + kLine / 2;
    if (entry.filled) {
      add(fmt::format("<rect class=\"bar c{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\"/>", entry.colour,
                      coordinate(x + 3), coordinate(middle - 6)));
    } else if (entry.stroke == Stroke::dots) {
      add(fmt::format("<circle class=\"dot c{}\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", entry.colour,
                      coordinate(x + swatch / 2), coordinate(middle)));
    } else {
      add(fmt::format("<path class=\"line c{}{}\" d=\"M{} {}h{}\"/>", entry.colour,
                      entry.stroke == Stroke::dashed ? " dashed" : "", coordinate(x), coordinate(middle),
                      coordinate(swatch)));
    }
    text(x + swatch + gap, middle + 4.5, name);
    x += width + between;
  }
  if (!entries.empty()) y_ += kLine + 6;
}

void Sheet::note(const std::string& words) {
  for (const std::string& line : wrapped(words, kWidth - 2 * kMargin)) {
    text(kMargin, y_ + kLetter, line, " class=\"muted\"");
    y_ += kLine;
  }
}

double Sheet::y_axis_width(const Scale& scale, double height) {
  double width = 0;
  for (const Tick& tick : scale.ticks(height, false)) width = std::max(width, width_of(tick.text));
  return width + 8;
}

void Sheet::y_axis(const Plot& plot, const Scale& scale) {
  for (const Tick& tick : scale.ticks(plot.height(), false)) {
    const double y = plot.y(scale.share(tick.value));
    const bool zero = tick.value == 0 && scale.from() < 0;
    add(fmt::format("<path class=\"{}\" d=\"M{} {}h{}\"/>", zero ? "axis" : "grid", coordinate(plot.left),
                    coordinate(y), coordinate(plot.width())));
    text(plot.left - 8, y + 4.5, tick.text, " class=\"muted\" text-anchor=\"end\"");
  }
  add(fmt::format("<path class=\"axis\" d=\"M{} {}h{}\"/>", coordinate(plot.left), coordinate(plot.bottom),
                  coordinate(plot.width())));
}

void Sheet::x_axis(const Plot& plot, const Scale& scale) {
  for (const Tick& tick : scale.ticks(plot.width(), true)) {
    const double x = plot.x(scale.share(tick.value)), half = width_of(tick.text) / 2;
    add(fmt::format("<path class=\"axis\" d=\"M{} {}v4\"/>", coordinate(x), coordinate(plot.bottom)));
    if (x - half >= 0 && x + half <= kWidth)
      text(x, plot.bottom + 20, tick.text, " class=\"muted\" text-anchor=\"middle\"");
  }
  y_ = plot.bottom + 26;
  x_label(plot, scale.axis().label);
}

void Sheet::x_label(const Plot& plot, const std::string& words) {
  // Centred below the plot, but for a label that is wider than twice the way to the nearer edge.
  const double middle = (plot.left + plot.right) / 2, room = 2 * std::min(middle, kWidth - middle) - 2 * kMargin;
  for (const std::string& line : wrapped(words, room)) {
    text(middle, y_ + kLetter, line, " class=\"muted\" text-anchor=\"middle\"");
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
  add(fmt::format("<rect class=\"frame\" x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"100\"/>", coordinate(kMargin),
                  coordinate(y_), coordinate(kWidth - 2 * kMargin)));
  text(kWidth / 2, y_ + 55, "no data", " class=\"muted\" text-anchor=\"middle\"");
  y_ += 100;
  return svg();
}

}  // namespace chart

std::string chart_style() {
  return R"(:root{--paper:#fff;--ink:#1b1e24;--muted:#5b6270;--grid:#e4e7eb;--axis:#9aa1ad;
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
.c0{--c:var(--c0);--t:var(--t0)}.c1{--c:var(--c1);--t:var(--t1)}.c2{--c:var(--c2);--t:var(--t2)}
.c3{--c:var(--c3);--t:var(--t3)}
.c4{--c:var(--c4);--t:var(--t4)}.c5{--c:var(--c5);--t:var(--t5)}.c6{--c:var(--c6);--t:var(--t6)}
.c7{--c:var(--c7);--t:var(--t7)}
)";
}

std::string standalone(const std::string& svg) {
  const std::size_t end = svg.find('>') + 1;
  return svg.substr(0, end) + "\n<style>\n" + chart_style() + "</style>" + svg.substr(end);
}

}  // namespace norma
