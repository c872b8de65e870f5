// norma data make: the built-in synthetic set as files.
#include <fmt/format.h>

#include "norma/apps/norma/verbs/data.h"
#include "norma/core/check.h"
#include "norma/data/cifar10.h"
#include "norma/data/files/files.h"
#include "norma/data/image_folder.h"
#include "norma/data/synthetic.h"

namespace norma {
namespace {

struct MakeOptions {
  std::string set, dir, format = "png";
  Index train = 0, test = 0;  // 0: as many as the format is used to
};

int make_data(const MakeOptions& o) {
  const bool png = o.format == "png";
  const Index train_count = o.train > 0 ? o.train : png ? 20'000 : 50'000;
  const Index test_count = o.test > 0 ? o.test : png ? 4'000 : 10'000;
  check(png || (train_count == 50'000 && test_count == 10'000),
        "--train, --test: CIFAR-10's files hold 50000 and 10000 images, not ", train_count, " and ", test_count);
  make_empty_folder(o.dir);  // before the drawing, which takes a while
  const ImageSet train = arranged(make_synthetic(train_count, 1)), test = arranged(make_synthetic(test_count, 2));
  if (png) {
    write_image_folder(std::filesystem::path(o.dir) / "train", train);
    write_image_folder(std::filesystem::path(o.dir) / "test", test);
  } else {
    write_cifar10(o.dir, train, test);
  }
  fmt::print("{}: {} training and {} test images, {} classes\n", o.dir, train.size(), test.size(),
             train.class_names.size());
  return kDone;
}

}  // namespace

Verb data_make_verb() {
  const auto declare = [](Options& o, MakeOptions& s) {
    add_set_argument(o, s.set, "synthetic", "What to make");
    o.add("--dir", &s.dir, any("DIR"), "New folder").required();
    o.add("--format", &s.format, one_of({"png", "cifar10"}),
          "An image folder, or CIFAR-10's binary files (50000 and 10000 images)");
    o.add("--train", &s.train, whole_number(10), "Training images; default 20000 with --format png");
    o.add("--test", &s.test, whole_number(10), "Test images; default 4000 with --format png");
  };
  return make_verb<MakeOptions>("make", "Write the built-in synthetic set as files", declare, make_data);
}

}  // namespace norma
