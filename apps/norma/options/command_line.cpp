#include "norma/apps/norma/options/command_line.h"

#include <charconv>
#include <cmath>

#include "norma/core/check.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/schedule.h"

namespace norma {

CLI::Validator finite_number(bool zero_allowed, double most) {
  const auto validate = [zero_allowed, most](const std::string& text) -> std::string {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value);
    if (number && std::isfinite(value) && (value > 0 || (zero_allowed && value == 0)) && value <= most) return "";
    return join("must be a finite number ", zero_allowed ? ">= 0" : "> 0",
                std::isfinite(most) ? join(" and <= ", most) : "", ", got '", text, "'");
  };
  return CLI::Validator(validate, "X");
}

CLI::Validator whole_number(Index least, Index most) {
  const auto validate = [least, most](const std::string& text) -> std::string {
    Index value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    const bool octal = text.size() > 1 && text.front() == '0';
    if (error == std::errc() && rest == end && !octal && least <= value && value <= most) return "";
    return join("must be a whole number from ", least, " to ", most, octal ? ", without 0 in front" : "", ", got '",
                text, "'");
  };
  return CLI::Validator(validate, "N");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : "|") + name;
  const auto validate = [names, list](const std::string& text) -> std::string {
    if (std::find(names.begin(), names.end(), text) != names.end()) return "";
    return join("must be one of ", list, ", got '", text, "'");
  };
  return CLI::Validator(validate, list);
}

CLI::Validator fraction() {
  const auto validate = [](const std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= 0 && value <= 1) return "";
    return join("must lie in [0,1], got '", text, "'");
  };
  return CLI::Validator(validate, "X");
}

CLI::Validator image_side() { return whole_number(8, 1024); }

namespace {

CLI::Validator not_empty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");
}

template <class Value>
void add(CLI::App& verb, const char* name, Value& value, const char* help, const CLI::Validator& valid) {
  verb.add_option(name, value, help)->check(valid)->option_text(valid.get_description() + "  [" + join(value) + "]");
}

}  // namespace

void add_data_option(CLI::App& verb, Options& o, const std::string& otherwise) {
  verb.add_option(
          "--data", o.data,
          "Folder in CIFAR-10's binary format, folder with train/CLASS/*.png (or .jpg) and test/CLASS/*.png, or "
          "'synthetic'. Without it: " +
              otherwise + "$NORMA_DATA, else datasets/cifar-10-batches-bin, else synthetic")
      ->check(not_empty())
      ->option_text("DIR|synthetic");
}

void add_data_options(CLI::App& verb, Options& o, const std::string& otherwise) {
  add_data_option(verb, o, otherwise);
  add(verb, "--limit", o.limit, "Use only the first N training and the first N test images; 0 for all",
      whole_number(0));
}

void add_image_size_option(CLI::App& verb, Index& size) {
  verb.add_option("--image-size", size, "Side of the squares that pictures of an image folder become")
      ->check(image_side())
      ->option_text("N  [32]");
}

void add_model_options(CLI::App& verb, Options& o) { add(verb, "--model", o.model, "Network", one_of(model_names())); }

void add_norm_option(CLI::App& verb, Options& o) {
  add(verb, "--norm", o.norm, "What stands behind each convolution", one_of(norm_names()));
}

void add_norms_option(CLI::App& verb, std::vector<std::string>& norms) {
  const CLI::Validator valid = one_of(norm_names());
  verb.add_option("--norm", norms, "What stands behind each convolution, one run each")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(valid)
      ->option_text(valid.get_description() + ",...  [batch,none]");
}

void add_lr_option(CLI::App& verb, Options& o) {
  add(verb, "--lr", o.lr, "Highest learning rate", finite_number(false));
}

void add_sgd_options(CLI::App& verb, Options& o) {
  add(verb, "--batch-size", o.batch_size, "Images a step", whole_number(1));
  add(verb, "--momentum", o.momentum, "Momentum of SGD (Nesterov's if > 0)", finite_number(true));
  add(verb, "--weight-decay", o.weight_decay, "Weight decay of SGD", finite_number(true));
}

void add_lr_find_options(CLI::App& verb, LrFindOptions& o) {
  add(verb, "--from", o.from, "First learning rate", finite_number(false));
  add(verb, "--to", o.to, "Last learning rate", finite_number(false));
  add(verb, "--steps", o.steps, "Steps from the first rate to the last", whole_number(20));
  add_sgd_options(verb, o);
  add(verb, "--seed", o.seed, "Seed of weights, order and augmentation", whole_number(0));
  add_threads_option(verb, o);
  add_conv_option(verb, o);
}

