#include "norma/core/parallel.h"

#include <numeric>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

DoubleRow column_sum_of(const Tensor& x) {
  const ConstArrayView in = x.pixels();
  return column_sum(in.rows(), in.cols(),
                    [&](Index first, Index n) -> Row { return in.middleRows(first, n).colwise().sum(); });
}

TEST(Parallel, BlocksCoverEveryIndexOnce) {
  for (const Index count : {0, 1, 99, 100, 101, 1000}) {
    std::vector<int> visits(static_cast<std::size_t>(count));
    parallel_blocks(count, 100, [&](Index first, Index n, Index block) {
      if (first != block * 100) visits[static_cast<std::size_t>(first)] = 100;
      for (Index i = first; i < first + n; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    EXPECT_EQ(std::count(visits.begin(), visits.end(), 1), count);
  }
}

TEST(Parallel, ColumnSumIsAccurate) {
  for (const Index rows : {1, 3, 1024, 1025, 100'000}) {
    const Tensor x = random_tensor({rows, 3}, 1, 1);
    const DoubleRow exact = x.pixels().cast<double>().colwise().sum();
    const DoubleRow size = x.pixels().cast<double>().abs().colwise().sum();
    const DoubleRow error = (column_sum_of(x) - exact).abs() / size;
    EXPECT_LE(error.maxCoeff(), 1e-6) << rows;
  }
}

TEST(Parallel, ColumnSumOfNoRowsIsZero) {
  const DoubleRow total = column_sum_of(Tensor({0, 4}));
  ASSERT_EQ(total.size(), 4);
  EXPECT_EQ(total.abs().maxCoeff(), 0);
}

TEST(Parallel, ColumnSumHasTheSameBitsOnAnyThreadCount) {
  const Tensor x = random_tensor({50'000, 7}, 2);
  const DoubleRow once = column_sum_of(x);
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    EXPECT_TRUE((column_sum_of(x) == once).all()) << threads << " threads";
  }
}

std::vector<std::uint64_t> first_bits(Random random, int count) {
  std::vector<std::uint64_t> bits;
  for (int i = 0; i < count; ++i) bits.push_back(random.bits());
  return bits;
}

TEST(Random, AStreamIsAFunctionOfItsNameWhoeverElseDraws) {
  const std::vector<std::uint64_t> alone = first_bits(Random({1, 2}), 10);
  Random here({1, 2}), other({1, 3});
  for (const std::uint64_t expected : alone) {
    other.bits();
    EXPECT_EQ(here.bits(), expected);
  }
}

TEST(Random, OtherNamesAreOtherStreams) {
  const std::vector<std::vector<std::uint64_t>> streams = {
      first_bits(Random({}), 4),       first_bits(Random({0}), 4),    first_bits(Random({0, 0}), 4),
      first_bits(Random({1}), 4),      first_bits(Random({1, 2}), 4), first_bits(Random({2, 1}), 4),
      first_bits(Random({2, 1, 0}), 4)};
  for (std::size_t i = 0; i < streams.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(streams[i], streams[j]) << i << " " << j;
}

TEST(Random, NeighbouringStreamsAreUncorrelated) {
  constexpr int kStreams = 20'000;
  double product = 0;
  for (std::uint64_t i = 0; i < kStreams; ++i) {
    product += (Random({5, i}).uniform() - 0.5) * (Random({5, i + 1}).uniform() - 0.5);
  }
  EXPECT_NEAR(12 * product / kStreams, 0, 5 / std::sqrt(kStreams));
}

TEST(Random, UniformStaysInItsRangeAndFillsIt) {
  Random random({3});
  double low = 1, high = 0, total = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    low = std::min(low, u);
    high = std::max(high, u);
    total += u;
    const double v = random.uniform(-2, 3);
    ASSERT_TRUE(-2 <= v && v < 3);
  }
  EXPECT_GE(low, 0);
  EXPECT_LT(low, 1e-3);
  EXPECT_LT(high, 1);
  EXPECT_GT(high, 1 - 1e-3);
  EXPECT_NEAR(total / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
}

TEST(Random, NormalHasMeanZeroVarianceOneAndNoSkew) {
  Random random({4});
  constexpr int kDraws = 200'000;
  double total = 0, squares = 0, cubes = 0, fourths = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = random.normal();
    ASSERT_TRUE(std::isfinite(z));
    total += z;
    squares += z * z;
    cubes += z * z * z;
    fourths += z * z * z * z;
  }
  const double root = std::sqrt(kDraws);
  EXPECT_NEAR(total / kDraws, 0, 5 / root);
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(cubes / kDraws, 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(fourths / kDraws, 3, 5 * std::sqrt(96.0) / root);
}

TEST(Random, BelowIsUniform) {
  Random random({6});
  std::vector<int> counts(9);
  for (int i = 0; i < 90'000; ++i) ++counts[static_cast<std::size_t>(random.below(9))];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * 100);
}

TEST(Random, APermutationHoldsEveryIndexOnce) {
  for (const Index n : {0, 1, 2, 1000}) {
    std::vector<Index> order = Random({7}).permutation(n);
    std::sort(order.begin(), order.end());
    std::vector<Index> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), Index{0});
    EXPECT_EQ(order, all);
  }
}

TEST(Random, EveryPermutationOfThreeIsEquallyLikely) {
  std::vector<std::vector<Index>> seen;
  Random random({8});
  for (int i = 0; i < 6000; ++i) seen.push_back(random.permutation(3));
  std::vector<Index> order = {0, 1, 2};
  do {
    EXPECT_NEAR(static_cast<double>(std::count(seen.begin(), seen.end(), order)), 1000, 5 * std::sqrt(1000));
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace norma::test
