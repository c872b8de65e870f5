// The noise of batch statistics: how far mean and variance of a random batch are from those of all images. Part of
// norma lab batch-size.
#pragma once

#include "norma/apps/norma/lab/lab.h"
#include "norma/layers/sequential.h"

namespace norma::lab {

/// Columns of the table "noise".
const std::vector<std::string>& noise_columns();

/// Adds a row of "noise" for each batch norm of the model and each batch size, 2 to 256. Batches are drawn from the
/// loader's images, with replacement: independent of each other, as the theory wants them. The model goes into eval(),
/// where what reaches a layer does not depend on the batch: the noise is the layer's own.
void measure_noise(Sequential& model, DataLoader& loader, std::uint64_t seed, Recorder& record);

/// Figures, a table and sentences about the first, the middle and the last batch norm.
void report_noise(const Table& rows, Page& page, std::vector<std::string>& found);

}  // namespace norma::lab
