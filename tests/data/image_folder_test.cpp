// Image folders: what is read, in which order, and what is refused.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "norma/data/image_folder.h"
#include "norma/data/synthetic.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

namespace fs = std::filesystem;

class ImageFolder : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(dir_); }

  void put(const std::string& name, std::uint8_t shade, Index height = 4, Index width = 4) {
    fs::create_directories((dir_ / name).parent_path());
    const auto bytes = static_cast<std::size_t>(height * width * 3);
    write_png(dir_ / name, {.height = height, .width = width, .rgb = std::vector<std::uint8_t>(bytes, shade)});
  }

  void expect_data_error(std::initializer_list<std::string> parts) {
    expect_error([&] { read_image_folder(dir_); }, parts);
    EXPECT_THROW(read_image_folder(dir_), DataError);
  }

  const fs::path dir_ = fs::temp_directory_path() / ("norma_folder_" + std::to_string(::getpid()));
};

TEST_F(ImageFolder, TheSyntheticSetComesBackArranged) {
  const ImageSet set = make_synthetic(57, 3), expected = arranged(set);
  write_image_folder(dir_, set);
  const ImageSet back = read_image_folder(dir_);
  EXPECT_EQ(back.class_names, expected.class_names);
  EXPECT_EQ(back.labels, expected.labels);
  EXPECT_TRUE(back.bytes == expected.bytes);
  EXPECT_EQ(image_of(back, 3).rgb[0], back.image(3)[0]);
  expect_error([&] { write_image_folder(dir_, set); }, {dir_.string(), "must be a new or an empty folder"});
}

TEST_F(ImageFolder, ClassesAndFilesAreSortedAndOthersPassedOver) {
  put("b/2.PNG", 20);
  put("b/1.png", 10);
  put("a/z.Jpg", 30);  // what it is its bytes tell
  put("a/.hidden.png", 99);
  put(".git/x.png", 99);
  std::ofstream(dir_ / "a" / "notes.txt") << "not an image";
  std::ofstream(dir_ / "README.png") << "beside the classes";
  const ImageSet set = read_image_folder(dir_, 5);
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set.labels, (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(set.image_bytes(), 75);
  EXPECT_EQ(set.image(0)[0], 30);
  EXPECT_EQ(set.image(1)[0], 10);
  EXPECT_EQ(set.image(2)[74], 20);
}

TEST_F(ImageFolder, AnySizeBecomesTheAskedOne) {
  put("a/tall.png", 7, 90, 20);
  put("a/wide.png", 8, 3, 50);
  put("b/one.png", 9, 1, 1);
  for (const Index size : {1, 8, 33}) {
    const ImageSet set = read_image_folder(dir_, size);
    EXPECT_EQ(set.size(), 3);
    EXPECT_EQ(set.height, size);
    EXPECT_EQ(set.width, size);
    EXPECT_EQ(set.image(2)[set.image_bytes() - 1], 8);
  }
  expect_error([&] { read_image_folder(dir_, 0); }, {"read_image_folder", "got 0"});
}

TEST_F(ImageFolder, WhatIsWrongIsNamed) {
  expect_data_error({dir_.string(), "no such folder"});
  fs::create_directories(dir_);
  expect_data_error({dir_.string(), "holds no folder of pictures"});
  fs::create_directories(dir_ / "empty");
  expect_data_error({(dir_ / "empty").string(), "holds no .png, .jpg or .jpeg file"});
  put("empty/good.png", 1);
  std::ofstream(dir_ / "empty" / "text.png") << "some words";
  expect_data_error({(dir_ / "empty" / "text.png").string(), "neither a PNG nor a JPEG image"});
  fs::remove(dir_ / "empty" / "text.png");
  fs::create_directories(dir_ / "empty" / "folder.png");
  expect_data_error({(dir_ / "empty" / "folder.png").string(), "not a regular file"});
}

TEST_F(ImageFolder, OfSeveralDamagedFilesTheFirstIsNamed) {
  for (int i = 0; i < 100; ++i) put("a/" + std::to_string(100 + i) + ".png", 1);
  for (const int i : {190, 150, 120, 121}) fs::resize_file(dir_ / "a" / (std::to_string(i) + ".png"), 60);
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    expect_data_error({(dir_ / "a" / "120.png").string(), "damaged or unusual PNG"});
  }
}

TEST_F(ImageFolder, WhatCannotBeWrittenIsNamed) {
  ImageSet set = make_synthetic(10, 1);
  expect_error([&] { write_image_folder("/proc/norma", set); }, {"/proc/norma", "cannot make this folder"});
  set.class_names[3] = "a/b";
  expect_error([&] { write_image_folder(dir_, set); }, {"write_image_folder", "'a/b'"});
}

}  // namespace
}  // namespace norma::test
