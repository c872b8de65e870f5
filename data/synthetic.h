// A data set that needs no download: ten kinds of drawn shapes.
#pragma once

#include "norma/data/image_set.h"

namespace norma {

/// `count` images 3x32x32, each a shape (disc, ring, square, frame, triangle, plus, star, crescent, bars, half disc) of
/// random place, size, rotation and colour on a textured background, with noise. Image i is of class i % 10 and is a
/// function of (seed, i) alone. Shape, not colour or place, tells the class: a linear classifier stays under 40%.
ImageSet make_synthetic(Index count, std::uint64_t seed);

}  // namespace norma
