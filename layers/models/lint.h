// lint(): what is likely a mistake in how a model with batch norm is used.
#pragma once

#include <string>
#include <vector>

#include "norma/layers/module.h"

namespace norma {

/// A short code, the layer ("layer 3, BatchNorm2d(64): "), and a sentence for people.
struct Finding {
  std::string code, place, text;
};

/// What would likely be a mistake, were the model called now in this mode:
///   few-batches    eval() with running statistics that are mostly the 0 and 1 they began with
///   train-no-grad  train() while no gradients are recorded
///   momentum       a momentum of 0.5 or more: in other frameworks it is the weight of the old averages
/// Module::operator() prints them on stderr, "norma: warning: ...", each code once for a model.
std::vector<Finding> lint(const Module& model);

}  // namespace norma
