// y  = body(x) + shortcut(x)
// dx = what body passes back for dy + what shortcut passes back for dy; with the identity, body's share + dy
//
// So a gradient reaches x even where body passes little back, and a body of zeros is the identity: He, Zhang, Ren & Sun
// 2016, section 3.1. Both shares are added by accumulate_grad(), because x goes into both.
#include "norma/layers/models/residual.h"

#include "norma/core/ops.h"

namespace norma {

Residual::Residual(std::shared_ptr<Module> body, std::shared_ptr<Module> shortcut)
    : body_(std::move(body)), shortcut_(std::move(shortcut)) {
  check(body_ != nullptr, "Residual: needs a body");
  adopt("body", body_);
  if (shortcut_) adopt("shortcut", shortcut_);
}

Tensor Residual::forward(const Tensor& x) {
  const Tensor through = (*body_)(x), around = shortcut_ ? (*shortcut_)(x) : x;
  check(through.shape() == around.shape(), "Residual: body makes ", through.shape(), " of x ", x.shape(), ", shortcut ",
        around.shape());
  return add(through, around);
}

std::string Residual::describe() const {
  return join("Residual(body=", body_->describe(), ", shortcut=", shortcut_ ? shortcut_->describe() : "identity", ")");
}

Index Residual::multiply_adds(const Shape& in, const Shape& out) const {
  return body_->multiply_adds(in, out) + (shortcut_ ? shortcut_->multiply_adds(in, out) : 0);
}

}  // namespace norma
