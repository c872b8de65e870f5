// Conv2d: convolution of an image batch.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// y[n,o,i,j] = bias[o] + sum over c,u,v of x[n, c, i*stride + u - padding, j*stride + v - padding] * weight[o,c,u,v],
/// where x is 0 outside the image (a cross-correlation, as in PyTorch).
///   x (N,Cin,H,W), weight (Cout,Cin,k,k), bias (Cout) or not defined -> y (N,Cout,H',W'), H' = (H + 2 padding - k)/stride + 1
/// Throws Error if the channels do not fit, the kernel is larger than the padded image, stride < 1 or padding < 0.
/// Source: torch.nn.functional.conv2d; Dumoulin & Visin 2016, "A guide to convolution arithmetic", section 2.
///
/// The method `reference` is the definition, in conv2d.cpp. `automatic` takes the one in layers/fast/ where that is
/// faster; it differs by rounding only.
enum class ConvMethod { automatic, reference };
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Index stride, Index padding,
              ConvMethod method = ConvMethod::automatic);

struct Conv2dOptions {
  Index kernel_size = 3, stride = 1, padding = 0;
  bool bias = true;
  ConvMethod method = ConvMethod::automatic;
};

/// Parameters "weight" (Cout,Cin,k,k) and "bias" (Cout), drawn as PyTorch does: uniform in +-1/sqrt(Cin k k).
class Conv2d : public Module {
 public:
  Conv2d(Index in_channels, Index out_channels, Conv2dOptions options = {});
  Tensor forward(const Tensor& x) override;
  void reset_parameters(Random random) override;
  std::string describe() const override;
  Index multiply_adds(const Shape& in, const Shape& out) const override;
  const Conv2dOptions& options() const { return options_; }
  void set_method(ConvMethod method) { options_.method = method; }

 private:
  Conv2dOptions options_;
  Tensor weight_, bias_;
};

}  // namespace norma
