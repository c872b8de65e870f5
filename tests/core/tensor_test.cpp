#include <numeric>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

const Shape kShapes[] = {{},           {1},          {5},          {0},          {3, 4},
                         {0, 4},       {4, 0},       {2, 3, 4, 5}, {1, 1, 1, 1}, {2, 1, 3, 3},
                         {0, 3, 4, 4}, {2, 0, 4, 4}, {2, 3, 0, 4}, {3, 17, 2, 1}};

std::vector<Real> counting(Index count) {
  std::vector<Real> values;
  for (Index i = 0; i < count; ++i) values.push_back(static_cast<Real>(i));
  return values;
}

TEST(Tensor, FromValuesToValuesIsTheIdentityInEveryRank) {
  for (const Shape& shape : kShapes) {
    const std::vector<Real> values = counting(shape.size());
    const Tensor x = Tensor::from_values(shape, values);
    EXPECT_EQ(x.shape(), shape);
    EXPECT_EQ(x.size(), static_cast<Index>(values.size()));
    EXPECT_EQ(x.to_values(), values) << shape;
  }
}

TEST(Tensor, AtSpeaksLogicalOrder) {
  const Tensor x = Tensor::from_values({2, 3, 4, 5}, counting(120));
  Real expected = 0;
  for (Index n = 0; n < 2; ++n)
    for (Index c = 0; c < 3; ++c)
      for (Index h = 0; h < 4; ++h)
        for (Index w = 0; w < 5; ++w) EXPECT_EQ(x.at(n, c, h, w), expected++);
}

TEST(Tensor, AtRefusesOtherRanksAndIndicesOutside) {
  const Tensor x({2, 3, 4, 5});
  expect_error([&] { x.at(2, 0, 0, 0); }, {"at:", "(2,0,0,0)", "(2,3,4,5)"});
  expect_error([&] { x.at(0, 3, 0, 0); }, {"at:"});
  expect_error([&] { x.at(0, 0, -1, 0); }, {"at:"});
  expect_error([&] { x.at(0, 0, 0, 5); }, {"at:"});
  expect_error([&] { Tensor({2, 3}).at(0, 0, 0, 0); }, {"at:", "(2,3)"});
}

TEST(Tensor, PixelsHasOneColumnPerChannel) {
  const Tensor x = random_tensor({2, 3, 4, 5}, 1);
  ASSERT_EQ(x.pixels().rows(), 2 * 4 * 5);
  ASSERT_EQ(x.pixels().cols(), 3);
  for (Index n = 0; n < 2; ++n)
    for (Index c = 0; c < 3; ++c)
      for (Index h = 0; h < 4; ++h)
        for (Index w = 0; w < 5; ++w) EXPECT_EQ(x.pixels()((n * 4 + h) * 5 + w, c), x.at(n, c, h, w));
  EXPECT_EQ(Tensor({6, 7}).pixels().rows(), 6);
  EXPECT_EQ(Tensor({6, 7}).pixels().cols(), 7);
  EXPECT_EQ(Tensor({7}).pixels().rows(), 1);
  EXPECT_EQ(Tensor({7}).pixels().cols(), 7);
}

TEST(Tensor, RowsHasOneRowPerImage) {
  const Tensor x = random_tensor({2, 3, 4, 5}, 1);
  ASSERT_EQ(x.rows().rows(), 2);
  ASSERT_EQ(x.rows().cols(), 60);
  EXPECT_EQ(x.rows()(1, (2 * 5 + 3) * 3 + 1), x.at(1, 1, 2, 3));
  EXPECT_EQ(Tensor({7}).rows().rows(), 7);
  EXPECT_EQ(Tensor({7}).rows().cols(), 1);
  EXPECT_EQ(Tensor(Shape{}).rows().size(), 1);
}

TEST(Tensor, ChannelsOfAPixelAreNeighboursInMemory) {
  const Tensor x = random_tensor({2, 3, 4, 5}, 1);
  const Real* stored = x.rows().data();
  EXPECT_EQ(stored[0], x.at(0, 0, 0, 0));
  EXPECT_EQ(stored[1], x.at(0, 1, 0, 0));
  EXPECT_EQ(stored[3], x.at(0, 0, 0, 1));
  EXPECT_EQ(stored[3 * 5], x.at(0, 0, 1, 0));
  EXPECT_EQ(stored[3 * 5 * 4], x.at(1, 0, 0, 0));
}

TEST(Tensor, AnImageLiesAsInABatchOfOne) {
  std::vector<Real> values(24);
  std::iota(values.begin(), values.end(), Real{0});
  const Tensor image = Tensor::from_values({2, 3, 4}, values), batch = Tensor::from_values({1, 2, 3, 4}, values);
  EXPECT_EQ(image.to_values(), values);
  EXPECT_TRUE((image.pixels() == batch.pixels()).all());
  EXPECT_TRUE((image.rows() == batch.rows()).all());
}

TEST(Tensor, IsZeroOrFullOfOneNumber) {
  for (const Real value : Tensor({2, 3, 2, 2}).to_values()) EXPECT_EQ(value, 0);
  for (const Real value : Tensor::full({3, 5}, 2).to_values()) EXPECT_EQ(value, 2);
}

