// Page: a report as one HTML file. It needs nothing beside it, runs no script, follows the reader's choice of light
// or dark, fits a telephone and prints.
#pragma once

#include <string>
#include <vector>

namespace norma {

class Page {
 public:
  explicit Page(std::string title);

  // All take plain text, except `svg`: a chart of chart.h.
  /// Of a page with several parts, each with headings of its own.
  void chapter(const std::string& text);
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void list(const std::vector<std::string>& items);
  /// A command or a file, letter by letter.
  void code(const std::string& text);
  /// Charts that are put side by side where there is room. The caption says what one sees.
  void figure(const std::string& svg, const std::string& caption);
  /// Numbers are set right, words left.
  void table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);
  /// Pictures in a row, each with a caption; `pngs` are the bytes of PNG files.
  void pictures(const std::vector<std::string>& pngs, const std::vector<std::string>& captions);

  /// All that is on another page, but for its title.
  void append(const Page& part);

  std::string html() const;
  /// The charts so far, in order, for files of their own.
  const std::vector<std::string>& charts() const { return charts_; }

 private:
  std::string title_, body_;
  std::vector<std::string> charts_;
  bool in_figures_ = false;

  void add(const std::string& block);
};

}  // namespace norma
