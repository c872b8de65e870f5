#include "norma/apps/norma/verbs/data_verbs.h"

#include <fmt/format.h>

#include "norma/apps/norma/options/command_line.h"
#include "norma/core/check.h"
#include "norma/data/cifar10.h"
#include "norma/data/files/files.h"
#include "norma/data/image_folder.h"
#include "norma/data/synthetic.h"

namespace norma {
namespace {

void add_data_argument(CLI::App& verb, std::string& data) {
  verb.add_option("data", data, "Folder as for --data of norma train, or 'synthetic'")
      ->required()
      ->option_text("DIR|synthetic");
}

void add_set_argument(CLI::App& verb, std::string& set, const char* name, const char* help) {
  verb.add_option("set", set, help)->required()->check(one_of({name}))->option_text(name);
}

CLI::Validator sha256() {
  const auto validate = [](const std::string& text) -> std::string {
    if (text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos) return "";
    return join("must be 64 digits of 0123456789abcdef, got '", text, "'");
  };
  return CLI::Validator(validate, "HEX");
}

}  // namespace

DataVerbs::DataVerbs(CLI::App& app) : data_(app.add_subcommand("data", "Fetch, verify, show and make image sets")) {
  data_->require_subcommand(1);
  CLI::App& fetch = *data_->add_subcommand("fetch", "Download CIFAR-10 (162 MB) with curl, check it and unpack it");
  add_set_argument(fetch, fetch_.set, "cifar10", "What to fetch");
  fetch.add_option("--dir", fetch_.dir, "Folder in which cifar-10-batches-bin is made")->option_text("DIR  [datasets]");
  fetch.add_option("--url", fetch_.urls, "Address of cifar-10-binary.tar.gz; of several --url each is tried in turn")
      ->allow_extra_args(false)
      ->option_text("URL  [its home and two mirrors]");
  fetch.add_option("--sha256", fetch_.sha256, "What the file must hash to")
      ->check(sha256())
      ->option_text("HEX  [the original's]");

  CLI::App& verify = *data_->add_subcommand("verify", "Read a set, count its classes and look for equal images");
  add_data_argument(verify, verify_.data);
  add_image_size_option(verify, verify_.image_size);

  CLI::App& show = *data_->add_subcommand("show", "Draw images of every class into one PNG");
  add_data_argument(show, show_.data);
  show.add_option("--out", show_.out, "PNG file to write")->required()->option_text("FILE");
  show.add_option("--split", show_.split, "Which images")
      ->check(one_of({"train", "test"}))
      ->option_text("train|test  [train]");
  show.add_option("--rows", show_.rows, "At most so many classes")->check(whole_number(1, 100))->option_text("N  [10]");
  show.add_option("--columns", show_.columns, "Images of each")->check(whole_number(1, 100))->option_text("N  [10]");
  add_image_size_option(show, show_.image_size);

  CLI::App& make = *data_->add_subcommand("make", "Write the built-in synthetic set as files");
  add_set_argument(make, make_.set, "synthetic", "What to make");
  make.add_option("--dir", make_.dir, "New folder")->required()->option_text("DIR");
  make.add_option("--format", make_.format, "An image folder, or CIFAR-10's binary files (50000 and 10000 images)")
      ->check(one_of({"png", "cifar10"}))
      ->option_text("png|cifar10  [png]");
  make.add_option("--train", make_.train, "Training images")->check(whole_number(10))->option_text("N  [png: 20000]");
  make.add_option("--test", make_.test, "Test images")->check(whole_number(10))->option_text("N  [png: 4000]");
}

int DataVerbs::run() const {
  const std::string verb = data_->get_subcommands().front()->get_name();
  if (verb == "fetch") return fetch_data(fetch_);
  if (verb == "verify") return verify_data(verify_.data, verify_.image_size);
  if (verb == "show") return show_data(show_);
  return make_data(make_);
}

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

}  // namespace norma
