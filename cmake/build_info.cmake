# Writes OUT, what the program knows about how it was built, at every build; a file that stays the same is not touched.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE git OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(CONFIGURE [[
// Made by cmake/build_info.cmake.
#pragma once

namespace norma::build_info {

inline constexpr const char* kGit = R"(@git@)";  // commit, "-dirty" with changes; empty outside a checkout
inline constexpr const char* kCompiler = R"(@COMPILER@)";
inline constexpr const char* kFlags = R"(@FLAGS@)";

}  // namespace norma::build_info
]] text @ONLY)
if(EXISTS ${OUT})
  file(READ ${OUT} present)
endif()
if(NOT text STREQUAL "${present}")
  file(WRITE ${OUT} "${text}")
endif()
