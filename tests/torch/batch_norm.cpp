// Takes BatchNorm2d through the cases that batch_norm.py writes to stdin, and writes the results to stdout.
//
// A case is a line of text, "C affine track momentum eps batches N H W N_eval", and then float32 numbers in logical
// order: weight and bias (if affine), x of every training batch, dy of the last one, x and dy of the evaluated one.
// The answer is y, dx, dweight and dbias (if affine) of the last training batch, the same of the evaluated one, and
// running_mean, running_var and num_batches_tracked (if track).
#include <iostream>
#include <sstream>
#include <string>

#include "norma/core/ops.h"
#include "norma/layers/batch_norm.h"

using namespace norma;

namespace {

Tensor read(Shape shape) {
  std::vector<Real> numbers(static_cast<std::size_t>(shape.size()));
  std::cin.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(Real)));
  check(std::cin.good(), "torch/batch_norm: the input ends inside a case");
  return Tensor::from_values(shape, numbers);
}

void write(const Tensor& x) {
  const std::vector<Real> numbers = x.to_values();
  std::cout.write(reinterpret_cast<const char*>(numbers.data()),
                  static_cast<std::streamsize>(numbers.size() * sizeof(Real)));
}

void write_forward_and_backward(BatchNorm2d& layer, Tensor x, const Tensor& dy) {
  for (const Tensor& p : layer.parameters()) p.zero_grad();
  const Tensor y = layer.forward(x.requires_grad(true));
  sum(mul(y, dy)).backward();
  write(y);
  write(x.grad());
  for (const Tensor& p : layer.parameters()) write(p.grad());
}

void run_case(std::istream& header) {
  Index C = 0, batches = 0, N = 0, H = 0, W = 0, N_eval = 0;
  std::string momentum;
  BatchNormOptions options;
  header >> C >> options.affine >> options.track_running_stats >> momentum >> options.eps;
  header >> batches >> N >> H >> W >> N_eval;
  check(!header.fail(), "torch/batch_norm: not the first line of a case");
  options.momentum = momentum == "None" ? std::nullopt : std::optional(std::stod(momentum));

  BatchNorm2d layer(C, options);
  for (Tensor& p : layer.parameters()) p.rows() = read({C}).rows();
  // All of a case is read before anything is written: the script writes all of it before it reads.
  for (Index i = 1; i < batches; ++i) layer.forward(read({N, C, H, W}));
  const Tensor x = read({N, C, H, W}), dy = read({N, C, H, W});
  const Tensor x_eval = read({N_eval, C, H, W}), dy_eval = read({N_eval, C, H, W});

  write_forward_and_backward(layer, x, dy);
  layer.eval();
  write_forward_and_backward(layer, x_eval, dy_eval);
  for (const auto& [name, buffer] : layer.named_buffers()) write(buffer);
  std::cout.flush();
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream header(line);
    run_case(header);
  }
}
