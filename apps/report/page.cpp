#include "norma/apps/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "norma/apps/report/chart.h"
#include "norma/core/check.h"

namespace norma {
namespace {

// The colours are those of chart_style().
constexpr const char* kStyle = R"(:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:24px 16px 48px;
background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:.4em 0 .8em}
h2{font-size:1.3rem;line-height:1.3;margin:2em 0 .6em;padding-top:.8em;border-top:1px solid var(--grid)}
.chapter{font-size:1.6rem;margin-top:3em;border-top-width:3px}
p,ul{max-width:46em;margin:.7em 0}
ul{padding-left:1.3em}
h1,h2,p,li,figcaption{overflow-wrap:break-word}
pre{overflow-x:auto;padding:10px 14px;border:1px solid var(--grid);border-radius:6px;
font:14px/1.45 ui-monospace,monospace}
figure{margin:0;min-width:0}
figcaption{margin-top:.5em;font-size:.9rem;line-height:1.45;color:var(--muted)}
.figures{display:grid;grid-template-columns:1fr 1fr;gap:36px 32px;align-items:start;margin:1.6em 0}
.scroll{overflow-x:auto;margin:1.2em 0}
table{border-collapse:collapse;font-size:.92rem;line-height:1.4}
th,td{padding:5px 18px 5px 0;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top}
th{font-weight:600;color:var(--muted);vertical-align:bottom}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.pictures{display:flex;flex-wrap:wrap;gap:18px;margin:1.2em 0}
.pictures figure{width:112px}
.pictures img{display:block;width:96px;height:96px;object-fit:contain;image-rendering:pixelated}
@media (max-width:760px){.figures{grid-template-columns:1fr}}
@media print{body{max-width:none;padding:0}.figures{grid-template-columns:1fr 1fr}
figure,tr,pre{break-inside:avoid}h1,h2{break-after:avoid}
.scroll,pre{overflow:visible}pre{white-space:pre-wrap}}
)";

std::string element(const std::string& name, const std::string& text) {
  return fmt::format("<{0}>{1}</{0}>", name, escaped(text));
}

/// RFC 4648, section 4.
std::string base64(const std::string& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  return text;
}

/// Whether it begins with a number, as "12.5", "61.2 %", "0.5 to 0.7", or stands for one that is missing.
bool is_number(const std::string& cell) {
  if (cell == "-" || cell == "–" || cell == "—" || cell == "NaN" || cell == "infinity") return true;
  const std::string word = cell.substr(cell[0] == '+' ? 1 : 0, cell.find(' '));
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const std::string rest(end, word.data() + word.size());
  return error == std::errc() && (rest.empty() || rest == "%");
}

}  // namespace

Page::Page(std::string title) : title_(std::move(title)) {}

void Page::add(const std::string& block) {
  if (in_figures_) body_ += "</div>\n";
  in_figures_ = false;
  body_ += block + "\n";
}

void Page::chapter(const std::string& text) { add("<h2 class=\"chapter\">" + escaped(text) + "</h2>"); }

void Page::heading(const std::string& text) { add(element("h2", text)); }

void Page::paragraph(const std::string& text) { add(element("p", text)); }

void Page::list(const std::vector<std::string>& items) {
  std::string block = "<ul>\n";
  for (const std::string& item : items) block += element("li", item) + "\n";
  add(block + "</ul>");
}

void Page::code(const std::string& text) { add("<pre>" + element("code", text) + "</pre>"); }

void Page::figure(const std::string& svg, const std::string& caption) {
  if (!in_figures_) add("<div class=\"figures\">");
  in_figures_ = true;
  body_ += "<figure>\n" + svg + (caption.empty() ? "" : element("figcaption", caption) + "\n") + "</figure>\n";
  charts_.push_back(svg);
}

void Page::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<const char*> align(head.size(), "");
  for (std::size_t c = 0; c < head.size(); ++c) {
    // A word among numbers, "never", does not make a column one of words.
    const auto numbers =
        std::count_if(rows.begin(), rows.end(), [&](const auto& row) { return c < row.size() && is_number(row[c]); });
    if (numbers > 0 && 2 * numbers >= std::ssize(rows)) align[c] = " class=\"number\"";
  }
  std::string block = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (std::size_t c = 0; c < head.size(); ++c) block += fmt::format("<th{}>{}</th>", align[c], escaped(head[c]));
  block += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    check(rows[r].size() == head.size(), "Page: row ", r, " of a table has ", rows[r].size(),
          " cells, but its head has ", head.size());
    block += "<tr>";
    for (std::size_t c = 0; c < head.size(); ++c) block += fmt::format("<td{}>{}</td>", align[c], escaped(rows[r][c]));
    block += "</tr>\n";
  }
  add(block + "</tbody>\n</table></div>");
}

void Page::pictures(const std::vector<std::string>& pngs, const std::vector<std::string>& captions) {
  check(pngs.size() == captions.size(), "Page: ", pngs.size(), " pictures, but ", captions.size(), " captions");
  std::string block = "<div class=\"pictures\">\n";
  for (std::size_t i = 0; i < pngs.size(); ++i)
    block += fmt::format("<figure><img alt=\"{}\" src=\"data:image/png;base64,{}\">{}</figure>\n", escaped(captions[i]),
                         base64(pngs[i]), element("figcaption", captions[i]));
  add(block + "</div>");
}

void Page::append(const Page& part) {
  if (in_figures_) body_ += "</div>\n";
  body_ += part.body_;
  in_figures_ = part.in_figures_;
  charts_.insert(charts_.end(), part.charts_.begin(), part.charts_.end());
}

std::string Page::html() const {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n{}\n<style>\n{}{}</style>\n</head>\n"
      "<body>\n{}\n{}{}</body>\n</html>\n",
      element("title", title_), chart_style(), kStyle, element("h1", title_), body_, in_figures_ ? "</div>\n" : "");
}

}  // namespace norma
