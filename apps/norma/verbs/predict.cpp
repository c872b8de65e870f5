// norma predict: what images in files show.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/saved_model.h"
#include "norma/apps/training/training.h"
#include "norma/data/files/text.h"
#include "norma/data/image_folder.h"
#include "norma/data/loader.h"

namespace norma {
namespace {

struct PredictOptions : UseOptions {
  std::vector<std::string> images;
  Index top = 3;
};

constexpr Index kBatch = 64;  // at most, so that the first answers come soon

/// For people, whatever the names of files are made of; JSON holds them as they are.
std::string one_line_of(const std::string& text) { return printable(text, text.size()); }

/// Predicts images a batch at a time and prints a line for each.
class Predictor {
 public:
  Predictor(SavedModel& model, const PredictOptions& options) : model_(model), options_(options) {
    images_.channels = model.image[1];
    images_.height = model.image[2];
    images_.width = model.image[3];
  }

  /// Reads an image; says so on stderr if that fails.
  void add(const std::string& path) {
    try {
      const Image image = square(read_image(path), images_.height);
      images_.bytes.resize(images_.bytes.size() + image.rgb.size());
      to_planes(image, images_.bytes.data() + images_.bytes.size() - image.rgb.size());
      images_.labels.push_back(0);  // not known, not used
      paths_.push_back(path);
    } catch (const DataError& error) {
      fmt::print(stderr, "norma predict: {}\n", one_line_of(error.what()));
      failed_ = true;
    }
    if (images_.size() == std::min(kBatch, test_batch_size(model_.image))) finish();
  }

  /// Prints what was added since.
  void finish() {
    if (images_.size() == 0) return;
    DataLoader loader(images_, {.batch_size = images_.size(), .normalisation = model_.normalisation});
    const Tensor logits = model_.logits(loader.batch(0).images, options_.mirror);
    for (Index i = 0; i < images_.size(); ++i) print(paths_[static_cast<std::size_t>(i)], probabilities(logits, i));
    std::fflush(stdout);
    images_.bytes.clear();
    images_.labels.clear();
    paths_.clear();
  }

  bool failed() const { return failed_; }

 private:
  void print(const std::string& path, const std::vector<double>& probability) const {
    std::vector<Index> best(probability.size());
    std::iota(best.begin(), best.end(), Index{0});
    const auto p = [&](Index i) { return probability[static_cast<std::size_t>(i)]; };
    std::stable_sort(best.begin(), best.end(), [&](Index a, Index b) { return p(a) > p(b); });
    best.resize(std::min(best.size(), static_cast<std::size_t>(options_.top)));
    Json line{{"path", path}, {"top", Json::array()}};
    std::string text;
    for (const Index i : best) {
      const std::string& name = model_.class_names[static_cast<std::size_t>(i)];
      text += fmt::format("{} {} {:.1f}%", text.empty() ? "" : ",", name, 100 * p(i));
      line["top"].push_back({{"class", name}, {"index", i}, {"probability", p(i)}});
    }
    if (options_.json)
      fmt::print("{}\n", one_line(line));
    else
      fmt::print("{}:{}\n", one_line_of(path), text);
  }

  SavedModel& model_;
  const PredictOptions& options_;
  ImageSet images_;
  std::vector<std::string> paths_;
  bool failed_ = false;
};

int predict(const PredictOptions& options) {
  check(!options.images.empty() || !isatty(STDIN_FILENO), "needs images, or a list of their paths on standard input");
  SavedModel model = load_model(options);
  const std::vector<double>& mean = model.normalisation.mean;
  check(!mean.empty(), model.file, ": does not tell how images were normalised; say it with --mean and --deviation");
  if (model.image[1] != 3 || model.image[2] != model.image[3])
    throw DataError(join(model.file, ": takes images ", model.image, ", predict makes square ones of 3 channels"));
  Predictor predictor(model, options);
  Index images = 0;
  const auto add = [&](const std::string& path) {
    predictor.add(path);
    ++images;
  };
  for (const std::string& path : options.images.empty() ? std::vector<std::string>{"-"} : options.images) {
    if (path != "-") {
      add(path);
      continue;
    }
    for (std::string line; std::getline(std::cin, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) add(line);
    }
  }
  predictor.finish();
  check(images > 0, "the list of images on standard input is empty");
  return predictor.failed() ? kData : kDone;
}

}  // namespace

Verb predict_verb() {
  const auto options = [](Options& o, PredictOptions& s) {
    declare(o, static_cast<UseOptions&>(s));
    o.add("images", &s.images, any("IMAGE ..."), "PNG and JPEG files; '-' or none: a list of paths on stdin");
    o.add("--top", &s.top, whole_number(1), "Classes to print");
  };
  return make_verb<PredictOptions>("predict", "Say what images show, with a trained network", options, predict);
}

}  // namespace norma
