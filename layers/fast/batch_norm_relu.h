// Batch norm and the ReLU after it in the same passes over memory.
#pragma once

#include "norma/layers/batch_norm.h"

namespace norma::fast {

/// relu(batch_norm(...)) of the same arguments, to the same bits.
Tensor batch_norm_relu(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps,
                       bool stats_depend_on_x);

}  // namespace norma::fast
