// MaxPool2d and GlobalAvgPool.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// Maximum over windows of kernel x kernel pixels that touch but do not overlap (stride = kernel).
///   x (N,C,H,W) -> (N,C,H/kernel,W/kernel), rounded down: pixels beyond the last whole window are ignored.
/// Throws Error if kernel < 1 or a window does not fit the image. Source: torch.nn.functional.max_pool2d.
Tensor max_pool2d(const Tensor& x, Index kernel);

/// Mean over all pixels of an image: x (N,C,H,W) -> (N,C); H and W must not be 0.
/// Source: Lin et al. 2013, "Network In Network", section 3.2.
Tensor global_avg_pool(const Tensor& x);

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(Index kernel_size) : kernel_size_(kernel_size) {
    check(kernel_size >= 1, "MaxPool2d: kernel_size must be positive, got ", kernel_size);
  }
  Tensor forward(const Tensor& x) override { return max_pool2d(x, kernel_size_); }
  std::string describe() const override { return join("MaxPool2d(kernel_size=", kernel_size_, ")"); }

 private:
  Index kernel_size_;
};

class GlobalAvgPool : public Module {
 public:
  Tensor forward(const Tensor& x) override { return global_avg_pool(x); }
  std::string describe() const override { return "GlobalAvgPool()"; }
};

}  // namespace norma
