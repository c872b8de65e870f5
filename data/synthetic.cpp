#include "norma/data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "norma/core/parallel.h"
#include "norma/core/random.h"

namespace norma {
namespace {

constexpr Index kSide = 32, kPixels = kSide * kSide, kClasses = 10;
constexpr double kNoise = 0.09;  // standard deviation, on the scale where black is 0 and white is 1

using Colour = std::array<double, 3>;

double star_depth(double u, double v) {
  constexpr double kTurn = 2 * std::numbers::pi / 5;
  const double angle = std::atan2(u, v), to_point = std::abs(angle - kTurn * std::round(angle / kTurn));
  // The edge from a point (radius 1, angle 0) to the next notch (radius 0.45, angle kTurn / 2).
  const double notch_u = 0.45 * std::sin(kTurn / 2), notch_v = 0.45 * std::cos(kTurn / 2);
  const double r = std::hypot(u, v), x = r * std::sin(to_point), y = r * std::cos(to_point);
  return ((1 - y) * notch_u - x * (1 - notch_v)) / std::hypot(notch_u, 1 - notch_v);
}

/// How deep (u,v) lies inside the shape of class `label`, in units of its radius; negative outside.
double depth(int label, double u, double v) {
  const double r = std::hypot(u, v), a = std::abs(u), b = std::abs(v);
  switch (label) {
    case 0: return 1 - r;
    case 1: return std::min(1 - r, r - 0.55);
    case 2: return 0.85 - std::max(a, b);
    case 3: return std::min(0.85 - std::max(a, b), std::max(a, b) - 0.45);
    case 4: return std::min(0.5 + v, 0.5 - v / 2 - a * std::numbers::sqrt3 / 2);
    case 5: return std::max(std::min(0.28 - a, 0.95 - b), std::min(0.28 - b, 0.95 - a));
    case 6: return star_depth(u, v);
    case 7: return std::min(1 - r, std::hypot(u - 0.5, v) - 0.8);
    case 8: return std::min(0.85 - b, 0.22 - std::abs(a - 0.5));
    default: return std::min(1 - r, v + 0.1);
  }
}

Colour random_colour(Random& random) { return {random.uniform(), random.uniform(), random.uniform()}; }

double distance(const Colour& p, const Colour& q) { return std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]); }

/// A plane wave through the background.
struct Wave {
  double along_x, along_y, phase;
  Colour amplitude;

  explicit Wave(Random& random) {
    const double direction = random.uniform(0, 2 * std::numbers::pi), frequency = random.uniform(0.2, 1.3);
    along_x = frequency * std::cos(direction);
    along_y = frequency * std::sin(direction);
    phase = random.uniform(0, 2 * std::numbers::pi);
    for (double& part : amplitude) part = random.uniform(-0.1, 0.1);
  }
  double at(double x, double y) const { return std::sin(along_x * x + along_y * y + phase); }
};

void draw(int label, Random random, std::uint8_t* image) {
  const Colour ground = random_colour(random);
  Colour ink = random_colour(random);
  while (distance(ink, ground) < 0.5) ink = random_colour(random);
  const Wave waves[] = {Wave(random), Wave(random), Wave(random)};
  const double radius = random.uniform(6, 12), angle = random.uniform(0, 2 * std::numbers::pi);
  const double centre_x = random.uniform(radius * 0.8, kSide - radius * 0.8);
  const double centre_y = random.uniform(radius * 0.8, kSide - radius * 0.8);
  const double stretch = random.uniform(0.8, 1.25);
  for (Index y = 0; y < kSide; ++y)
    for (Index x = 0; x < kSide; ++x) {
      const double dx = (static_cast<double>(x) + 0.5 - centre_x) / radius;
      const double dy = (static_cast<double>(y) + 0.5 - centre_y) / radius;
      const double u = (std::cos(angle) * dx + std::sin(angle) * dy) * stretch;
      const double v = (std::cos(angle) * dy - std::sin(angle) * dx) / stretch;
      const double cover = std::clamp(depth(label, u, v) * radius + 0.5, 0.0, 1.0);  // smooth over one pixel
      for (std::size_t c = 0; c < 3; ++c) {
        double value = ground[c];
        for (const Wave& wave : waves)
          value += wave.amplitude[c] * wave.at(static_cast<double>(x), static_cast<double>(y));
        value += cover * (ink[c] - value) + kNoise * random.normal();
        image[static_cast<Index>(c) * kPixels + y * kSide + x] =
            static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
      }
    }
}

}  // namespace

ImageSet make_synthetic(Index count, std::uint64_t seed) {
  check(count >= 0, "make_synthetic: count must not be negative, got ", count);
  ImageSet set{.channels = 3, .height = kSide, .width = kSide, .bytes = {}, .labels = {}, .class_names = {}};
  set.class_names = {"disc", "ring", "square", "frame", "triangle", "plus", "star", "crescent", "bars", "half disc"};
  set.bytes.resize(static_cast<std::size_t>(count * 3 * kPixels));
  for (Index i = 0; i < count; ++i) set.labels.push_back(static_cast<int>(i % kClasses));
  parallel_blocks(count, 64, [&](Index first, Index n, Index) {
    for (Index i = first; i < first + n; ++i)
      draw(set.labels[static_cast<std::size_t>(i)], Random({seed, static_cast<std::uint64_t>(i)}),
           set.bytes.data() + i * set.image_bytes());
  });
  return set;
}

}  // namespace norma
