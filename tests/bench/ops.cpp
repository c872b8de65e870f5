// Micro-benchmarks of single operations, forward and backward, at batch 128 and all threads:
//   build/release/tests/bench_ops [--benchmark_filter=conv2d] [--benchmark_repetitions=5] ...
// "work" is operations a second, two for each multiply-add of the definition; bytes_per_second counts every tensor once.
#include <benchmark/benchmark.h>
#include <omp.h>

#include "norma/core/random.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/optim/sgd.h"

namespace {
using namespace norma;

constexpr Index kBatch = 128;

Tensor random_tensor(const Shape& shape) {
  Random random({static_cast<std::uint64_t>(shape.size())});
  Tensor x = Tensor::empty(shape);
  for (Index i = 0; i < x.size(); ++i) x.rows().data()[i] = static_cast<Real>(random.normal());
  return x;
}

/// Runs y = f() and, unless only that is asked for, its backward pass from a gradient dy that lies ready.
template <class F>
void run(benchmark::State& state, bool backward, const std::vector<Tensor>& inputs, const F& f) {
  const Tensor dy = random_tensor(f().shape());
  for (auto _ : state) {
    for (const Tensor& x : inputs) x.zero_grad();
    const Tensor y = f();
    benchmark::DoNotOptimize(y);
    if (!backward) continue;
    // y receives dy as it is: accumulate_grad() would copy a tensor that others hold, and that is not y's work.
    state.PauseTiming();
    Tensor slope = dy.clone();
    const Tensor loss =
        record("hand", Tensor::full({}, 1), {y}, [&](const Tensor&) { y.accumulate_grad(std::move(slope)); });
    state.ResumeTiming();
    loss.backward();
  }
}

void set_bytes(benchmark::State& state, Index numbers) {
  state.SetBytesProcessed(state.iterations() * numbers * static_cast<Index>(sizeof(Real)));
}

/// Arguments: input and output channels, side of the image, kernel, stride, whether backward too, whether by the definition.
void conv(benchmark::State& state) {
  const Index in = state.range(0), out = state.range(1), side = state.range(2), kernel = state.range(3),
              stride = state.range(4);
  const bool backward = state.range(5) != 0;
  const ConvMethod method = state.range(6) != 0 ? ConvMethod::reference : ConvMethod::automatic;
  const Tensor x = random_tensor({kBatch, in, side, side}).requires_grad(backward);
  const Tensor weight = random_tensor({out, in, kernel, kernel}).requires_grad(backward);
  const auto f = [&] { return conv2d(x, weight, Tensor(), stride, kernel / 2, method); };
  run(state, backward, {x, weight}, f);
  const double work = 2 * static_cast<double>(f().size() * in * kernel * kernel) * (backward ? 3 : 1);
  state.counters["work"] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(method == ConvMethod::reference ? "reference" : "automatic");
}

void conv_cases(benchmark::internal::Benchmark* all) {
  all->ArgNames({"in", "out", "side", "kernel", "stride", "backward", "reference"});
  for (const auto& [in, out, side, kernel, stride] : {std::array{3, 32, 32, 3, 1},
                                                      {32, 32, 32, 3, 1},
                                                      {64, 64, 16, 3, 1},
                                                      {128, 128, 8, 3, 1},
                                                      {256, 256, 7, 3, 1},
                                                      {32, 64, 32, 3, 2},
                                                      {32, 64, 32, 1, 2},
                                                      {64, 256, 16, 1, 1},
                                                      {3, 24, 32, 2, 1}})
    for (const int backward : {0, 1})
      for (const int reference : {0, 1}) all->Args({in, out, side, kernel, stride, backward, reference});
}

/// Arguments: channels, side of the image, whether backward too.
void batch_norm(benchmark::State& state) {
  const Index channels = state.range(0), side = state.range(1);
  const bool backward = state.range(2) != 0;
  BatchNorm2d layer(channels);
  const Tensor x = random_tensor({kBatch, channels, side, side}).requires_grad(backward);
  std::vector<Tensor> inputs = layer.parameters();
  for (Tensor& parameter : inputs) parameter.requires_grad(backward);
  inputs.push_back(x);
  run(state, backward, inputs, [&] { return layer.forward(x); });
  set_bytes(state, (backward ? 5 : 2) * x.size());
}

void relu_layer(benchmark::State& state) {
  const bool backward = state.range(2) != 0;
  const Tensor x = random_tensor({kBatch, state.range(0), state.range(1), state.range(1)}).requires_grad(backward);
  run(state, backward, {x}, [&] { return relu(x); });
  set_bytes(state, (backward ? 5 : 2) * x.size());
}

void max_pool(benchmark::State& state) {
  const bool backward = state.range(2) != 0;
  const Tensor x = random_tensor({kBatch, state.range(0), state.range(1), state.range(1)}).requires_grad(backward);
  run(state, backward, {x}, [&] { return max_pool2d(x, 2); });
  set_bytes(state, backward ? 3 * x.size() + x.size() / 2 : x.size() + x.size() / 4);
}

void image_cases(benchmark::internal::Benchmark* all) {
  all->ArgNames({"channels", "side", "backward"});
  for (const auto& [channels, side] : {std::pair{32, 32}, {64, 16}, {128, 8}, {256, 4}})
    for (const int backward : {0, 1}) all->Args({channels, side, backward});
}

/// Arguments: rows, classes, whether backward too.
void loss(benchmark::State& state) {
  const bool backward = state.range(2) != 0;
  const Tensor logits = random_tensor({state.range(0), state.range(1)}).requires_grad(backward);
  std::vector<int> labels;
  for (Index i = 0; i < state.range(0); ++i) labels.push_back(static_cast<int>(i % state.range(1)));
  run(state, backward, {logits}, [&] { return cross_entropy(logits, labels); });
}

/// Argument: number of parameters.
void sgd(benchmark::State& state) {
  const Tensor parameter = random_tensor({state.range(0)}).requires_grad(true);
  parameter.accumulate_grad(random_tensor({state.range(0)}));
  SGD optimizer(std::vector<Tensor>{parameter}, {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  for (auto _ : state) optimizer.step();
  set_bytes(state, 5 * parameter.size());  // reads parameter, gradient and velocity, writes two of them
}

BENCHMARK(conv)->Name("conv2d")->Apply(conv_cases)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(batch_norm)->Name("batch_norm_train")->Apply(image_cases)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(relu_layer)->Name("relu")->Apply(image_cases)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(max_pool)->Name("max_pool2d")->Apply(image_cases)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(loss)
    ->Name("cross_entropy")
    ->ArgNames({"rows", "classes", "backward"})
    ->ArgsProduct({{128, 512}, {10, 1000}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(sgd)->Arg(1 << 14)->Arg(1 << 18)->Arg(1 << 22)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
