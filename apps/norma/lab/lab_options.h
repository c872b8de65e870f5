// LabOptions: what norma lab is told. An option of it is a member here and the line that declares it.
#pragma once

#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/options/shared.h"

namespace norma::lab {

constexpr double kLargestScale = 1000;  // of --scale, which multiplies numbers of steps

struct LabOptions {
  std::string lab, data, out, resume;
  std::uint64_t seed = 0;
  double scale = 1;  // of the lengths of trainings
};

/// In the order of config.json.
inline void declare(Options& o, LabOptions& s, const std::vector<std::string>& names = lab_names()) {
  o.add("name", &s.lab, one_of(names), "What to find out").decides().key("lab");
  add_data(o, s.data);
  o.add("--seed", &s.seed, whole_number(0), "Seed of weights and order; where several are needed, the first").decides();
  o.add("--scale", &s.scale, finite_number(false, kLargestScale),
        "Length of the trainings: 1 takes some minutes, 3 three times as long")
      .decides();
  add_threads(o);
  Option& out = add_out(o, s.out);
  o.add("--resume", &s.resume, any("RUN"), "Go on with the lab in this folder: its finished jobs are kept")
      .excludes(out);
}

/// Runs the experiments; returns the exit code.
int run_lab(const LabOptions& options, Options& declared);

}  // namespace norma::lab
