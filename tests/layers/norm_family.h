// GroupNorm, LayerNorm and InstanceNorm2d as one list, for the tests of what they have in common.
#pragma once

#include <memory>

#include "norma/layers/group_norm.h"
#include "norma/layers/instance_norm.h"
#include "norma/layers/layer_norm.h"
#include "norma/tests/helpers.h"

namespace norma::test {

struct FamilyMember {
  std::string name;
  Index groups;
  std::shared_ptr<Module> layer;
};

template <class Layer>
FamilyMember member(const std::string& name, Index groups, Layer layer) {
  return {name, groups, std::make_shared<Layer>(std::move(layer))};
}

inline Shape one_image(const Shape& x) { return x.rank() == 4 ? Shape{x[1], x[2], x[3]} : Shape{x[1]}; }

/// New layers that take x of this shape in training, with parameters and buffers at their start.
inline std::vector<FamilyMember> family_for(const Shape& x) {
  const Index channels = x[1];
  std::vector<FamilyMember> all;
  for (Index groups = 1; groups <= channels; ++groups)
    if (channels % groups == 0 && x.size() != groups)
      all.push_back(member(join("groups ", groups), groups, GroupNorm(groups, channels)));
  all.push_back(member("group, not affine", 1, GroupNorm(1, channels, {.affine = false})));
  all.push_back(member("layer", 1, LayerNorm(one_image(x))));
  all.push_back(member("layer, no bias", 1, LayerNorm(one_image(x), {.bias = false})));
  all.push_back(member("layer, not affine", 1, LayerNorm(one_image(x), {.elementwise_affine = false})));
  if (x.rank() < 4 || x[2] * x[3] == 1) return all;
  all.push_back(member("instance", channels, InstanceNorm2d(channels)));
  all.push_back(
      member("instance, tracked", channels, InstanceNorm2d(channels, {.affine = true, .track_running_stats = true})));
  return all;
}

/// Draws the parameters anew, weights around 1.
inline void draw_parameters(const Module& layer, std::uint64_t seed) {
  for (const auto& [name, p] : layer.named_parameters())
    set(p, random_tensor(p.shape(), ++seed, name == "weight" ? 1 : 0, 0.7));
}

/// A parameter or buffer; not defined if there is none of that name.
inline Tensor state_named(const Module& layer, const std::string& name) {
  for (const auto& [its_name, tensor] : layer.state_dict())
    if (its_name == name) return tensor;
  return {};
}

/// Everything a layer holds, as bytes.
inline std::string state_of(const Module& layer) { return bytes_of(layer.state_dict()); }

/// y and all gradients for the upstream gradient dy. The layer's gradients start at nothing.
inline NamedTensors passes(Module& layer, const Tensor& x, const Tensor& dy) {
  x.zero_grad();
  for (const Tensor& p : layer.parameters()) p.zero_grad();
  NamedTensors all{{"y", layer.forward(x)}};
  sum(mul(all[0].second, dy)).backward();
  if (x.grad().defined()) all.emplace_back("dx", x.grad());
  for (const auto& [name, p] : layer.named_parameters())
    if (p.grad().defined()) all.emplace_back("d" + name, p.grad());
  return all;
}

}  // namespace norma::test
