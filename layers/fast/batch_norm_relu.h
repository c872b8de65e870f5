// Batch norm and the ReLU behind it in the same passes over memory.
#pragma once

#include "norma/layers/batch_norm.h"

namespace norma::fast {

/// Kernels for z = max(y, 0), y being the output of batch norm: the same numbers as relu(batch_norm(x)).
const BatchNormKernels* batch_norm_relu_kernels();

}  // namespace norma::fast
