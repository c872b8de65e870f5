#include "apps/norma/run_folder.h"

#include <fmt/format.h>
#include <omp.h>

namespace norma {
namespace {

namespace fs = std::filesystem;

/// Creates `folder`; false if it already was there.
bool make_folder(const fs::path& folder) {
  std::error_code failed;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failed);
  const bool made = !failed && fs::create_directory(folder, failed);
  if (failed) throw FileError(folder.string() + ": cannot make this folder: " + failed.message());
  return made;
}

fs::path next_free(const std::string& verb) {
  for (int number = 1;; ++number) {
    fs::path folder = fs::path("runs") / fmt::format("{}-{:03}", verb, number);
    if (make_folder(folder)) return folder;
  }
}

fs::path chosen(const std::string& verb, const std::string& out) {
  if (out.empty()) return next_free(verb);
  const fs::path folder = fs::path(out) / "";  // with or without a slash at the end
  if (make_folder(folder.parent_path())) return folder.parent_path();
  std::error_code failed;
  if (fs::exists(folder / "config.json", failed))
    throw FileError(out + ": already holds a run; name another folder with --out");
  if (!fs::is_empty(folder, failed) || failed)
    throw FileError(out + ": must be a new or an empty folder; name another with --out");
  return folder.parent_path();
}

}  // namespace

LineFile::LineFile(fs::path path) : path_(std::move(path)), out_(path_) {
  if (!out_) throw FileError(path_.string() + ": cannot be opened for writing");
}

void LineFile::add(const std::string& line) {
  out_ << line << '\n' << std::flush;
  if (!out_) throw FileError(path_.string() + ": writing failed (is the disk full?)");
}

RunFolder::RunFolder(const std::string& verb, const Options& o, const std::string& data_description,
                     const nlohmann::ordered_json& instead)
    : path_(chosen(verb, o.out)) {
  nlohmann::ordered_json config{{"norma", NORMA_VERSION},
                                {"verb", verb},
                                {"data", data_description},
                                {"model", o.model},
                                {"norm", o.norm},
                                {"epochs", o.epochs},
                                {"batch_size", o.batch_size},
                                {"lr", o.lr},
                                {"momentum", o.momentum},
                                {"weight_decay", o.weight_decay},
                                {"label_smoothing", o.label_smoothing},
                                {"schedule", o.schedule},
                                {"warmup_epochs", o.warmup_epochs()},
                                {"augment", o.augment == "on"},
                                {"freeze_after", o.freeze_after},
                                {"limit", o.limit},
                                {"image_size", o.image_size},
                                {"seed", o.seed},
                                {"threads", omp_get_max_threads()}};
  config.update(instead);
  file("config.json").add(config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace norma
