// The confusion matrix against one counted by hand, and how it prints.
#include "norma/apps/training/confusion.h"

#include <sstream>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

/// Logits in which row i is largest at answers[i].
Tensor answering(const std::vector<int>& answers, Index classes) {
  Tensor logits = Tensor::full({static_cast<Index>(answers.size()), classes}, -1);
  for (std::size_t i = 0; i < answers.size(); ++i) logits.rows()(static_cast<Index>(i), answers[i]) = 1;
  return logits;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> numbered_names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(join("a long class name ", i));
  return names;
}

TEST(Confusion, CountsOverBatches) {
  Confusion confusion({"cat", "dog", "emu"});
  confusion.add(answering({0, 0, 1, 2}, 3), std::vector<int>{0, 1, 1, 0});
  confusion.add(answering({1}, 3), std::vector<int>{1});
  const Index expected[3][3] = {{1, 0, 1}, {1, 2, 0}, {0, 0, 0}};
  for (Index label = 0; label < 3; ++label)
    for (Index answer = 0; answer < 3; ++answer)
      EXPECT_EQ(confusion.count(label, answer), expected[label][answer]) << label << " " << answer;
  EXPECT_EQ(confusion.images(1), 3);
  EXPECT_DOUBLE_EQ(confusion.accuracy(0), 0.5);
  EXPECT_DOUBLE_EQ(confusion.accuracy(1), 2.0 / 3);
  EXPECT_TRUE(std::isnan(confusion.accuracy(2)));
}

TEST(Confusion, RefusesWhatDoesNotFitAndChangesNothing) {
  Confusion confusion({"cat", "dog"});
  const std::vector<int> labels{0, 1};
  expect_error([&] { confusion.add(answering({0, 1}, 3), labels); }, {"(2,2)", "(2,3)"});
  expect_error([&] { confusion.add(answering({0}, 2), labels); }, {"(2,2)", "(1,2)"});
  expect_error([&] { confusion.add(answering({0, 1}, 2), std::vector<int>{0, 2}); }, {"label 2", "2 classes"});
  expect_error([&] { confusion.add(answering({0, 1}, 2), std::vector<int>{0, -1}); }, {"label -1"});
  EXPECT_EQ(confusion.images(0) + confusion.images(1), 0);
  expect_error([] { Confusion none({}); }, {"at least one class"});
}

TEST(Confusion, TableOfTenClassesFits) {
  Confusion confusion(numbered_names(10));
  confusion.add(answering(std::vector<int>(100, 3), 10), std::vector<int>(100, 3));
  confusion.add(answering({4}, 10), std::vector<int>{3});
  const std::vector<std::string> lines = lines_of(confusion.table());
  ASSERT_EQ(lines.size(), 11u);
  for (const std::string& line : lines) {
    EXPECT_EQ(line.size(), lines[0].size()) << line;
    EXPECT_LE(line.size(), 120u) << line;
  }
  EXPECT_NE(lines[4].find("     101    99.01%"), std::string::npos) << lines[4];
  EXPECT_NE(lines[4].find("100        1"), std::string::npos) << lines[4];
  EXPECT_NE(lines[1].find("       0         -"), std::string::npos) << lines[1];
}

TEST(Confusion, TableOfManyClassesListsConfusions) {
  Confusion confusion(numbered_names(40));
  confusion.add(answering({1, 2, 2, 39}, 40), std::vector<int>{0, 0, 0, 39});
  const std::vector<std::string> lines = lines_of(confusion.table());
  ASSERT_EQ(lines.size(), 1u + 40 + 2 + 2);
  for (const std::string& line : lines) EXPECT_LE(line.size(), 120u) << line;
  EXPECT_EQ(lines[43], "       2  a long class name 0 taken for a long class name 2");
  EXPECT_EQ(lines[44], "       1  a long class name 0 taken for a long class name 1");
}

TEST(Confusion, CsvQuotesNames) {
  Confusion confusion({"cat", "big, \"red\" dog"});
  confusion.add(answering({0, 0, 1}, 2), std::vector<int>{0, 1, 1});
  EXPECT_EQ(confusion.csv(),
            (std::vector<std::string>{R"(class,cat,"big, ""red"" dog")", "cat,1,0", R"("big, ""red"" dog",1,1)"}));
}

}  // namespace
}  // namespace norma::test
