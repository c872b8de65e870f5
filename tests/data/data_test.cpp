// Image sets: reading CIFAR-10, drawing the synthetic set, their statistics.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "norma/data/cifar10.h"
#include "norma/data/synthetic.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kRecord = 3073, kRecords = 10'000;

/// A folder that looks like CIFAR-10, removed at the end. Its files are sparse: images are black but for what put() writes.
class FakeCifar : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_);
    std::ofstream(dir_ / "batches.meta.txt")
        << "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    for (int i = 1; i <= 5; ++i) make("data_batch_" + std::to_string(i) + ".bin");
    make("test_batch.bin");
  }
  void TearDown() override { fs::remove_all(dir_); }

  void make(const std::string& name) {
    std::ofstream{dir_ / name};
    fs::resize_file(dir_ / name, kRecords * kRecord);
  }

  void put(const std::string& name, std::uintmax_t record, std::uintmax_t position, int byte) {
    std::fstream file(dir_ / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(record * kRecord + position));
    file.put(static_cast<char>(byte));
  }

  void expect_test_error(std::initializer_list<std::string> parts) {
    expect_error([&] { read_cifar10(dir_, false); }, parts);
  }

  const fs::path dir_ = fs::temp_directory_path() / ("norma_fake_cifar_" + std::to_string(::getpid()));
  const std::string test_file_ = (dir_ / "test_batch.bin").string();
};

