// The number type, the index type and the Eigen views the whole library speaks in.
#pragma once

#include <Eigen/Core>

namespace norma {

#ifdef NORMA_DOUBLE
using Real = double;  // the build in which gradients are checked (target norma::norma_double)
#else
using Real = float;
#endif
using Index = Eigen::Index;

/// One number per column (per channel).
using Row = Eigen::Array<Real, 1, Eigen::Dynamic>;
/// The same in double, whatever Real is: sums and statistics are kept in it.
using DoubleRow = Eigen::Array<double, 1, Eigen::Dynamic>;

/// Row-major views of a tensor's numbers. As arrays `*` is elementwise; `.matrix()` makes it the product.
using RowMajorArray = Eigen::Array<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ArrayView = Eigen::Map<RowMajorArray>;
using ConstArrayView = Eigen::Map<const RowMajorArray>;

}  // namespace norma
