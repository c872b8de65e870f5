// A report with charts of all kinds and data that are hard to draw, for report.py and for people to look at:
//   NORMA_GALLERY=gallery.html norma_app_tests --gtest_filter='*Gallery*'
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "norma/apps/report/chart.h"
#include "norma/apps/report/page.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> values(int count, const std::function<double(double)>& f) {
  std::vector<double> all;
  for (int i = 0; i < count; ++i) all.push_back(f(i));
  return all;
}

/// A curve that rises to `top`, with a band around it.
Series curve(const std::string& name, int points, double top) {
  const auto y = [=](double i) { return top * (1 - std::exp(-4 * i / points)) + 0.02 * top * std::sin(i); };
  return {name, values(points, [](double i) { return 10 * i; }), values(points, y),
          values(points, [=](double i) { return y(i) - 0.05 * top; }),
          values(points, [=](double i) { return y(i) + 0.05 * top; })};
}

void lines(Page& page) {
  page.heading("Lines");
  page.figure(svg(LineChart{"Accuracy while training",
                            {"step"},
                            {"test accuracy, %"},
                            {curve("batch norm, 0.1", 41, 62), curve("no norm, 0.1", 41, 48),
                             curve("batch norm, 0.5", 41, 60), curve("no norm, 0.02", 41, 35),
                             curve("no norm, 0.5", 41, 10)}}),
              "Names that would overlap are pushed apart.");
  Series measured{"measured noise", {2, 4, 8, 16, 32, 64, 128, 256}, values(8, [](double i) {
                    return 0.9 / std::sqrt(std::pow(2, i + 1));
                  })};
  measured.stroke = Stroke::dots;
  Series theory{
      "theory, 1/√m", measured.x, values(8, [](double i) { return 1 / std::sqrt(std::pow(2, i + 1)); }), {}, {}, 0,
      Stroke::dashed};
  page.figure(svg(LineChart{"Noise of the batch statistics",
                            {"batch size", true},
                            {"relative deviation", true},
                            {measured, theory}}),
              "Two logarithmic axes; dots are measured, the dashed line is theory.");
  Series diverging{"no norm", values(60, [](double i) { return i; }), values(60, [](double i) {
                     return i < 25 ? 2.3 - 0.02 * i : i < 30 ? std::pow(10, i - 22) : kMissing;
                   })};
  Series lonely{"one point", {50}, {1.5}};
  page.figure(svg(LineChart{"A loss that leaves the axis, and one that ends",
                            {"step"},
                            {"loss", false, 0, 3},
                            {diverging,
                             lonely,
                             {"with gaps", values(60, [](double i) { return i; }),
                              values(60, [](double i) { return int(i) % 20 < 3 ? kMissing : 1 + i / 100; })}}}),
              "Limits cut off what is beyond them.");
  std::vector<Series> layers;
  for (int i = 0; i < 12; ++i)
    layers.push_back(curve(fmt::format("layer {}, a rather long name for it", i), 30, 50 + 0.1 * i));
  for (Series& s : layers) s.low.clear(), s.high.clear();
  page.figure(
      svg(LineChart{
          "Twelve lines that end together, with a title that is so long that it needs a second line",
          {"step"},
          {"gradient norm of the layer, relative to the norm of its weights, as a moving average over 20 steps"},
          layers}),
      "Long names are shortened beside the lines and whole in the legend.");
  page.figure(
      svg(LineChart{"Thirty thousand points",
                    {"step"},
                    {"loss"},
                    {{"noise", values(30000, [](double i) { return i; }),
                      values(30000, [](double i) { return 2 * std::exp(-i / 9000) + 0.1 * std::sin(i * i); })}}}),
      "No more points than one can see.");
  page.figure(svg(LineChart{"From 1e-12 to 1e30",
                            {"step"},
                            {"norm", true},
                            {{"growing", values(43, [](double i) { return i; }),
                              values(43, [](double i) { return std::pow(10, i - 12); })},
                             {"zeros", {0, 10, 20, 30, 40}, {0, 1, 0, -5, 100}}}}),
              "Zeros have no logarithm.");
  page.figure(
      svg(LineChart{"Tiny, negative numbers",
                    {"learning rate", true},
                    {"slope"},
                    {{"a <b> & \"c\"", {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1}, {-3e-12, -1e-12, 0, 2e-12, 1e-12, -2e-12}}}}),
      "");
  page.figure(svg(LineChart{"All the same", {"step"}, {"accuracy"}, {{"constant", {1, 2, 3}, {0.1, 0.1, 0.1}}}}),
              "Equal numbers.");
  page.figure(svg(LineChart{"Nothing but NaN",
                            {"step"},
                            {"loss"},
                            {{"diverged", {1, 2}, {kMissing, kMissing}}, {"empty", {}, {}}}}),
              "");
  page.figure(svg(LineChart{"Large steps",
                            {"images"},
                            {"loss"},
                            {{"", {1000000, 2000000, 3000000, 3900000}, {100.01, 100.02, 100.04, 100.05}}}}),
              "A series without a name.");
}

