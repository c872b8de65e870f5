// Text that comes from files and from the command line, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace norma {

/// The text as it may stand in a line on a terminal: control characters become '?', of longer texts the first `longest`
/// bytes are kept, whole characters of UTF-8 only, and "..." stands after them.
std::string printable(std::string_view text, std::size_t longest = 80);

/// Whether the text is UTF-8 and printable() as it is, however long: what the name of a class must be.
bool is_printable(std::string_view text);

}  // namespace norma
