// norma data: fetch, verify, show and make image sets.
#pragma once

#include <string>
#include <vector>

#include "norma/core/types.h"

namespace CLI {
class App;
}

namespace norma {

/// Where CIFAR-10 is fetched from: addresses that are tried in turn, what the file must be, and the folder it goes into.
struct FetchOptions {
  std::string set, dir = "datasets", sha256;
  std::vector<std::string> urls;
};

struct ShowOptions {
  std::string data, out, split = "train";
  Index rows = 10, columns = 10, image_size = 32;
};

struct MakeOptions {
  std::string set, dir, format = "png";
  Index train = 0, test = 0;  // 0: as many as the format is used to
};

// The verbs. Each returns an exit code; throws DataError and FileError.
int fetch_data(const FetchOptions& options);
int verify_data(const std::string& data, Index image_size);
int show_data(const ShowOptions& options);
int make_data(const MakeOptions& options);

/// Adds `data` with its verbs to the command line, and runs the one that was chosen.
class DataVerbs {
 public:
  explicit DataVerbs(CLI::App& app);
  int run() const;

 private:
  CLI::App* data_;
  FetchOptions fetch_;
  ShowOptions verify_, show_;
  MakeOptions make_;
};

}  // namespace norma