TEST(Shape, RefusesRankFiveAndNegativeSizes) {
  expect_error([] { Tensor({1, 2, 3, 4, 5}); }, {"rank", "5"});
  expect_error([] { Tensor({2, -1}); }, {"size 1", "-1"});
  expect_error([] { Tensor({2, 3}).dim(2); }, {"(2,3)", "2"});
  volatile int before_the_first = -1;  // volatile: else GCC 12 warns of an array read that is never reached
  expect_error([&] { Tensor({2, 3}).dim(before_the_first); }, {"(2,3)", "-1"});
}

TEST(Shape, ComparesRankAndSizes) {
  EXPECT_TRUE((Shape{2, 3} == Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3} == Shape{3, 2}));
  EXPECT_FALSE((Shape{} == Shape{0}));
  EXPECT_EQ(Shape{}.size(), 1);
  EXPECT_EQ(join(Shape{2, 3, 4, 5}), "(2,3,4,5)");
}

TEST(Tensor, FromValuesRefusesAWrongCount) {
  expect_error([] { Tensor::from_values({2, 2}, {1, 2, 3}); }, {"from_values", "(2,2)", "4", "3"});
  expect_error([] { Tensor::from_values({}, std::vector<Real>{}); }, {"from_values", "1", "0"});
}

TEST(Tensor, UseOfADefaultConstructedTensorIsAnError) {
  const Tensor nothing;
  EXPECT_FALSE(nothing.defined());
  expect_error([&] { nothing.shape(); }, {"Tensor"});
  expect_error([&] { nothing.to_values(); }, {"Tensor"});
  expect_error([&] { nothing.item(); }, {"Tensor"});
  expect_error([&] { nothing.backward(); }, {"Tensor"});
  expect_error([&] { nothing.grad(); }, {"Tensor"});
  expect_error([&] { nothing.clone(); }, {"Tensor"});
}

TEST(Tensor, CopiesAndDetachShareTheNumbersCloneDoesNot) {
  Tensor x = Tensor::full({2, 2}, 1);
  const Tensor copy = x, detached = x.detach(), clone = x.clone();
  x.rows()(1, 1) = 7;
  EXPECT_EQ(copy.rows()(1, 1), 7);
  EXPECT_EQ(detached.rows()(1, 1), 7);
  EXPECT_EQ(clone.rows()(1, 1), 1);
}

TEST(Tensor, CloneKeepsTheLogicalOrderAndHasNoHistory) {
  const Tensor x = random_leaf({2, 3, 4, 5}, 3);
  EXPECT_TRUE(same_bits(x.clone(), x));
  EXPECT_FALSE(x.clone().requires_grad());
  EXPECT_FALSE(x.detach().requires_grad());
}

TEST(Tensor, ItemNeedsExactlyOneElement) {
  EXPECT_EQ(Tensor::full({}, 3).item(), 3);
  EXPECT_EQ(Tensor::full({1, 1, 1, 1}, 4).item(), 4);
  expect_error([] { Tensor({2}).item(); }, {"item", "(2)"});
  expect_error([] { Tensor({0}).item(); }, {"item", "(0)"});
}

TEST(Storage, IsAlignedToACacheLine) {
  for (const Index size : {1, 17, 1000, 100'000}) {
    const Tensor x({size});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.rows().data()) % 64, 0u) << size;
  }
}

// Larger than any block another test leaves in the pool, and a size of its own for each test; never touched, so that
// it costs address space alone.
constexpr Index kBig = 1 << 23;

TEST(Storage, ABigBlockIsUsedAgain) {
  const void* first = Tensor::empty({kBig}).rows().data();
  EXPECT_EQ(Tensor::empty({kBig}).rows().data(), first);
}

TEST(Storage, ASmallerLastBatchReusesTheBlockAndReturnsAllOfIt) {
  const void* first = Tensor::empty({4 * kBig}).rows().data();
  EXPECT_EQ(Tensor::empty({3 * kBig}).rows().data(), first);
  EXPECT_EQ(Tensor::empty({4 * kBig}).rows().data(), first);
}

TEST(Storage, AMuchSmallerTensorDoesNotTakeABigBlock) {
  const void* first = Tensor::empty({16 * kBig}).rows().data();
  const Tensor small = Tensor::empty({4 * kBig});
  EXPECT_NE(small.rows().data(), first);
}

TEST(Storage, TwoTensorsAliveNeverShareABlock) {
  constexpr Index kSize = 1 << 20;
  { const Tensor a({kSize}), b({kSize}); }
  const Tensor a({kSize}), b({kSize}), c({kSize});
  EXPECT_NE(a.rows().data(), b.rows().data());
  EXPECT_NE(a.rows().data(), c.rows().data());
  EXPECT_NE(b.rows().data(), c.rows().data());
}

TEST(Storage, AnAbsurdSizeIsAnErrorNotAnOverflow) {
  expect_error([] { Tensor({Index{1} << 62}); }, {"Storage"});
}

}  // namespace
}  // namespace norma::test
