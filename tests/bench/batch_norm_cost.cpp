// What does exactness cost? Batch norm in train(), forward and backward, beside a naive one: the same loops, blocks and
// threads, but all in float, the variance as E[x^2] - E[x]^2, y = scale * x + shift. Alternating runs, medians.
//
//   batch_norm_cost [ROUNDS]          one line for each shape of the default network at batch 128, and their sum
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "norma/core/ops.h"
#include "norma/layers/batch_norm.h"

namespace {
using namespace norma;

constexpr Real kEps = 1e-5F;

/// Sums of first(x, dy) and second(x, dy) over the rows, channel by channel.
template <class First, class Second>
DoubleRow two_sums(const ConstArrayView& x, const ConstArrayView& dy, const First& first_term,
                   const Second& second_term) {
  const Index channels = x.cols();
  return column_sum(x.rows(), 2 * channels, [&](Index first, Index n) {
    Row part = Row::Zero(2 * channels);
    Real *one = part.data(), *two = one + channels;
    for (Index i = first; i < first + n; ++i) {
      const Real *x_row = x.row(i).data(), *dy_row = dy.row(i).data();
#pragma omp simd
      for (Index c = 0; c < channels; ++c) {
        one[c] += first_term(x_row[c], dy_row[c]);
        two[c] += second_term(x_row[c], dy_row[c], c);
      }
    }
    return part;
  });
}

Tensor naive_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  const ConstArrayView in = x.pixels();
  const Index channels = in.cols();
  const Real m = static_cast<Real>(in.rows());
  const Row sums =
      two_sums(
          in, in, [](Real value, Real) { return value; }, [](Real value, Real, Index) { return value * value; })
          .cast<Real>();
  const Row mean = sums.head(channels) / m, variance = sums.tail(channels) / m - mean.square();
  const Row inv_std = (variance + kEps).rsqrt(), scale = inv_std * gamma.pixels().row(0),
            shift = beta.pixels().row(0) - mean * scale;
  Tensor y = Tensor::empty(x.shape());
  ArrayView out = y.pixels();
  parallel_rows(in.rows(), [&](Index first, Index n) {
    for (Index i = first; i < first + n; ++i) out.row(i) = in.row(i) * scale + shift;
  });
  return record("naive", y, {x, gamma, beta}, [x, gamma, beta, mean, inv_std, scale, m](const Tensor& dy_tensor) {
    const ConstArrayView dy = dy_tensor.pixels(), from = x.pixels();
    const Real *mu = mean.data(), *r = inv_std.data();
    const Row of_dy = two_sums(
                          from, dy, [](Real, Real slope) { return slope; },
                          [mu, r](Real value, Real slope, Index c) { return slope * (value - mu[c]) * r[c]; })
                          .cast<Real>();
    const Row dbeta = of_dy.head(mean.size()), dgamma = of_dy.tail(mean.size());
    const Row mean_dy = dbeta / m, slope = dgamma / m * inv_std;
    Tensor dx = Tensor::empty(x.shape()), dgamma_tensor = Tensor::empty(gamma.shape()),
           dbeta_tensor = dgamma_tensor.clone();
    ArrayView out_dx = dx.pixels();
    parallel_rows(from.rows(), [&](Index first, Index n) {
      for (Index i = first; i < first + n; ++i)
        out_dx.row(i) = scale * (dy.row(i) - mean_dy - (from.row(i) - mean) * slope);
    });
    dgamma_tensor.pixels().row(0) = dgamma;
    dbeta_tensor.pixels().row(0) = dbeta;
    x.accumulate_grad(std::move(dx));
    gamma.accumulate_grad(std::move(dgamma_tensor));
    beta.accumulate_grad(std::move(dbeta_tensor));
  });
}

Tensor exact_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  return batch_norm_train(x, channel_stats(x), gamma, beta, kEps);
}

struct Times {
  double forward = 0, backward = 0;  // milliseconds
};

template <class F>
double milliseconds(const F& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One forward and backward pass of `f`.
template <class F>
Times step(const F& f, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& dy) {
  for (const Tensor& t : {x, gamma, beta}) t.zero_grad();
  Tensor y;
  Times times;
  times.forward = milliseconds([&] { y = f(x, gamma, beta); });
  // A node whose rule hands dy to y: what is timed is batch norm's own backward.
  const Tensor loss =
      record("hand", Tensor::full({}, 1), {y}, [y, dy](const Tensor&) { y.accumulate_grad(dy.clone()); });
  const double cloning = milliseconds([&] { const Tensor copy = dy.clone(); });
  times.backward = milliseconds([&] { loss.backward(); }) - cloning;
  return times;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 51;
  struct Case {
    Shape shape;
    int times;  // in the default network
  };
  double all_exact = 0, all_naive = 0;
  std::printf("milliseconds, medians of %d rounds         forward          backward      together\n", rounds);
  std::printf("shape                              exact   naive    exact   naive    exact   naive   ratio\n");
  for (const auto& [shape, times] :
       {Case{{128, 32, 32, 32}, 2}, Case{{128, 64, 16, 16}, 2}, Case{{128, 128, 8, 8}, 2}, Case{{128, 256, 4, 4}, 1}}) {
    Tensor x(shape), dy(shape);
    for (Index i = 0; i < x.size(); ++i) {
      x.rows().data()[i] = static_cast<Real>((i * 2654435761) % 1000) / 500 - 1;
      dy.rows().data()[i] = static_cast<Real>((i * 40503) % 1000) / 500 - 1;
    }
    x.requires_grad(true);
    const Tensor gamma = Tensor::full({shape[1]}, 1).requires_grad(true), beta = Tensor({shape[1]}).requires_grad(true);
    std::vector<double> ef, eb, nf, nb, et, nt;
    for (int i = 0; i < rounds; ++i) {
      const Times e = step(exact_batch_norm, x, gamma, beta, dy), n = step(naive_batch_norm, x, gamma, beta, dy);
      ef.push_back(e.forward), eb.push_back(e.backward), nf.push_back(n.forward), nb.push_back(n.backward);
      et.push_back(e.forward + e.backward), nt.push_back(n.forward + n.backward);
    }
    std::printf("%-30s %8.3f%8.3f %8.3f%8.3f %8.3f%8.3f %7.2f\n", join(shape).c_str(), median(ef), median(nf),
                median(eb), median(nb), median(et), median(nt), median(et) / median(nt));
    all_exact += times * median(et);
    all_naive += times * median(nt);
  }
  std::printf("%-30s %40.3f%8.3f %7.2f\n", "the default network's seven", all_exact, all_naive, all_exact / all_naive);
}
