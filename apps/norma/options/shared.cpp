#include "norma/apps/norma/options/shared.h"

#include <omp.h>

#include "norma/core/check.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/schedule.h"

namespace norma {
namespace {

Rule one_or_list(const Member& member, const Rule& rule) {
  const bool list =
      std::holds_alternative<std::vector<std::string>*>(member) || std::holds_alternative<std::vector<double>*>(member);
  return list ? list_of(rule) : rule;
}

}  // namespace

void add_data(Options& o, std::string& data, const std::string& otherwise) {
  o.add("--data", &data, any("DIR|synthetic"),
        "Folder in CIFAR-10's binary format, folder with train/CLASS/*.png (or .jpg) and test/CLASS/*.png, or "
        "'synthetic'. Without it: " +
            otherwise + "$NORMA_DATA, else datasets/cifar-10-batches-bin, else synthetic")
      .recorded();
}

void add_limit(Options& o, Index& limit) {
  o.add("--limit", &limit, whole_number(0), "Use only the first N training and the first N test images; 0 for all")
      .decides();
}

void add_image_size(Options& o, Index& size) {
  o.add("--image-size", &size, whole_number(8, 1024), "Side of the squares that pictures of an image folder become")
      .decides();
}

void add_model(Options& o, std::string& model) {
  o.add("--model", &model, one_of(network_names()), "Network").decides();
}

void add_norm(Options& o, Member norm) {
  o.add("--norm", norm, one_or_list(norm, one_of(norm_names())), "What follows each convolution").decides();
}

void add_conv(Options& o, std::string& conv) {
  o.add("--conv", &conv, one_of(conv_names()), "How to convolve: fast, or as conv2d.cpp defines it").decides();
}

void add_sgd(Options& o, TrainingSettings& s, std::optional<Member> lr) {
  o.add("--batch-size", &s.batch_size, whole_number(1), "Images per step").decides();
  if (lr) o.add("--lr", *lr, one_or_list(*lr, finite_number(false)), "Highest learning rate").decides();
  o.add("--momentum", &s.momentum, finite_number(true), "Momentum of SGD (Nesterov's if > 0)").decides();
  o.add("--weight-decay", &s.weight_decay, finite_number(true), "Weight decay of SGD").decides();
}

void add_augment(Options& o, bool& augment) {
  o.add("--augment", &augment, one_of({"on", "off"}), "Random crops and mirror images").decides();
}

void add_training(Options& o, TrainingSettings& s, Member lr) {
  o.add("--epochs", &s.epochs, whole_number(1), "Passes over the training images").decides();
  add_sgd(o, s, lr);
  o.add("--label-smoothing", &s.label_smoothing, fraction(), "Part of the target spread over all classes").decides();
  o.add("--schedule", &s.schedule, one_of(Schedule::names()), "Course of the learning rate").decides();
  o.add("--warmup", &s.warmup, finite_number(true),
        "Epochs in which the rate rises; default 0.3 of all for one-cycle, else 0")
      .decides()
      .written_as([&s] { return s.warmup_epochs(); });
  add_augment(o, s.augment);
}

void add_seed(Options& o, std::uint64_t& seed) {
  o.add("--seed", &seed, whole_number(0), "Seed of weights, order and augmentation").decides();
}

void add_threads(Options& o) {
  o.add("--threads", &o.threads, whole_number(1, 1024),
        "Threads; default one per processor. The result does not depend on it")
      .written_as([] { return omp_get_max_threads(); });
}

Option& add_out(Options& o, std::string& folder) {
  return o.add("--out", &folder, any("DIR"), "Run folder to make; default runs/" + o.verb + "-001, -002, ...");
}

void check_together(const TrainingSettings& s) {
  check(s.warmup_epochs() <= static_cast<double>(s.epochs), "--warmup: ", s.warmup_epochs(),
        " epochs of warm-up do not fit ", s.epochs, " epochs");
}

}  // namespace norma
