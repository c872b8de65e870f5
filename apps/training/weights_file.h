// What the metadata of a weights file tell about the network whose state_dict() it holds.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "norma/core/shape.h"
#include "norma/data/image_set.h"

namespace norma {

/// All that is needed beside the numbers to build the network again and to feed it images.
struct WeightsInfo {
  std::string model, norm;               // as make_network() takes them
  Shape image{1, 3, 32, 32};             // (1,C,H,W) of one image
  std::vector<std::string> class_names;  // in the order of the logits
  PixelStats normalisation;              // of the training images
  Index epoch = 0, step = 0;             // epochs finished, steps taken in all
  std::uint64_t seed = 0;
  double test_acc = std::numeric_limits<double>::quiet_NaN();  // after that epoch; NaN before the first
};

/// The keys model, norm, image ("3,32,32"), classes ("cat,dog"; a comma or backslash in a name stands after a
/// backslash), mean, deviation ("0.5,0.25,..."), epoch, step, seed, test_acc. Reading them back gives the same numbers.
std::map<std::string, std::string> to_metadata(const WeightsInfo& info);

/// Throws Error for a key that is missing or holds something else, naming it.
WeightsInfo weights_info(const std::map<std::string, std::string>& metadata);

}  // namespace norma
