// Text on its way to a terminal.
#include "norma/data/files/text.h"

#include <gtest/gtest.h>

namespace norma::test {
namespace {

TEST(Text, PrintableReplacesWhatATerminalObeys) {
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f\xC2\x9B"), "a?b?[31m??");
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Text, PrintableCutsBetweenCharacters) {
  EXPECT_EQ(printable("abcd", 4), "abcd");
  EXPECT_EQ(printable("abcde", 4), "abcd...");
  EXPECT_EQ(printable("abc\xC3\xA9", 4), "abc...");
}

TEST(Text, IsPrintable) {
  EXPECT_TRUE(is_printable(""));
  EXPECT_TRUE(is_printable(std::string(200, 'a') + "caf\xC3\xA9"));
  for (const char* text : {"a\nb", "\x1b[31m", "\xC2\x9B", "caf\xE9", "\xFF", "caf\xC3"})
    EXPECT_FALSE(is_printable(text)) << text;
}

}  // namespace
}  // namespace norma::test
