// norma eval: a trained network on the test images.
#include <fmt/format.h>

#include <optional>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/resumed_run.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/norma/run/saved_model.h"
#include "norma/apps/training/confusion.h"
#include "norma/apps/training/datasets.h"
#include "norma/apps/training/training.h"
#include "norma/data/files/text.h"

namespace norma {
namespace {

struct EvalOptions : UseOptions {
  std::string data, out;
  Index limit = 0;
};

/// Throws DataError where the network and the images cannot belong together, and warns where they may not.
void check_fit(const SavedModel& model, const DataSets& datasets) {
  const auto both = [&](const auto& of_model, const auto& of_data, const char* what) {
    return join(model.file, ": the network knows ", of_model, " ", what, ", the data (", datasets.description, ") has ",
                of_data);
  };
  if (model.classes() != datasets.classes()) throw DataError(both(model.classes(), datasets.classes(), "classes"));
  if (model.image != datasets.image_shape())
    throw DataError(both(join("images ", model.image), datasets.image_shape(), "as one batch"));
  const auto listed = [](const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); };
  if (model.class_names != datasets.test.class_names && model.class_names != unnamed_classes(model.classes()))
    fmt::print(stderr, "norma: warning: {}\n",
               printable(both(listed(model.class_names), listed(datasets.test.class_names), "by name"),
                         std::string::npos));
}

void print_json(const EvalOptions& options, const SavedModel& model, const DataSets& datasets, const Score& score,
                const Confusion& confusion) {
  Json classes, matrix;
  for (Index label = 0; label < confusion.classes(); ++label) {
    classes.push_back({{"class", confusion.name(label)},
                       {"images", confusion.images(label)},
                       {"accuracy", confusion.accuracy(label)}});  // NaN becomes null
    Json row;
    for (Index answer = 0; answer < confusion.classes(); ++answer) row.push_back(confusion.count(label, answer));
    matrix.push_back(row);
  }
  const Json all{{"file", model.file},           {"model", model.description},
                 {"data", datasets.description}, {"images", datasets.test.size()},
                 {"mirror", options.mirror},     {"loss", score.loss},
                 {"accuracy", score.accuracy},   {"classes", classes},
                 {"confusion", matrix}};
  fmt::print("{}\n", one_line(all));
}

int eval(const EvalOptions& options) {
  SavedModel model = load_model(options);
  const std::string data = options.data.empty() ? data_of_run(options.weights) : options.data;
  const bool told = !model.normalisation.mean.empty();
  const DataSets datasets = open_datasets(data, options.limit, model.image[2], told ? Parts::kTest : Parts::kAll);
  check_fit(model, datasets);
  std::optional<LineFile> csv;
  if (!options.out.empty()) csv.emplace(options.out);
  if (!told) model.normalisation = datasets.normalisation;

  Confusion confusion(model.class_names);
  DataLoader loader(datasets.test, {.batch_size = test_batch_size(model.image), .normalisation = model.normalisation});
  const Score score =
      evaluate([&](const Tensor& images) { return model.logits(images, options.mirror); }, loader,
               [&](const Tensor& logits, std::span<const int> labels) { confusion.add(logits, labels); });
  if (csv)
    for (const std::string& line : confusion.csv()) csv->add(line);
  if (options.json) {
    print_json(options, model, datasets, score, confusion);
    return kDone;
  }
  fmt::print("data     {}: {} test images, {} classes\n", datasets.description, datasets.test.size(), model.classes());
  fmt::print("weights  {}: {}\n", model.file, model.description);
  fmt::print("result   loss {}, accuracy {}{}\n\n", loss_text(score.loss), percent_text(score.accuracy),
             options.mirror ? ", each image with its mirror image" : "");
  fmt::print("{}", confusion.table());
  return kDone;
}

}  // namespace

Verb eval_verb() {
  const auto options = [](Options& o, EvalOptions& s) {
    declare(o, static_cast<UseOptions&>(s));
    add_data(o, s.data, "the data of the run, else ");
    add_limit(o, s.limit);
    o.add("--out", &s.out, any("FILE"), "Write the confusion matrix here as CSV");
  };
  return make_verb<EvalOptions>("eval", "Test a trained network: accuracy, confusion matrix", options, eval);
}

}  // namespace norma
