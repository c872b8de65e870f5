// norma bench: where the time of a training step goes.
#include <fmt/format.h>
#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/environment.h"
#include "norma/apps/norma/verbs/fma_peak.h"
#include "norma/apps/norma/verbs/timed_model.h"
#include "norma/apps/training/stopwatch.h"
#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/loss.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/sgd.h"

namespace norma {
namespace {

struct BenchOptions {
  std::string model = "cnn", conv = "automatic";
  Index batch_size = 128, steps = 20;
  bool json = false;
};

constexpr Index kWarmUp = 5;  // steps that fill the caches and the pool of blocks

/// The median of the times of steps after the warm-up.
double typical(std::vector<double> milliseconds) {
  const auto first = milliseconds.begin() + std::min<Index>(std::ssize(milliseconds), kWarmUp);
  const auto middle = first + (milliseconds.end() - first) / 2;
  std::nth_element(first, middle, milliseconds.end());
  return middle == milliseconds.end() ? 0 : *middle;
}

struct Memory {
  double peak_bytes = 0, page_faults = 0;  // since the program began
};

Memory memory() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return {1024.0 * static_cast<double>(used.ru_maxrss), static_cast<double>(used.ru_minflt)};
}

/// What was measured. Times are medians of a step, in milliseconds.
struct Measurement {
  Index parameters = 0;
  double peak = 0;  // FMA, operations a second
  double step = 0, forward = 0, loss_forward = 0, loss_backward = 0, backward = 0, optimizer = 0;
  double bytes_before = 0, bytes = 0, page_faults = 0;  // of the process at its peak; faults per step after the warm-up
  std::vector<LayerCost> layers;

