// DataLoader: order, batches, augmentation, normalisation.
#include "norma/data/loader.h"

#include <numeric>
#include <set>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

constexpr Index kHeight = 6, kWidth = 9;
const PixelStats kAsIs{{0, 0}, {1.0 / 255, 1.0 / 255}};  // a byte comes out as its own number

/// Two channels of random bytes, none of them 0, so that black margins are known; labels count up.
ImageSet random_set(Index count) {
  ImageSet set{.channels = 2, .height = kHeight, .width = kWidth, .bytes = {}, .labels = {}, .class_names = {}};
  Random random({11});
  for (Index i = 0; i < count * set.image_bytes(); ++i)
    set.bytes.push_back(static_cast<std::uint8_t>(1 + random.below(255)));
  for (Index i = 0; i < count; ++i) set.labels.push_back(static_cast<int>(i));
  return set;
}

std::vector<int> labels_of_epoch(DataLoader& loader, Index epoch) {
  loader.start_epoch(epoch);
  std::vector<int> labels;
  for (Index i = 0; i < loader.batches(); ++i)
    for (const int label : loader.batch(i).labels) labels.push_back(label);
  return labels;
}

std::vector<int> counting(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(DataLoader, ShowsEveryImageOnceAnEpoch) {
  const ImageSet set = random_set(53);
  for (const bool shuffle : {true, false})
    for (const Index size : {1, 2, 10, 26, 52, 53, 54, 1000}) {
      DataLoader loader(set, {.batch_size = size, .shuffle = shuffle});
      std::vector<int> labels = labels_of_epoch(loader, 0);
      EXPECT_EQ(labels == counting(53), !shuffle) << size;
      std::sort(labels.begin(), labels.end());
      EXPECT_EQ(labels, counting(53)) << size;
    }
}

TEST(DataLoader, OrderIsAFunctionOfSeedAndEpochAlone) {
  const ImageSet set = random_set(53);
  DataLoader a(set, {.batch_size = 10, .shuffle = true, .seed = 5}),
      b(set, {.batch_size = 7, .shuffle = true, .seed = 5});
  DataLoader other(set, {.batch_size = 10, .shuffle = true, .seed = 6});
  const std::vector<int> first = labels_of_epoch(a, 0), second = labels_of_epoch(a, 1);
  EXPECT_EQ(labels_of_epoch(b, 1), second);
  EXPECT_EQ(labels_of_epoch(b, 0), first);
  EXPECT_NE(first, second);
  EXPECT_NE(labels_of_epoch(other, 0), first);
}

TEST(DataLoader, ABatchIsTheSameInAnyOrderOfAsking) {
  const ImageSet set = random_set(53);
  const LoaderOptions options{.batch_size = 10, .shuffle = true, .augment = true, .seed = 5};
  DataLoader straight(set, options);
  std::vector<Batch> expected;
  for (Index i = 0; i < straight.batches(); ++i) expected.push_back(straight.batch(i));
  DataLoader jumping(set, options);
  jumping.start_epoch(3);
  jumping.batch(0);
  jumping.start_epoch(0);
  for (const Index i : {4, 0, 0, 3, 2, 3, 1}) {
    const Batch batch = jumping.batch(i);
    EXPECT_TRUE(same_bits(batch.images, expected[static_cast<std::size_t>(i)].images)) << i;
    EXPECT_EQ(batch.labels, expected[static_cast<std::size_t>(i)].labels) << i;
  }
}

TEST(DataLoader, MayBeDroppedWhileItsWorkerPreparesABatch) {
  const ImageSet set = random_set(2000);
  for (Index dropped = 0; dropped < 20; ++dropped) {
    Batch last;
    {
      DataLoader loader(set, {.batch_size = 500, .shuffle = true, .augment = true});
      for (Index i = 0; i <= dropped % 4; ++i) last = loader.batch(i);
      if (dropped % 2 == 1) loader.start_epoch(1);
    }
    EXPECT_TRUE(last.images.rows().allFinite());  // what was handed out stays
  }
}

TEST(DataLoader, ImagesBelongToTheirLabels) {
  const ImageSet set = random_set(20);
  DataLoader loader(set, {.batch_size = 6, .shuffle = true, .normalisation = kAsIs});
  for (Index i = 0; i < loader.batches(); ++i) {
    const Batch batch = loader.batch(i);
    const std::vector<double> values = to_doubles(batch.images);
    for (std::size_t n = 0; n < batch.labels.size(); ++n)
      for (std::size_t k = 0; k < static_cast<std::size_t>(set.image_bytes()); ++k)
        ASSERT_NEAR(values[n * static_cast<std::size_t>(set.image_bytes()) + k], set.image(batch.labels[n])[k], 1e-4);
  }
}

/// How an augmented image came out of its original.
struct Cut {
  bool mirrored;
  Index down, right;
  auto operator<=>(const Cut&) const = default;
};

/// All the cuts, of 2 x 9 x 9, that turn `original` into image n of `images`.
std::vector<Cut> cuts_of(const ImageSet& set, Index original, const Tensor& images, Index n) {
  const auto shows = [&](const Cut& cut) {
    for (Index c = 0; c < 2; ++c)
      for (Index h = 0; h < kHeight; ++h)
        for (Index w = 0; w < kWidth; ++w) {
          const Index row = h + cut.down, column = (cut.mirrored ? kWidth - 1 - w : w) + cut.right;
          const bool inside = 0 <= row && row < kHeight && 0 <= column && column < kWidth;
          const double byte = inside ? set.image(original)[(c * kHeight + row) * kWidth + column] : 0;
          if (std::abs(static_cast<double>(images.at(n, c, h, w)) - byte) > 1e-3) return false;
        }
    return true;
  };
  std::vector<Cut> found;
  for (const bool mirrored : {false, true})
    for (Index down = -4; down <= 4; ++down)
      for (Index right = -4; right <= 4; ++right)
        if (shows({mirrored, down, right})) found.push_back({mirrored, down, right});
  return found;
}

TEST(DataLoader, AnAugmentedImageIsACutOfItsOriginalWithABlackMargin) {
  const ImageSet set = random_set(400);
  DataLoader loader(set, {.batch_size = 400, .augment = true, .normalisation = kAsIs});
  const Batch batch = loader.batch(0);
  std::set<Index> downs, rights;
  int mirrored = 0;
  for (Index n = 0; n < 400; ++n) {
    const std::vector<Cut> cuts = cuts_of(set, batch.labels[static_cast<std::size_t>(n)], batch.images, n);
    ASSERT_EQ(cuts.size(), 1u) << n;
    downs.insert(cuts[0].down);
    rights.insert(cuts[0].right);
    mirrored += cuts[0].mirrored;
  }
  EXPECT_EQ(downs.size(), 9u);
  EXPECT_EQ(rights.size(), 9u);
  EXPECT_NEAR(mirrored, 200, 5 * 10);
}

TEST(DataLoader, AugmentationIsAnewEveryEpochAndOwesNothingToTheBatchSize) {
  const ImageSet set = random_set(30);
  DataLoader loader(set, {.batch_size = 30, .augment = true}), halves(set, {.batch_size = 15, .augment = true});
  const Tensor first = loader.batch(0).images;
  Tensor joined(first.shape());
  for (Index i = 0; i < 2; ++i) {
    const Batch half = halves.batch(i);
    joined.rows().middleRows(15 * i, 15) = half.images.rows();
  }
  EXPECT_TRUE(same_bits(joined, first));
  loader.start_epoch(1);
  EXPECT_FALSE(same_bits(loader.batch(0).images, first));
}

TEST(DataLoader, ASingleLeftOverImageJoinsTheBatchBeforeIt) {
  struct Case {
    Index images, batch_size;
    std::vector<Index> sizes;
  };
  const Case cases[] = {{21, 10, {10, 11}}, {22, 10, {10, 10, 2}}, {20, 10, {10, 10}}, {11, 10, {11}}, {1, 10, {1}},
                        {1, 1, {1}},        {3, 1, {1, 1, 1}},     {3, 2, {3}},        {5, 100, {5}}};
  for (const Case& c : cases) {
    const ImageSet set = random_set(c.images);
    DataLoader loader(set, {.batch_size = c.batch_size});
    std::vector<Index> sizes;
    for (Index i = 0; i < loader.batches(); ++i) {
      const Batch batch = loader.batch(i);
      sizes.push_back(batch.images.dim(0));
      EXPECT_EQ(batch.images.dim(0), static_cast<Index>(batch.labels.size()));
    }
    EXPECT_EQ(sizes, c.sizes) << c.images << " by " << c.batch_size;
    EXPECT_EQ(loader.images(), c.images);
  }
}

TEST(DataLoader, NormalisesByTheSetsOwnStatisticsOrTheGivenOnes) {
  const ImageSet set = random_set(20);
  const Tensor own = DataLoader(set, {.batch_size = 20}).batch(0).images;
  for (Index c = 0; c < 2; ++c) {
    const Eigen::ArrayXd values = own.pixels().col(c).cast<double>();
    EXPECT_NEAR(values.mean(), 0, 1e-6);
    EXPECT_NEAR(values.square().mean(), 1, 1e-5);
  }
  const PixelStats given{{0.25, 0.5}, {0.5, 2}};
  const Tensor x = DataLoader(set, {.batch_size = 20, .normalisation = given}).batch(0).images;
  EXPECT_NEAR(static_cast<double>(x.at(3, 0, 1, 2)), (set.image(3)[kWidth + 2] / 255.0 - 0.25) / 0.5, 1e-6);
  EXPECT_NEAR(static_cast<double>(x.at(3, 1, 0, 0)), (set.image(3)[kHeight * kWidth] / 255.0 - 0.5) / 2, 1e-6);
}

TEST(DataLoader, Errors) {
  const ImageSet set = random_set(20), empty = random_set(0);
  for (const Index size : {0, -1}) {
    expect_error([&] { DataLoader(set, {.batch_size = size}); }, {"DataLoader", "batch_size", std::to_string(size)});
  }
  expect_error([&] { DataLoader(empty, {}); }, {"DataLoader", "empty"});
  expect_error([&] { DataLoader(set, {.normalisation = {{0}, {1}}}); }, {"DataLoader", "2 channels", "1 and 1"});
  DataLoader loader(set, {.batch_size = 10});
  expect_error([&] { loader.batch(2); }, {"DataLoader", "batch 2", "2 of an epoch"});
  expect_error([&] { loader.batch(-1); }, {"DataLoader", "batch -1"});
}

}  // namespace
}  // namespace norma::test
