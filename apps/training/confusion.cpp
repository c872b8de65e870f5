#include "norma/apps/training/confusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "norma/apps/training/csv.h"

namespace norma {
namespace {

constexpr int kLineWidth = 120, kNameWidth = 12, kHeadWidth = 8;  // of the line, of a row's name, of a column's
constexpr const char* kCounted = "{:>8}  {:>8}";                  // images and accuracy

int digits(Index number) { return static_cast<int>(std::to_string(number).size()); }

}  // namespace

Confusion::Confusion(std::vector<std::string> class_names)
    : names_(std::move(class_names)), counts_(decltype(counts_)::Zero(classes(), classes())) {
  check(!names_.empty(), "Confusion: needs at least one class");
}

void Confusion::add(const Tensor& logits, std::span<const int> labels) {
  const auto images = static_cast<Index>(labels.size());
  check(logits.shape() == Shape{images, classes()}, "Confusion: ", images, " labels of ", classes(),
        " classes need logits ", Shape{images, classes()}, ", got ", logits.shape());
  for (const int label : labels)
    check(0 <= label && label < classes(), "Confusion: label ", label, " is not one of ", classes(), " classes");
  for (Index n = 0; n < images; ++n) {
    Index answer = 0;
    logits.rows().row(n).maxCoeff(&answer);
    ++counts_(labels[static_cast<std::size_t>(n)], answer);
  }
}

double Confusion::accuracy(Index label) const {
  if (images(label) == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(count(label, label)) / static_cast<double>(images(label));
}

std::string Confusion::row(Index label, int name_width, int cell_width) const {
  const std::string share = images(label) > 0 ? fmt::format("{:.2f}%", 100 * accuracy(label)) : "-";
  std::string line = fmt::format("{:<{}.{}}", name(label), name_width, name_width);
  line += fmt::format(kCounted, images(label), share);
  for (Index answer = 0; cell_width > 0 && answer < classes(); ++answer)
    line += fmt::format("{:>{}}", count(label, answer) > 0 ? std::to_string(count(label, answer)) : ".", cell_width);
  return line + '\n';
}

std::string Confusion::table() const {
  std::size_t longest = 5;
  for (const std::string& name : names_) longest = std::max(longest, name.size());
  const int name_width = std::min(static_cast<int>(longest), kNameWidth);
  int cell_width = 1 + std::max(std::min(static_cast<int>(longest), kHeadWidth), digits(counts_.maxCoeff()));
  std::string text = fmt::format("{:<{}}", "class", name_width) + fmt::format(kCounted, "images", "accuracy");
  const bool fits = static_cast<Index>(text.size()) + classes() * cell_width <= kLineWidth;
  if (!fits) cell_width = 0;
  for (Index answer = 0; fits && answer < classes(); ++answer)
    text += fmt::format("{:>{}.{}}", name(answer), cell_width, cell_width - 1);
  text += '\n';
  for (Index label = 0; label < classes(); ++label) text += row(label, name_width, cell_width);
  return fits ? text : text + most_frequent();
}

std::string Confusion::most_frequent() const {
  std::vector<std::tuple<Index, Index, Index>> wrong;  // -count, label, answer: the smallest is the most frequent
  for (Index label = 0; label < classes(); ++label)
    for (Index answer = 0; answer < classes(); ++answer)
      if (label != answer && count(label, answer) > 0) wrong.emplace_back(-count(label, answer), label, answer);
  std::sort(wrong.begin(), wrong.end());
  wrong.resize(std::min<std::size_t>(wrong.size(), 10));
  std::string text = wrong.empty() ? "" : "\nmost frequent confusions\n";
  for (const auto& [times, label, answer] : wrong)
    text += fmt::format("{:>8}  {} taken for {}\n", -times, name(label), name(answer));
  return text;
}

std::vector<std::string> Confusion::csv() const {
  std::vector<std::string> fields{"class"};
  fields.insert(fields.end(), names_.begin(), names_.end());
  std::vector<std::string> lines{csv_line(fields)};
  for (Index label = 0; label < classes(); ++label) {
    fields = {name(label)};
    for (Index answer = 0; answer < classes(); ++answer) fields.push_back(std::to_string(count(label, answer)));
    lines.push_back(csv_line(fields));
  }
  return lines;
}

}  // namespace norma