void bars(Page& page) {
  page.heading("Bars");
  page.figure(svg(BarChart{"Accuracy by batch size",
                           {"2", "8", "32", "128"},
                           {"test accuracy, %"},
                           {{"batch norm", {31.2, 55.1, 61.9, 60}, {25, 52, 60, 58}, {36, 58, 63, 62.5}},
                            {"group norm", {48, 52.3, 55, 54}, {46, 50, 54, 52}, {50, 54, 56, 56}},
                            {"none", {44.5, kMissing, 47.25, 41}}}}),
              "Whiskers show the seeds.");
  page.figure(svg(BarChart{"Differences", {"a", "b", "c"}, {"change, %"}, {{"", {-12.5, 30, -4}}}}),
              "Negative numbers.");
  std::vector<std::string> names;
  for (int i = 0; i < 24; ++i) names.push_back(fmt::format("convolution {}", i));
  page.figure(svg(BarChart{"Dead units by layer",
                           names,
                           {"share of dead units"},
                           {{"with", values(24, [](double i) { return 0.01 * i; })},
                            {"without", values(24, [](double i) { return 0.02 * i; })}}}),
              "Names that are turned.");
  page.figure(svg(BarChart{"Largest eigenvalue",
                           {"with batch norm", "without batch norm", "with batch norm and dropout after it"},
                           {"eigenvalue", true},
                           {{"", {128, 3486, 0}}}}),
              "A logarithmic axis.");
  page.figure(svg(BarChart{"Zeros", {"a", "b"}, {"errors"}, {{"", {0, 0}}}}), "");
  page.figure(svg(BarChart{"Nothing", {"a"}, {"errors"}, {{"", {kMissing}}}}), "");
}

void heat_maps(Page& page) {
  page.heading("Heat maps");
  std::vector<std::string> classes{"airplane", "automobile", "bird",  "cat",  "deer",
                                   "dog",      "frog",       "horse", "ship", "truck"};
  std::vector<std::vector<double>> confusion;
  for (int r = 0; r < 10; ++r)
    confusion.push_back(values(10, [=](double c) { return c == r ? 80 + r : std::abs(c - r) == 2 ? 7 : 1; }));
  page.figure(svg(HeatMap{"Confusion", "taken for", "class", "images", classes, classes, confusion}), "");
  std::vector<std::vector<double>> histogram;
  std::vector<std::string> rows, columns;
  for (int r = 0; r < 40; ++r) {
    rows.push_back(fmt::format("step {}", 10 * r));
    histogram.push_back(values(60, [=](double c) {
      return c == 50 && r > 30 ? kMissing : std::exp(-std::pow((c - 30) / (4 + 0.3 * r), 2));
    }));
  }
  for (int c = 0; c < 60; ++c) columns.push_back(fmt::format("{:.1f}", 0.1 * (c - 30)));
  page.figure(svg(HeatMap{"Activations", "activation", "", "share", columns, rows, histogram}), "");
  page.figure(svg(HeatMap{"One row, unnamed", "", "", "", {}, {}, {{0, 1, 2, kMissing}}}), "");
  page.figure(svg(HeatMap{"Zeros", "x", "y", "", {"a", "b"}, {"c"}, {{0, 0}}}), "");
  page.figure(svg(HeatMap{"Nothing", "x", "y", "", {}, {}, {}}), "");
}

void words(Page& page, const std::string& png) {
  page.heading("Words and numbers");
  page.paragraph(
      "A paragraph with <b>letters</b> & signs that HTML would take for its own, long enough to need several lines on "
      "a telephone.");
  page.list(
      {"First.", "Second, with averylongwordthatdoesnotfitonatelephonebecauseithasnospacesatallinitandgoesonandon."});
  page.code(
      "norma lab convergence --data /a/long/path/to/cifar-10-batches-bin --out runs/lab-convergence-001 --seed 0 "
      "--threads 2");
  page.table({"network", "learning rate", "accuracy, %", "steps to 60 %", "loss", "train accuracy, %", "seconds"},
             {{"batch norm", "0.1", "61.2 ± 0.4", "310", "1.09", "64.01", "12.5"},
              {"none", "0.5", "10.0", "never", "NaN", "10.02", "9.25"}});
  page.pictures({png, png, png, png, png, png},
                {"cat, taken for dog with 99.1 %", "b", "c", "d", "e", "ship, taken for airplane with 98 %"});
}

TEST(Chart, Gallery) {
  const char* path = std::getenv("NORMA_GALLERY");
  if (!path) GTEST_SKIP() << "NORMA_GALLERY does not name a file";
  Page page("Gallery");
  lines(page);
  bars(page);
  heat_maps(page);
  std::ifstream file(join(NORMA_SOURCE_DIR, "/tests/reference/images/rgb8.png"), std::ios::binary);
  std::stringstream png;
  png << file.rdbuf();
  words(page, png.str());
  std::ofstream(path) << page.html();
}

}  // namespace
}  // namespace norma::test
