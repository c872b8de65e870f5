// Confusion: which classes a network takes for which.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "norma/core/tensor.h"

namespace norma {

/// How often images of each class were taken for each class.
class Confusion {
 public:
  /// Throws Error without a class.
  explicit Confusion(std::vector<std::string> class_names);

  /// Counts the answers logits (N,K), the largest number of each row, against N labels. Throws Error for shapes and
  /// labels that do not fit, and changes nothing then.
  void add(const Tensor& logits, std::span<const int> labels);

  Index classes() const { return static_cast<Index>(names_.size()); }
  const std::string& name(Index label) const { return names_[static_cast<std::size_t>(label)]; }
  /// Images of class `label` that were taken for `answer`.
  Index count(Index label, Index answer) const { return counts_(label, answer); }
  /// Images of class `label`.
  Index images(Index label) const { return counts_.row(label).sum(); }
  /// Share of the images of class `label` that were taken for it, 0 to 1; NaN without images.
  double accuracy(Index label) const;

  /// For people, at most 120 columns wide: a row per class with its images, its accuracy and how often it was taken for
  /// each class; where that is too wide, the ten most frequent confusions stand below instead.
  std::string table() const;
  /// A header and a line per class, its name first, then how often it was taken for each class.
  std::vector<std::string> csv() const;

 private:
  std::string row(Index label, int name_width, int cell_width) const;
  std::string most_frequent() const;

  std::vector<std::string> names_;
  Eigen::Array<Index, Eigen::Dynamic, Eigen::Dynamic> counts_;  // label x answer
};

}  // namespace norma
