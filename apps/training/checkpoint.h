// Checkpoints: a training on disk, at any step, so that it goes on as if it had never stopped.
//
//   weights/last.safetensors         the weights: state_dict(), and what WeightsInfo tells
//   weights/last.state.safetensors   what else it takes to go on: the velocities of SGD, a Position
//   weights/previous-1.*             the checkpoint before it, previous-2.* the one before that, ... as many as are kept
//   weights/best.safetensors         the weights with the best test accuracy so far
//
// Note [Two files, one checkpoint]
//   A state file holds the checksum of the weights file it belongs to; the two are a checkpoint wherever they lie. Both are
//   written under other names first and are on the disk before any file is renamed. Renaming makes room from the
//   oldest to the newest and may stop anywhere: of the pair that was the newest each half keeps its content, so a
//   complete pair is always there, and newest() finds it by the checksums. It then puts it in place as last.*, so that
//   the next renaming begins with a complete pair again.
#pragma once

#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "norma/apps/training/training.h"
#include "norma/apps/training/weights_file.h"
#include "norma/core/tensor.h"

namespace norma {

/// Where a training is. The learning rate, the order of the images and their augmentation follow from it.
struct Position {
  Index epoch = 0;                                             // epochs finished, their test included
  EpochSums so_far;                                            // of the epoch in progress
  double test_acc = std::numeric_limits<double>::quiet_NaN();  // after the last finished epoch
  double best_acc = -1;                                        // of all finished epochs
  std::string metrics;                                         // metrics.csv
};

struct Checkpoint {
  NamedTensors weights, velocities;
  Position position;
  std::string place;  // for people: "weights/last.safetensors", and what is wrong with newer ones
};

class Checkpoints {
 public:
  /// In the folder `run`, of a network that `info` describes, of `steps` steps per epoch.
  Checkpoints(const std::filesystem::path& run, WeightsInfo info, Index steps, Index keep);

  /// Makes this the last checkpoint and keeps those before it. Throws FileError; then the last one is what it was.
  void save(const NamedTensors& weights, const NamedTensors& velocities, const Position& position) const;
  /// Writes best.safetensors. Throws FileError.
  void save_best(const NamedTensors& weights, const Position& position) const;
  /// The newest complete one, none if none was ever completed. Throws DataError where all are damaged.
  std::optional<Checkpoint> newest() const;

 private:
  std::filesystem::path folder_;
  WeightsInfo info_;
  Index steps_, keep_;

  std::string weights_bytes(const NamedTensors& weights, const Position& position) const;
};

}  // namespace norma
