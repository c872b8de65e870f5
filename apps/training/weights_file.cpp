#include "norma/apps/training/weights_file.h"

#include <fmt/format.h>

#include "norma/apps/training/metadata.h"
#include "norma/data/files/text.h"
#include "norma/data/image_file.h"

namespace norma {
namespace {

std::string escaped(const std::string& name) {
  std::string text;
  for (const char letter : name) {
    if (letter == ',' || letter == '\\') text += '\\';
    text += letter;
  }
  return text;
}

/// The parts between commas that have no backslash before them.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts{""};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',')
      parts.emplace_back();
    else
      parts.back() += text[i] == '\\' && i + 1 < text.size() ? text[++i] : text[i];
  }
  return parts;
}

std::vector<double> numbers(const std::string& key, const std::string& text) {
  std::vector<double> all;
  for (const std::string& part : split(text)) all.push_back(metadata_number(key, part));
  return all;
}

}  // namespace

std::map<std::string, std::string> to_metadata(const WeightsInfo& info) {
  std::vector<std::string> classes;
  for (const std::string& name : info.class_names) classes.push_back(escaped(name));
  return {{"model", info.model},
          {"norm", info.norm},
          {"image", fmt::format("{},{},{}", info.image[1], info.image[2], info.image[3])},
          {"classes", fmt::format("{}", fmt::join(classes, ","))},
          {"mean", fmt::format("{:.17g}", fmt::join(info.normalisation.mean, ","))},
          {"deviation", fmt::format("{:.17g}", fmt::join(info.normalisation.deviation, ","))},
          {"epoch", std::to_string(info.epoch)},
          {"step", std::to_string(info.step)},
          {"seed", std::to_string(info.seed)},
          {"test_acc", fmt::format("{:.17g}", info.test_acc)}};
}

WeightsInfo weights_info(const std::map<std::string, std::string>& metadata) {
  WeightsInfo info;
  info.model = metadata_text(metadata, "model");
  info.norm = metadata_text(metadata, "norm");
  const std::string image = metadata_text(metadata, "image");
  const std::vector<std::string> sides = split(image);
  check(sides.size() == 3, "metadata: image must be three numbers, C,H,W, got '", image, "'");
  const auto side = [&sides](std::size_t i) { return metadata_count("image", sides[i], 1, kMaxImageSide); };
  info.image = {1, side(0), side(1), side(2)};
  info.class_names = split(metadata_text(metadata, "classes"));
  for (const std::string& name : info.class_names)
    check(is_printable(name), "metadata: the class name '", name, "' holds control characters");
  info.normalisation.mean = numbers("mean", metadata_text(metadata, "mean"));
  info.normalisation.deviation = numbers("deviation", metadata_text(metadata, "deviation"));
  const auto channels = static_cast<std::size_t>(info.image[1]);
  check(info.normalisation.mean.size() == channels && info.normalisation.deviation.size() == channels,
        "metadata: images of ", channels, " channels need as many means and deviations, got ",
        info.normalisation.mean.size(), " and ", info.normalisation.deviation.size());
  info.epoch = metadata_count("epoch", metadata_text(metadata, "epoch"));
  info.step = metadata_count("step", metadata_text(metadata, "step"));
  info.seed = static_cast<std::uint64_t>(metadata_count("seed", metadata_text(metadata, "seed")));
  info.test_acc = metadata_number("test_acc", metadata_text(metadata, "test_acc"));
  return info;
}

}  // namespace norma
