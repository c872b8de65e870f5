// norma data verify: whether a set can be read, how many images a class has, and which are equal byte for byte.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/verbs/data.h"
#include "norma/apps/training/datasets.h"

namespace norma {
namespace {

struct VerifyOptions {
  std::string data;
  Index image_size = 32;
};

/// Images seen, by content.
using Seen = std::unordered_map<std::string_view, Index>;

std::string_view content(const ImageSet& set, Index i) {
  return {reinterpret_cast<const char*>(set.image(i)), static_cast<std::size_t>(set.image_bytes())};
}

int label(const ImageSet& set, Index i) { return set.labels[static_cast<std::size_t>(i)]; }

/// Images of `set` that are equal to one of `others`, and those of them that have another label.
struct Equal {
  Index images = 0, other_label = 0;

  void count(const ImageSet& set, Index i, const ImageSet& others, const Seen& seen) {
    const auto twin = seen.find(content(set, i));
    if (twin == seen.end()) return;
    ++images;
    other_label += label(set, i) != label(others, twin->second);
  }
};

/// Images that are equal to an earlier one of the same set; all of them are in `seen` after this.
Equal repeated(const ImageSet& set, Seen& seen) {
  Equal equal;
  for (Index i = 0; i < set.size(); ++i) {
    equal.count(set, i, set, seen);
    seen.emplace(content(set, i), i);
  }
  return equal;
}

void print(const char* where, const Equal& equal) {
  fmt::print("{:<42}{:>8}{}\n", where, equal.images,
             equal.other_label ? fmt::format(", {} of them of another class", equal.other_label) : "");
}

int verify_data(const VerifyOptions& o) {
  const DataSets sets = open_datasets(o.data, 0, o.image_size);
  fmt::print("{}: {} training and {} test images {}x{}x{}, {} classes\n\n", sets.description, sets.train.size(),
             sets.test.size(), sets.train.channels, sets.train.height, sets.train.width, sets.classes());
  fmt::print("{:<32}{:>9}{:>9}\n", "class", "training", "test");
  for (int c = 0; c < static_cast<int>(sets.classes()); ++c)
    fmt::print("{:<32}{:>9}{:>9}\n", sets.train.class_names[static_cast<std::size_t>(c)],
               std::count(sets.train.labels.begin(), sets.train.labels.end(), c),
               std::count(sets.test.labels.begin(), sets.test.labels.end(), c));
  Seen training, test;
  fmt::print("\nequal images{}\n", sets.resized ? ", once resized" : "");
  print("  training images equal to an earlier one", repeated(sets.train, training));
  print("  test images equal to an earlier one", repeated(sets.test, test));
  Equal both;
  for (Index i = 0; i < sets.test.size(); ++i) both.count(sets.test, i, sets.train, training);
  print("  test images equal to a training image", both);
  return kDone;
}

}  // namespace

Verb data_verify_verb() {
  const auto declare = [](Options& o, VerifyOptions& s) {
    add_data_argument(o, s.data);
    add_image_size(o, s.image_size);
  };
  return make_verb<VerifyOptions>("verify", "Read a set, count its classes and look for equal images", declare,
                                  verify_data);
}

}  // namespace norma