void add_training_options(CLI::App& verb, Options& o) {
  add(verb, "--epochs", o.epochs, "Passes over the training images", whole_number(1));
  add_sgd_options(verb, o);
  add(verb, "--schedule", o.schedule, "Course of the learning rate", one_of(Schedule::names()));
  verb.add_option("--warmup", o.warmup, "Epochs in which the rate rises; default 0.3 of all for one-cycle, else 0")
      ->check(finite_number(true))
      ->option_text("X");
  add(verb, "--label-smoothing", o.label_smoothing, "Part of the target spread over all classes", fraction());
  add(verb, "--augment", o.augment, "Random crops and mirror images", one_of({"on", "off"}));
  add(verb, "--seed", o.seed, "Seed of weights, order and augmentation", whole_number(0));
  add_threads_option(verb, o);
  add_conv_option(verb, o);
}

void add_conv_option(CLI::App& verb, Options& o) {
  add(verb, "--conv", o.conv, "How to convolve: fast, or as conv2d.cpp defines it", one_of(conv_names()));
}

void add_threads_option(CLI::App& verb, Options& o) {
  verb.add_option("--threads", o.threads, "Threads; default one a processor. The result does not depend on it")
      ->check(whole_number(1, 1024))
      ->option_text("N");
}

void add_out_option(CLI::App& verb, Options& o) {
  verb.add_option("--out", o.out, "Run folder to make; default runs/" + verb.get_name() + "-001, -002, ...")
      ->check(not_empty())
      ->option_text("DIR");
}

void add_resume_options(CLI::App& verb, Options& o) {
  add(verb, "--save-every", o.save_every, "Save every N steps too, beside after every epoch; 0 never", whole_number(0));
  add(verb, "--keep", o.keep, "Checkpoints kept beside the last one", whole_number(1));
  CLI::Option* resume =
      verb.add_option(
              "--resume", o.resume,
              "Go on with the run in this folder, as if it had never stopped. Its options hold; --threads, --data "
              "(the same images elsewhere), --save-every and --keep may differ")
          ->check(not_empty())
          ->excludes(verb.get_option("--out"))
          ->option_text("RUN");
  verb.add_flag("--override", o.override_, "With --resume: take other options too; the run is then not what it was")
      ->needs(resume)
      ->option_text(" ");
}

void add_use_options(CLI::App& verb, UseOptions& o) {
  verb.add_option("weights", o.weights, "Run folder of norma train, its best weights are used; or a safetensors file")
      ->required()
      ->check(not_empty())
      ->option_text("RUN|FILE");
  verb.add_flag("--mirror", o.mirror, "Mean of the logits of each image and of its mirror image");
  verb.add_flag("--json", o.json, "Print JSON");
  add_threads_option(verb, o);
  CLI::App& untold = *verb.add_option_group("What a file not written by Norma leaves untold");
  const auto add_name = [&untold](const char* name, std::string& value, const std::vector<std::string>& names) {
    const CLI::Validator valid = one_of(names);
    untold.add_option(name, value)->check(valid)->option_text(valid.get_description());
  };
  add_name("--model", o.model, model_names());
  add_name("--norm", o.norm, norm_names());
  untold.add_option("--classes", o.classes, "Number of classes")->check(whole_number(1))->option_text("N");
  const auto add_numbers = [&untold](const char* name, std::vector<double>& values, const char* help, bool zero) {
    untold.add_option(name, values, help)
        ->delimiter(',')
        ->allow_extra_args(false)  // images may follow
        ->check(finite_number(zero))
        ->option_text("R,G,B");
  };
  add_numbers("--mean", o.mean, "Of the training images' pixels, scaled to [0,1]", true);
  add_numbers("--deviation", o.deviation, "Their standard deviation", false);
}

void add_lab_options(CLI::App& verb, LabOptions& o, const std::vector<std::string>& names) {
  if (!names.empty())
    verb.add_option("name", o.name, "What to find out")
        ->check(one_of(names))
        ->option_text(one_of(names).get_description());
  add_data_option(verb, o);
  add_out_option(verb, o);
  add(verb, "--seed", o.seed, "Seed of weights and order; where several are needed, the first", whole_number(0));
  add_threads_option(verb, o);
  add(verb, "--scale", o.scale, "Length of the trainings: 1 takes some minutes, 3 three times as long",
      finite_number(false, kLargestScale));
  verb.add_option("--resume", o.resume, "Go on with the lab in this folder: its finished jobs are kept")
      ->check(not_empty())
      ->excludes(verb.get_option("--out"))
      ->option_text("RUN");
}

void add_bench_options(CLI::App& verb, BenchOptions& o) {
  add(verb, "--model", o.model, "Network", one_of(bench_net_names()));
  add(verb, "--batch,--batch-size", o.batch_size, "Images a step", whole_number(2));
  add(verb, "--steps", o.steps, "Steps that are timed, behind 5 that are not", whole_number(1));
  add_threads_option(verb, o);
  add_conv_option(verb, o);
  verb.add_flag("--json", o.json, "Print JSON");
}

}  // namespace norma
