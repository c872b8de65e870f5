// With p = softmax(z) = exp(z_k) / sum_j exp(z_j), and a target t that sums to 1,
//
//   loss = 1/N sum over the batch of -sum_k t_k log p_k          log p_k = z_k - log sum_j exp(z_j)
//
// d/dz_k of -sum_j t_j (z_j - log sum exp) is -t_k + (sum_j t_j) p_k, so
//
//   dz = dloss/N (p - t)
//
// The maximum of each row is subtracted first; p does not change and exp cannot overflow.
#include "norma/layers/loss.h"

#include <cmath>

namespace norma {
namespace {

void check_labels(const char* op, const Tensor& logits, std::span<const int> labels) {
  check(logits.rank() == 2 && logits.dim(1) > 0, op, ": logits must be (N,K) with K > 0, got ", logits.shape());
  check(static_cast<Index>(labels.size()) == logits.dim(0), op, ": logits ", logits.shape(), " need ", logits.dim(0),
        " labels, got ", labels.size());
  for (std::size_t n = 0; n < labels.size(); ++n)
    check(labels[n] >= 0 && labels[n] < logits.dim(1), op, ": label ", labels[n], " of row ", n, " is not in [0,",
          logits.dim(1), ") of logits ", logits.shape());
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const int> labels, double label_smoothing) {
  check_labels("cross_entropy", logits, labels);
  check(!labels.empty(), "cross_entropy: the mean over an empty batch does not exist, got logits ", logits.shape());
  check(label_smoothing >= 0 && label_smoothing <= 1, "cross_entropy: label_smoothing must lie in [0,1], got ",
        label_smoothing);
  const ConstArrayView z = logits.rows();
  // What every class gets of t, and what the label gets on top.
  const auto spread = static_cast<Real>(label_smoothing / static_cast<double>(z.cols()));
  const auto extra = static_cast<Real>(1 - label_smoothing);
  Tensor p_minus_t = Tensor::empty(logits.shape());
  ArrayView difference = p_minus_t.rows();
  double total = 0;
  for (Index n = 0; n < z.rows(); ++n) {
    const Row shifted = z.row(n) - z.row(n).maxCoeff<Eigen::PropagateNaN>();
    const Row exponentials = shifted.exp();
    const Real normaliser = exponentials.sum();
    const Row log_p = shifted - std::log(normaliser);
    const Index label = labels[static_cast<std::size_t>(n)];
    if (extra > 0) total -= static_cast<double>(extra * log_p[label]);
    if (spread > 0) total -= static_cast<double>(spread * log_p.sum());
    difference.row(n) = exponentials / normaliser - spread;
    difference(n, label) -= extra;
  }
  const Tensor loss = Tensor::full({}, static_cast<Real>(total / static_cast<double>(z.rows())));

  return record("cross_entropy", loss, {logits}, [logits = logits.edge(), p_minus_t](const Tensor& dloss) {
    Tensor dz = Tensor::empty(p_minus_t.shape());
    dz.rows() = p_minus_t.rows() * (dloss.item() / static_cast<Real>(dz.dim(0)));
    logits.accumulate_grad(std::move(dz));
  });
}

Index count_correct(const Tensor& logits, std::span<const int> labels) {
  check_labels("count_correct", logits, labels);
  Index correct = 0;
  for (Index n = 0; n < logits.dim(0); ++n) {
    Index best = 0;
    const Real largest = logits.rows().row(n).maxCoeff<Eigen::PropagateNaN>(&best);
    correct += !std::isnan(largest) && best == labels[static_cast<std::size_t>(n)];
  }
  return correct;
}

}  // namespace norma
