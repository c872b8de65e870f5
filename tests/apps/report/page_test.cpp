// Page: what a report's HTML holds, and that it needs nothing else.
#include "norma/apps/report/page.h"

#include "norma/apps/report/chart.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

bool has(const Page& page, const std::string& part) { return page.html().find(part) != std::string::npos; }

TEST(Page, EscapesText) {
  Page page("a<b");
  page.heading("h<1");
  page.paragraph("p & q");
  page.list({"one", "<two>"});
  page.code("if (a < b)\n  c();");
  page.table({"<head>"}, {{"<cell>"}});
  page.pictures({"png"}, {"\"quoted\""});
  page.figure(svg(LineChart{"t", {"x"}, {"y"}, {}}), "seen & done");
  for (const char* part :
       {"<title>a&lt;b</title>", "<h1>a&lt;b</h1>", "<h2>h&lt;1</h2>", "<p>p &amp; q</p>",
        "<li>one</li>\n<li>&lt;two&gt;</li>", "<pre><code>if (a &lt; b)\n  c();</code></pre>", "<th>&lt;head&gt;</th>",
        "<td>&lt;cell&gt;</td>", "alt=\"&quot;quoted&quot;\"", "<figcaption>seen &amp; done</figcaption>"})
    EXPECT_TRUE(has(page, part)) << part;
}

TEST(Page, NeedsNothingElse) {
  Page page("t");
  page.figure(svg(BarChart{"t", {"a"}, {"y"}, {{"s", {1}}}}), "");
  std::string html = page.html();
  const std::string name_space = "xmlns=\"http://www.w3.org/2000/svg\"";
  html.erase(html.find(name_space), name_space.size());
  for (const char* part : {"http", "<script", "<link", "@import", "url("})
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.rfind("<!doctype html>\n<html lang=\"en\">", 0), 0u);
  for (const char* part : {"charset=\"utf-8\"", "name=\"viewport\"", "prefers-color-scheme:dark", "@media print"})
    EXPECT_TRUE(has(page, part)) << part;
}

TEST(Page, PutsFiguresThatFollowEachOtherSideBySide) {
  const std::string a = svg(LineChart{"a", {"x"}, {"y"}, {}}), b = svg(LineChart{"b", {"x"}, {"y"}, {}});
  Page page("t");
  page.figure(a, "first");
  page.figure(b, "second");
  page.paragraph("between");
  page.figure(a, "third");
  EXPECT_TRUE(has(page, "first</figcaption>\n</figure>\n<figure>\n" + b));
  EXPECT_TRUE(has(page, "</figure>\n</div>\n<p>between</p>\n<div class=\"figures\">\n<figure>"));
  EXPECT_TRUE(has(page, "third</figcaption>\n</figure>\n</div>\n</body>"));
  EXPECT_EQ(page.charts(), (std::vector<std::string>{a, b, a}));
}

TEST(Page, WhatIsAppendedIsAsIfItHadBeenWrittenHere) {
  const std::string chart = svg(LineChart{"t", {"x"}, {"y"}, {}});
  const auto write = [&](Page& page) {
    page.heading("h");
    page.figure(chart, "one");
    page.paragraph("p");
    page.figure(chart + " ", "two");
  };
  Page direct("t"), whole("t"), part("unused");
  for (Page* page : {&direct, &whole}) page->paragraph("before"), page->figure(chart, "zero");
  write(direct);
  write(part);
  whole.append(part);
  for (Page* page : {&direct, &whole}) page->figure(chart, "three"), page->paragraph("after");
  EXPECT_EQ(whole.html(), direct.html());
  EXPECT_EQ(whole.charts(), direct.charts());
}

TEST(Page, SetsNumbersRightAndWordsLeft) {
  Page page("t");
  page.table({"name", "loss", "steps", "kernel"}, {{"with", "1.5 ± 0.1", "310", "3x3"},
                                                   {"none", "-2e-5", "never", "5x5"},
                                                   {"5 layers or so", "NaN", "12 %", "-"}});
  EXPECT_TRUE(has(page, "<th>name</th><th class=\"number\">loss</th><th class=\"number\">steps</th><th>kernel</th>"));
  EXPECT_TRUE(has(page, "<td>none</td><td class=\"number\">-2e-5</td><td class=\"number\">never</td><td>5x5</td>"));
}

TEST(Page, HoldsPicturesAsBase64) {  // RFC 4648, section 10
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{{"f", "Zg=="},
                                                                                    {"fo", "Zm8="},
                                                                                    {"foo", "Zm9v"},
                                                                                    {"foob", "Zm9vYg=="},
                                                                                    {"fooba", "Zm9vYmE="},
                                                                                    {"foobar", "Zm9vYmFy"},
                                                                                    {"\xff\xfe\xfd", "//79"}}) {
    Page page("t");
    page.pictures({bytes}, {"c"});
    EXPECT_TRUE(has(page, "src=\"data:image/png;base64," + text + "\"")) << text;
  }
}

TEST(Page, RefusesWhatIsOutOfStep) {
  Page page("t");
  try {
    page.table({"a", "b"}, {{"1", "2"}, {"3"}});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "Page: row 1 of a table has 1 cells, but its head has 2");
  }
  try {
    page.pictures({"a"}, {});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "Page: 1 pictures, but 0 captions");
  }
}

}  // namespace
}  // namespace norma::test
