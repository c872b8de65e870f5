// The options that several verbs have. The numbers and names that they set are the defaults.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/training/settings.h"

namespace norma {

/// --data. `otherwise` is what comes first where it is not given: "the data of the run, else ".
void add_data(Options& options, std::string& data, const std::string& otherwise = "");
void add_limit(Options& options, Index& limit);
void add_image_size(Options& options, Index& size);
void add_model(Options& options, std::string& model);
/// --norm; `norm` is one name or several.
void add_norm(Options& options, Member norm);
void add_conv(Options& options, std::string& conv);
/// What a verb trains, and on what: --data --limit --image-size --model --norm --conv.
template <class Settings>
void add_network_and_data(Options& options, Settings& settings, Member norm) {
  add_data(options, settings.data);
  add_limit(options, settings.limit);
  add_image_size(options, settings.image_size);
  add_model(options, settings.model);
  add_norm(options, norm);
  add_conv(options, settings.conv);
}
/// --batch-size --lr --momentum --weight-decay; `lr` is one number, several or none.
void add_sgd(Options& options, TrainingSettings& settings, std::optional<Member> lr);
void add_augment(Options& options, bool& augment);
/// --epochs, the options of SGD, --label-smoothing --schedule --warmup --augment.
void add_training(Options& options, TrainingSettings& settings, Member lr);
void add_seed(Options& options, std::uint64_t& seed);
void add_threads(Options& options);
/// --out of a verb that makes a run folder.
Option& add_out(Options& options, std::string& folder);

/// Throws Error where settings that are right by themselves do not fit together.
void check_together(const TrainingSettings& settings);

}  // namespace norma