TEST_F(FakeCifar, IsReadInOrder) {
  put("data_batch_1.bin", 0, 0, 9);
  put("data_batch_1.bin", 0, 1, 200);
  put("data_batch_3.bin", 1, 0, 5);
  put("data_batch_3.bin", 1, 1 + 1024 + 33, 255);
  put("data_batch_5.bin", 9999, 3072, 7);
  const ImageSet set = read_cifar10(dir_, true);
  EXPECT_EQ(set.size(), 50'000);
  EXPECT_EQ(set.image_bytes(), 3072);
  EXPECT_EQ(set.class_names.size(), 10u);
  EXPECT_EQ(set.class_names[9], "truck");
  EXPECT_EQ(set.labels[0], 9);
  EXPECT_EQ(set.image(0)[0], 200);
  EXPECT_EQ(set.labels[20'001], 5);
  EXPECT_EQ(set.image(20'001)[1024 + 33], 255);
  EXPECT_EQ(set.image(49'999)[3071], 7);
  EXPECT_EQ(std::count_if(set.bytes.begin(), set.bytes.end(), [](std::uint8_t byte) { return byte != 0; }), 3);
}

TEST_F(FakeCifar, ADamagedFileIsNamed) {
  put("test_batch.bin", 17, 0, 10);
  expect_test_error({test_file_, "record 17", "label 10"});
  put("test_batch.bin", 17, 0, 200);
  expect_test_error({test_file_, "record 17", "label 200"});
  fs::resize_file(test_file_, kRecords * kRecord - 1);
  expect_test_error({test_file_, "30730000", "30729999"});
  fs::resize_file(test_file_, kRecords * kRecord + 1);
  expect_test_error({test_file_, "30730000", "30730001"});
  fs::resize_file(test_file_, 0);
  expect_test_error({test_file_, "30730000", "is 0"});
}

TEST_F(FakeCifar, AMissingFileIsNamed) {
  fs::remove(test_file_);
  expect_test_error({test_file_, "no such file"});
  fs::create_directory(test_file_);
  expect_test_error({test_file_, "not a regular file"});
  fs::remove(dir_ / "data_batch_4.bin");
  expect_error([&] { read_cifar10(dir_, true); }, {(dir_ / "data_batch_4.bin").string(), "no such file"});
}

TEST_F(FakeCifar, BadClassNamesAreNamed) {
  const std::string meta = (dir_ / "batches.meta.txt").string();
  std::ofstream{meta} << "airplane\nautomobile\n";
  expect_test_error({meta, "10 class names", "holds 2"});
  fs::remove(meta);
  expect_test_error({meta, "no such file"});
}

TEST_F(FakeCifar, WindowsLineEndsAreRead) {
  std::ofstream(dir_ / "batches.meta.txt", std::ios::binary)
      << "a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh\r\ni\r\nj\r\n\r\n";
  EXPECT_EQ(read_cifar10(dir_, false).class_names[9], "j");
}

TEST_F(FakeCifar, WhatIsWrittenIsRead) {
  const ImageSet some = make_synthetic(50, 5);
  ImageSet train = some, test = some;  // the same 50 images over and over, but for the very first and last byte
  const auto repeat = [&](ImageSet& set, std::size_t times) {
    set.bytes.clear();
    set.labels.clear();
    for (std::size_t i = 0; i < times; ++i) {
      set.bytes.insert(set.bytes.end(), some.bytes.begin(), some.bytes.end());
      set.labels.insert(set.labels.end(), some.labels.begin(), some.labels.end());
    }
    set.bytes.front() = 17;
    set.bytes.back() = 18;
  };
  repeat(train, 1000);
  repeat(test, 200);
  expect_error([&] { write_cifar10(dir_, train, test); }, {dir_.string(), "must be a new or an empty folder"});
  expect_error([&] { write_cifar10("/proc/norma/x", train, test); }, {"/proc/norma/x: cannot make this folder"});
  expect_error([&] { write_cifar10(dir_, some, test); }, {"write_cifar10", "50000 training", "got 50 3x32x32"});
  expect_error([&] { write_cifar10(dir_, train, some); }, {"write_cifar10", "10000 test"});
  fs::remove_all(dir_);
  write_cifar10(dir_, train, test);
  for (const bool is_train : {true, false}) {
    const ImageSet back = read_cifar10(dir_, is_train), &set = is_train ? train : test;
    EXPECT_TRUE(back.bytes == set.bytes);
    EXPECT_EQ(back.labels, set.labels);
    EXPECT_EQ(back.class_names, set.class_names);
  }
}

TEST(Cifar10, RecordsAreDecoded) {
  std::string records(2 * kRecord, 'x');
  records[0] = 3;
  records[kRecord] = 9;
  const ImageSet set = decode_cifar10(records, "records");
  EXPECT_EQ(set.labels, (std::vector<int>{3, 9}));
  EXPECT_EQ(set.bytes, std::vector<std::uint8_t>(2 * 3072, 'x'));
  EXPECT_EQ(decode_cifar10("", "records").size(), 0);
  expect_error([&] { decode_cifar10(records + "x", "records"); }, {"records: 6147 bytes"});
  records[kRecord] = 10;
  expect_error([&] { decode_cifar10(records, "records"); }, {"records: record 1 has label 10"});
}

TEST(Cifar10, AMissingFolderIsNamed) {
  expect_error([] { read_cifar10("/nowhere/cifar", true); }, {"/nowhere/cifar", "no such folder"});
  EXPECT_THROW(read_cifar10("/nowhere/cifar", true), DataError);
}

TEST(Cifar10, TheRealSetHasItsKnownStatistics) {
  const char* named = std::getenv("NORMA_DATA");
  const fs::path dir = named ? fs::path(named) : fs::path(NORMA_SOURCE_DIR) / "../shared/cifar-10-batches-bin";
  if (!fs::is_directory(dir)) GTEST_SKIP() << "CIFAR-10 is not at " << dir << "; set NORMA_DATA to its folder.";
  for (const bool train : {true, false}) {
    const ImageSet set = read_cifar10(dir, train);
    EXPECT_EQ(set.size(), train ? 50'000 : 10'000);
    for (int label = 0; label < 10; ++label)
      EXPECT_EQ(std::count(set.labels.begin(), set.labels.end(), label), train ? 5000 : 1000);
    EXPECT_EQ(set.class_names[0], "airplane");
    if (train) {
      EXPECT_LE(max_difference(pixel_stats(set).mean, {0.4914, 0.4822, 0.4465}), 1e-4);
      EXPECT_LE(max_difference(pixel_stats(set).deviation, {0.2470, 0.2435, 0.2616}), 1e-4);
    }
  }
}

TEST(Synthetic, IsAFunctionOfSeedAndIndexAlone) {
  const ImageSet set = make_synthetic(150, 1);
  EXPECT_EQ(make_synthetic(150, 1).bytes, set.bytes);
  const ImageSet prefix = make_synthetic(70, 1);
  EXPECT_TRUE(std::equal(prefix.bytes.begin(), prefix.bytes.end(), set.bytes.begin()));
  EXPECT_NE(make_synthetic(150, 2).bytes, set.bytes);
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    EXPECT_EQ(make_synthetic(150, 1).bytes, set.bytes) << threads;
  }
}

TEST(Synthetic, HasTenBalancedClassesAndNoTwoEqualImages) {
  const ImageSet set = make_synthetic(100, 3);
  EXPECT_EQ(set.class_names.size(), 10u);
  for (Index i = 0; i < 100; ++i) EXPECT_EQ(set.labels[static_cast<std::size_t>(i)], i % 10);
  for (Index i = 0; i < 100; ++i)
    for (Index j = 0; j < i; ++j)
      EXPECT_FALSE(std::equal(set.image(i), set.image(i) + 3072, set.image(j))) << i << " " << j;
  EXPECT_EQ(make_synthetic(0, 3).size(), 0);
  expect_error([] { make_synthetic(-1, 3); }, {"make_synthetic", "-1"});
}

TEST(ImageSet, FirstImages) {
  const ImageSet set = make_synthetic(20, 1), part = first_images(set, 7);
  EXPECT_EQ(part.size(), 7);
  EXPECT_EQ(part.bytes.size(), 7u * 3072);
  EXPECT_TRUE(std::equal(part.bytes.begin(), part.bytes.end(), set.bytes.begin()));
  EXPECT_EQ(part.class_names, set.class_names);
  EXPECT_EQ(first_images(set, 100).size(), 20);
  EXPECT_EQ(first_images(set, 0).bytes.size(), 0u);
}

TEST(ImageSet, ArrangedTakesTurns) {
  const ImageSet set{.channels = 1,
                     .height = 1,
                     .width = 1,
                     .bytes = {1, 2, 3, 4, 5},
                     .labels = {0, 0, 2, 0, 1},
                     .class_names = {"b", "c", "a"}};
  const ImageSet order = arranged(set);
  EXPECT_EQ(order.class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(order.bytes, (std::vector<std::uint8_t>{3, 1, 5, 2, 4}));
  EXPECT_EQ(order.labels, (std::vector<int>{0, 1, 2, 1, 1}));
  EXPECT_EQ(arranged(order).bytes, order.bytes);
}

TEST(ImageSet, PixelStatsByHand) {
  ImageSet set{.channels = 2,
               .height = 1,
               .width = 2,
               .bytes = {0, 255, 51, 51, 0, 255, 51, 51},
               .labels = {0, 1},
               .class_names = {}};
  const PixelStats stats = pixel_stats(set);
  EXPECT_LE(max_difference(stats.mean, {0.5, 0.2}), 1e-12);
  EXPECT_LE(max_difference(stats.deviation, {0.5, 1}), 1e-12) << "a constant channel has deviation 1";
  expect_error([] { pixel_stats(ImageSet{}); }, {"pixel_stats", "empty"});
}

}  // namespace
}  // namespace norma::test
