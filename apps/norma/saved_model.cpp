#include "apps/norma/saved_model.h"

#include <filesystem>

#include "apps/norma/models.h"
#include "apps/norma/weights_file.h"
#include "core/ops.h"
#include "data/safetensors.h"
#include "layers/batch_norm_model.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

std::string weights_file(const std::string& run_or_file) {
  check(!run_or_file.empty(), "needs a run folder or a safetensors file");
  std::error_code failed;
  if (!fs::is_directory(run_or_file, failed)) return run_or_file;
  for (const char* name : {"weights/best.safetensors", "weights/last.safetensors"})
    if (const fs::path file = fs::path(run_or_file) / name; fs::exists(file, failed)) return file.string();
  throw DataError(run_or_file + ": holds neither weights/best.safetensors nor weights/last.safetensors");
}

/// What the file tells; where it tells nothing, what the options tell.
WeightsInfo info_of(const TensorFile& read, const std::string& file, const UseOptions& o) {
  const auto classes = [](const WeightsInfo& info) { return static_cast<Index>(info.class_names.size()); };
  const PixelStats given{.mean = o.mean, .deviation = o.deviation};
  if (const std::optional<WeightsInfo> told = info_from(read.metadata, file)) {
    const auto agree = [&file](const char* option, const auto& value, const auto& none, const auto& value_told) {
      check(value == none || value == value_told, option, " ", value, ": ", file, " tells ", value_told);
    };
    agree("--model", o.model, "", told->model);
    agree("--norm", o.norm, "", told->norm);
    agree("--classes", o.classes, 0, classes(*told));
    check(given.mean.empty() && given.deviation.empty(), "--mean, --deviation: ", file, " tells them");
    return *told;
  }
  check(!o.model.empty() && !o.norm.empty() && o.classes > 0, file,
        ": does not tell what network it holds, Norma did not write it; say it with --model, --norm and --classes");
  WeightsInfo info{.model = o.model, .norm = o.norm, .class_names = unnamed_classes(o.classes), .normalisation = given};
  const std::size_t channels = given.mean.size();
  check(channels == given.deviation.size() && (channels == 0 || channels == 3),
        "--mean, --deviation: need 3 numbers each, got ", channels, " and ", given.deviation.size());
  return info;
}

void check_finite(const NamedTensors& tensors, const std::string& file) {
  for (const auto& [name, tensor] : tensors)
    if (!tensor.rows().isFinite().all()) throw DataError(file + ": " + name + " holds NaN or infinity");
}

Sequential network(const WeightsInfo& info, const NamedTensors& tensors, const std::string& file) {
  check_finite(tensors, file);
  try {
    Sequential net = make_model(info.model, info.norm, info.image, static_cast<Index>(info.class_names.size()), 0);
    net.load_state_dict(tensors);
    net.eval();
    return fold_batch_norm(net);
  } catch (const Error& error) {
    throw DataError(join(file, ": does not fit the network ", info.model, ", norm ", info.norm, ", ",
                         info.class_names.size(), " classes: ", error.what()));
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

std::vector<std::string> unnamed_classes(Index count) {
  std::vector<std::string> names;
  for (Index i = 0; i < count; ++i) names.push_back(join("class ", i));
  return names;
}

SavedModel load_model(const UseOptions& options) {
  const std::string file = weights_file(options.weights);
  const TensorFile read = read_safetensors(file);
  const WeightsInfo info = info_of(read, file, options);
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
  Tensor result = net(images);
  if (mirror) result = scale(add(result, net(mirrored(images))), Real{0.5});
  if (!result.rows().isFinite().all()) throw DataError(file + ": the network's answers are NaN or infinite");
  return result;
}

}  // namespace norma
