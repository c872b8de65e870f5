// TrainOptions: what norma train is told. An option of it is a member here and the line that declares it.
#pragma once

#include "norma/apps/norma/options/shared.h"
#include "norma/core/check.h"
#include "norma/layers/models/networks.h"

namespace norma {

struct TrainOptions {
  std::string data, model = "cnn", norm = "batch", conv = "automatic", out;
  Index limit = 0, image_size = 32, freeze_after = 0;
  TrainingSettings training;
  Index save_every = 0, keep = 1;  // steps; previous checkpoints
  std::string resume;              // the run folder to go on with
  bool override_ = false;          // whether other options than those of the run are taken
};

/// In the order of config.json.
inline void declare(Options& o, TrainOptions& s) {
  add_network_and_data(o, s, &s.norm);
  add_training(o, s.training, &s.training.lr);
  o.add("--freeze-after", &s.freeze_after, whole_number(0), "Freeze batch norm after epoch N; 0 never").decides();
  add_seed(o, s.training.seed);
  add_threads(o);
  o.add("--save-every", &s.save_every, whole_number(0), "Save every N steps, too, not only after every epoch; 0 never")
      .recorded();
  o.add("--keep", &s.keep, whole_number(1), "Checkpoints kept beside the last one").recorded();
  Option& out = add_out(o, s.out);
  Option& resume = o.add("--resume", &s.resume, any("RUN"),
                         "Go on with the run in this folder, as if it had never stopped. Its options hold; --threads, "
                         "--data (the same images elsewhere), --save-every and --keep may differ")
                       .excludes(out);
  o.flag("--override", &s.override_, "With --resume: take other options too; the run is then not what it was")
      .needs(resume);
}

/// Throws Error where options that are right by themselves do not fit together.
inline void check_together(const TrainOptions& s) {
  check_together(s.training);
  check(s.freeze_after < s.training.epochs, "--freeze-after: after epoch ", s.freeze_after, " of ", s.training.epochs,
        " there is nothing left to train");
}

}  // namespace norma