  double work() const {
    double total = 0;
    for (const LayerCost& layer : layers) total += layer.forward_work + layer.backward_work;
    return total;
  }
};

/// a / b, scaled; NaN where that says nothing.
double rate(double amount, double milliseconds, double unit) {
  return amount > 0 && milliseconds > 0 ? amount / milliseconds * 1e3 / unit : std::numeric_limits<double>::quiet_NaN();
}

Measurement measure(const BenchOptions& options) {
  Measurement m;
  const ImageSet images = make_synthetic(options.batch_size, 1);
  const Batch batch = DataLoader(images, {.batch_size = options.batch_size}).batch(0);
  Sequential model = make_network(options.model, "batch", {1, 3, 32, 32}, 10, 0);
  set_convolutions(model, options.conv);
  m.parameters = elements(model.named_parameters());
  SGD optimizer(model.named_parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  TimedModel timed(model);
  std::vector<double> loss_ms, optimizer_ms, forward_ms, backward_ms, step_ms;
  m.bytes_before = memory().peak_bytes;

  Memory warm;
  for (Index i = 0; i < kWarmUp + options.steps; ++i) {
    if (i == kWarmUp) warm = memory();
    m.peak = std::max(m.peak, try_fma_peak());
    const Stopwatch watch;
    timed.start();
    const Tensor logits = timed.forward(batch.images);
    const Tensor loss = cross_entropy(logits, batch.labels);
    timed.lap(loss_ms);
    forward_ms.push_back(1e3 * watch.seconds());
    timed.joined(loss).backward();
    timed.backward_is_done();
    backward_ms.push_back(1e3 * watch.seconds() - forward_ms.back());
    optimizer.step();
    optimizer.zero_grad();
    timed.lap(optimizer_ms);
    step_ms.push_back(1e3 * watch.seconds());
  }

  const Memory end = memory();
  m.bytes = end.peak_bytes;
  m.page_faults = (end.page_faults - warm.page_faults) / static_cast<double>(options.steps);
  m.step = typical(step_ms), m.forward = typical(forward_ms), m.backward = typical(backward_ms);
  m.loss_forward = typical(loss_ms), m.loss_backward = typical(timed.loss_backward_ms());
  m.optimizer = typical(optimizer_ms);
  m.layers = timed.costs();
  return m;
}

void print_json(const BenchOptions& options, const Measurement& m) {
  auto layers = Json::array();
  for (const LayerCost& layer : m.layers) {
    const double forward = typical(layer.forward_ms), backward = typical(layer.backward_ms);
    auto shape = Json::array();
    for (int d = 0; d < layer.out.rank(); ++d) shape.push_back(layer.out[d]);
    layers.push_back({{"name", layer.name},
                      {"layer", layer.layer},
                      {"output", shape},
                      {"forward_ms", forward},
                      {"backward_ms", backward},
                      {"forward_gflops", rate(layer.forward_work, forward, 1e9)},
                      {"backward_gflops", rate(layer.backward_work, backward, 1e9)},
                      {"forward_gb_per_s", rate(layer.forward_bytes, forward, 1e9)},
                      {"backward_gb_per_s", rate(layer.backward_bytes, backward, 1e9)}});
  }
  const double images = static_cast<double>(options.batch_size), work = m.work();
  const Json all{{"model", options.model},
                 {"parameters", m.parameters},
                 {"batch", options.batch_size},
                 {"threads", omp_get_max_threads()},
                 {"steps", options.steps},
                 {"step_ms", m.step},
                 {"forward_ms", m.forward},
                 {"backward_ms", m.backward},
                 {"optimizer_ms", m.optimizer},
                 {"loss_forward_ms", m.loss_forward},
                 {"loss_backward_ms", m.loss_backward},
                 {"images_per_second", rate(images, m.step, 1)},
                 {"direct_gflop", work / 1e9},
                 {"direct_gflops", rate(work, m.step, 1e9)},
                 {"fma_peak_gflops", m.peak / 1e9},
                 {"share_of_peak", rate(work, m.step, m.peak)},
                 {"peak_bytes", m.bytes},
                 {"peak_bytes_before_the_first_step", m.bytes_before},
                 {"page_faults_a_step", m.page_faults},
                 {"layers", layers},
                 {"environment", environment()}};
  fmt::print("{}", pretty(all));  // NaN becomes null
}

/// A number for a column, or a blank where there is none.
std::string cell(double value, int digits) { return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : ""; }

/// "Conv2d(3, 32, 3, padding=1)" for "Conv2d(3, 32, kernel_size=3, padding=1)", which PyTorch understands as well.
std::string shorter(std::string layer) {
  const std::string word = "kernel_size=";
  if (const std::size_t place = layer.find(word); place != std::string::npos) layer.erase(place, word.size());
  return layer;
}

void print_table(const BenchOptions& options, const Measurement& m) {
  fmt::print("model    {}, {} parameters; batch {}, threads {}, medians of {} steps\n", options.model, m.parameters,
             options.batch_size, omp_get_max_threads(), options.steps);
  fmt::print("machine  {}, FMA peak {:.0f} GFLOP/s on these threads\n\n", environment()["cpu"].get<std::string>(),
             m.peak / 1e9);
  const std::string loss = "cross_entropy";
  std::size_t name = 4, layer = loss.size();  // widths of the first columns
  for (const LayerCost& cost : m.layers)
    name = std::max(name, cost.name.size()), layer = std::max(layer, shorter(cost.layer).size());
  fmt::print("{:{}}  {:{}} forward backward    % of          % of\n", "", name, "", layer);
  fmt::print("{:{}}  {:{}}      ms       ms    step GFLOP/s  peak  GB/s\n", "name", name, "layer", layer);
  const auto row = [&](const std::string& of, const std::string& what, double forward, double backward, double work,
                       double bytes) {
    const double both = forward + backward, speed = rate(work, both, 1);
    const std::string line =
        fmt::format("{:{}}  {:{}}{:8.3f} {:>8}{:8.1f}{:>8}{:>6}{:>6}", of, name, what, layer, forward,
                    backward > 0 ? cell(backward, 3) : "", 100 * both / m.step, cell(speed / 1e9, 0),
                    cell(100 * speed / m.peak, 0), cell(rate(bytes, both, 1e9), 1));
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  };
  for (const LayerCost& cost : m.layers)
    row(cost.name, shorter(cost.layer), typical(cost.forward_ms), typical(cost.backward_ms),
        cost.forward_work + cost.backward_work, cost.forward_bytes + cost.backward_bytes);
  row("loss", loss, m.loss_forward, m.loss_backward, 0, 0);
  row("", "SGD", m.optimizer, 0, 0, 0);

  constexpr double kMega = 1 << 20;
  fmt::print("\nstep     {:.2f} ms: forward {:.2f}, backward {:.2f}, optimizer {:.2f}; {:.0f} images/s\n", m.step,
             m.forward, m.backward, m.optimizer, rate(static_cast<double>(options.batch_size), m.step, 1));
  fmt::print("work     {:.2f} GFLOP, {:.0f} GFLOP/s, {:.0f}% of the FMA peak, counted as direct work\n", m.work() / 1e9,
             rate(m.work(), m.step, 1e9), 100 * rate(m.work(), m.step, m.peak));
  fmt::print(
      "memory   {:.0f} MB at the peak of the process, {:.0f} MB before the first step; {:.1f} page faults a step\n",
      m.bytes / kMega, m.bytes_before / kMega, m.page_faults);
  fmt::print(R"(
Direct work: two operations for each multiply-add of a layer's definition, forward once, backward once for the
weights and once for the input. A method that needs fewer, like Winograd's, may pass 100%. GB/s: forward x and y,
backward x, dy and dx; batch norm reads x, and backward dy too, twice.
)");
}

int bench(const BenchOptions& options) {
  const Measurement m = measure(options);
  options.json ? print_json(options, m) : print_table(options, m);
  return kDone;
}

}  // namespace

Verb bench_verb() {
  const auto declare = [](Options& o, BenchOptions& s) {
    add_model(o, s.model);
    o.add("--batch,--batch-size", &s.batch_size, whole_number(2), "Images per step");
    o.add("--steps", &s.steps, whole_number(1), "Steps that are timed, after 5 that are not");
    add_threads(o);
    add_conv(o, s.conv);
    o.flag("--json", &s.json, "Print JSON");
  };
  return make_verb<BenchOptions>("bench", "Time a training step, layer by layer", declare, bench);
}

}  // namespace norma
