#include "norma/apps/norma/run/saved_model.h"

#include <filesystem>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/training/weights_file.h"
#include "norma/core/ops.h"
#include "norma/data/files/safetensors.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

std::string weights_file(const std::string& run_or_file) {
  std::error_code failed;
  if (!fs::is_directory(run_or_file, failed)) return run_or_file;
  for (const char* name : {"weights/best.safetensors", "weights/last.safetensors"})
    if (const fs::path file = fs::path(run_or_file) / name; fs::exists(file, failed)) return file.string();
  throw DataError(run_or_file + ": holds neither weights/best.safetensors nor weights/last.safetensors");
}

Index classes_of(const WeightsInfo& info) { return static_cast<Index>(info.class_names.size()); }

/// What Norma wrote into the file. Options may repeat it.
WeightsInfo info_told(const TensorFile& read, const std::string& file, const UseOptions& o) {
  WeightsInfo told;
  try {
    told = weights_info(read.metadata);
    for (const double deviation : told.normalisation.deviation)
      check(deviation > 0, "metadata: deviation must be positive, got ", deviation);
  } catch (const Error& error) {
    throw DataError(file + ": " + error.what());
  }
  const auto agree = [&file](const char* option, const auto& given, const auto& none, const auto& value) {
    check(given == none || given == value, option, " ", given, ": ", file, " tells ", value);
  };
  agree("--model", o.model, "", told.model);
  agree("--norm", o.norm, "", told.norm);
  agree("--classes", o.classes, 0, classes_of(told));
  check(o.mean.empty() && o.deviation.empty(), "--mean, --deviation: ", file, " tells them");
  return told;
}

/// What the options tell of a file that PyTorch or others wrote.
WeightsInfo info_given(const std::string& file, const UseOptions& o) {
  check(!o.model.empty() && !o.norm.empty() && o.classes > 0, file,
        ": does not tell what network it holds, Norma did not write it; say it with --model, --norm and --classes");
  WeightsInfo info;
  const auto channels = static_cast<std::size_t>(info.image[1]);
  check(o.mean.size() == o.deviation.size() && (o.mean.empty() || o.mean.size() == channels),
        "--mean, --deviation: need ", channels, " numbers each, got ", o.mean.size(), " and ", o.deviation.size());
  info.model = o.model;
  info.norm = o.norm;
  info.class_names = unnamed_classes(o.classes);
  info.normalisation = {.mean = o.mean, .deviation = o.deviation};
  return info;
}

void check_finite(const NamedTensors& tensors, const std::string& file) {
  for (const auto& [name, tensor] : tensors)
    if (!tensor.rows().isFinite().all()) throw DataError(file + ": " + name + " holds NaN or infinity");
}

Sequential network(const WeightsInfo& info, const NamedTensors& tensors, const std::string& file) {
  check_finite(tensors, file);
  try {
    Sequential net = make_network(info.model, info.norm, info.image, classes_of(info), 0);
    net.load_state_dict(tensors);
    net.eval();
    return fold_batch_norm(net);
  } catch (const Error& error) {
    throw DataError(join(file, ": does not fit the network ", info.model, ", norm ", info.norm, ", ", classes_of(info),
                         " classes: ", error.what()));
  }
}

/// Images (N,C,H,W) with left and right exchanged.
Tensor mirrored(const Tensor& images) {
  const Index width = images.dim(3), rows = images.dim(0) * images.dim(2);
  Tensor result = Tensor::empty(images.shape());
  for (Index row = 0; row < rows; ++row)
    result.pixels().middleRows(row * width, width) = images.pixels().middleRows(row * width, width).colwise().reverse();
  return result;
}

}  // namespace

void declare(Options& o, UseOptions& s) {
  o.add("weights", &s.weights, any("RUN|FILE"),
        "Run folder of norma train, its best weights are used; or a safetensors file")
      .required();
  o.flag("--mirror", &s.mirror, "Mean of the logits of each image and of its mirror image");
  o.flag("--json", &s.json, "Print JSON");
  add_threads(o);
  o.heading("For a file that Norma did not write");
  add_model(o, s.model);
  add_norm(o, &s.norm);
  o.add("--classes", &s.classes, whole_number(1), "Number of classes");
  o.add("--mean", &s.mean, list_of(finite_number(true)), "Of the training images' red, green, blue, scaled to [0,1]");
  o.add("--deviation", &s.deviation, list_of(finite_number(false)), "Their standard deviation");
  o.heading("");
}

std::vector<std::string> unnamed_classes(Index count) {
  std::vector<std::string> names;
  for (Index i = 0; i < count; ++i) names.push_back(join("class ", i));
  return names;
}

SavedModel load_model(const UseOptions& options) {
  const std::string file = weights_file(options.weights);
  const TensorFile read = read_safetensors(file);
  const WeightsInfo info = read.metadata.contains("model") ? info_told(read, file, options) : info_given(file, options);
  SavedModel model{.file = file,
                   .description = info.model + ", norm " + info.norm,
                   .image = info.image,
                   .class_names = info.class_names,
                   .normalisation = info.normalisation,
                   .net = network(info, read.tensors, file)};
  if (info.epoch > 0) model.description += join(", trained for ", info.epoch, info.epoch == 1 ? " epoch" : " epochs");
  return model;
}

Tensor SavedModel::logits(const Tensor& images, bool mirror) {
  const NoGrad no_graph_needed;
  const EvalMode eval(net);
  const auto answers = [this](const Tensor& x) {
    try {
      return net(x);
    } catch (const Error& error) {  // the file tells a size of images that its network does not take
      throw DataError(file + ": " + error.what());
    }
  };
  Tensor result = answers(images);
  if (mirror) result = scale(add(result, answers(mirrored(images))), Real{0.5});
  if (!result.rows().isFinite().all()) throw DataError(file + ": the network's answers are NaN or infinite");
  return result;
}

}  // namespace norma
