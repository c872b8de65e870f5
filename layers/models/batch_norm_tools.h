// What is done to all batch norms of a model together: freeze, recalibrate, fold.
#pragma once

#include <functional>

#include "norma/layers/batch_norm.h"
#include "norma/layers/sequential.h"

namespace norma {

/// Every BatchNorm2d and BatchNorm1d of a model with its name ("1", "4.1", "" for the model itself), each once, in order of
/// registration: in a Sequential that of execution.
std::vector<std::pair<std::string, BatchNorm*>> batch_norms(Module& model);

/// What reaches each of `norms`, which belong to the model, while images(0) ... images(batches - 1) go through it in its present modes;
/// nothing is recorded. A layer that is used twice gets the moments of both uses.
std::vector<Moments> moments_of_inputs(Module& model, const std::vector<BatchNorm*>& norms, Index batches,
                                       const std::function<Tensor(Index)>& images);

/// BatchNorm::freeze() for all of them that have running statistics.
void freeze_batch_norm(Module& model, bool on = true);

/// Sets the running statistics of each batch norm to the exact mean and unbiased variance of the numbers that reach it in
/// evaluation mode, over all batches: images(0) ... images(batches - 1). A layer's input depends on the layers before it,
/// so the batches go through the model once for each batch norm. A layer that is used twice gets the statistics of both uses.
/// Frozen layers and those without running statistics stay as they are. All modes are put back.
/// On any exception, NonFiniteError for NaN or infinity among them, the running statistics are what they were.
/// After Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3 (PreciseBN), which normalises the layers before
/// with batch statistics instead.
void recalibrate(Module& model, Index batches, const std::function<Tensor(Index)>& images);

/// The same with a DataLoader.
template <class Loader>
void recalibrate(Module& model, Loader& loader) {
  recalibrate(model, loader.batches(), [&loader](Index i) { return loader.batch(i).images; });
}

/// The model as one uses it after training: each Conv2d followed by a BatchNorm2d becomes one Conv2d with a bias,
///   w' = w gamma inv_std    b' = beta + (b - mean) gamma inv_std      with the running mean and variance,
/// if they are neighbours in one Sequential, also in Sequentials inside (but not in classes derived from it, which may use
/// their layers in another way). The result shares all other layers with `model`, which stays as it is.
/// Throws Error unless `model` and these batch norms are in evaluation mode, and if one of them keeps no running statistics.
/// Source: torch.nn.utils.fuse_conv_bn_eval.
Sequential fold_batch_norm(const Sequential& model);

}  // namespace norma
