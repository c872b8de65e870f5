// cross_entropy(): the loss of a classifier.
#pragma once

#include <span>

#include "norma/core/tensor.h"

namespace norma {

/// Mean over the batch of -sum_k target_k log softmax(logits)_k, a scalar. target gives 1 - label_smoothing to the
/// label and spreads label_smoothing evenly over all K classes (the label among them).
///   logits (N,K), labels: N numbers in [0,K).
/// Throws Error for an empty batch, a wrong number of labels, a label out of range, label_smoothing outside [0,1].
/// Source: torch.nn.functional.cross_entropy; Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.
Tensor cross_entropy(const Tensor& logits, std::span<const int> labels, double label_smoothing = 0);

/// How many rows of logits (N,K) have their largest number at the label; a row with a NaN has not.
Index count_correct(const Tensor& logits, std::span<const int> labels);

}  // namespace norma
