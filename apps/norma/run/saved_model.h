// SavedModel: a trained network, read from a run folder or a file.
#pragma once

#include <string>
#include <vector>

#include "norma/apps/norma/options/options.h"
#include "norma/data/image_set.h"
#include "norma/layers/sequential.h"

namespace norma {

/// What the verbs are told that use a trained network. What its file tells (from model on) is given only for a file that
/// does not tell it: "", 0 and {} mean not given.
struct UseOptions {
  std::string weights;  // a run folder or a file
  bool mirror = false, json = false;
  std::string model, norm;
  Index classes = 0;
  std::vector<double> mean, deviation;
};

void declare(Options& options, UseOptions& settings);

struct SavedModel {
  std::string file,
      description;  // for people: "runs/train-001/weights/best.safetensors", "cnn, norm batch, trained for 9 epochs"
  Shape image;      // of one image as a batch of one
  std::vector<std::string> class_names;
  PixelStats normalisation;  // empty where neither the file nor the options tell it
  Sequential net;            // in eval(), batch norm folded into the convolutions

  Index classes() const { return static_cast<Index>(class_names.size()); }
  /// Logits (N,K) of images (N,C,H,W), in evaluation mode; with `mirror` the mean of those of each image and of its mirror
  /// image. Those of one image do not depend on the others. Throws DataError if they are not finite or the network
  /// does not take images of that size.
  Tensor logits(const Tensor& images, bool mirror);
};

/// Reads options.weights: a folder's weights/best.safetensors, else its weights/last.safetensors, or a file. What the
/// file's metadata does not tell must stand in the options; class names are then
/// unnamed_classes().
/// Throws DataError for a file that is missing, damaged or does not fit the network, and Error for options that are
/// missing or contradict the file.
SavedModel load_model(const UseOptions& options);

/// "class 0", "class 1", ...: for classes that nothing names.
std::vector<std::string> unnamed_classes(Index count);

}  // namespace norma
