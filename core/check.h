// check(): the one way Norma reports a wrong argument.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace norma {

/// Thrown for every wrong argument: shapes that do not fit, values out of range, a graph used twice.
struct Error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Thrown where a NaN or an infinity would enter state that outlives the call.
struct NonFiniteError : Error {
  using Error::Error;
};

/// Thrown when a file or a folder cannot be made or written; the message begins with its path.
struct FileError : Error {
  using Error::Error;
};

/// Thrown when a data file is missing, damaged or not what it claims to be; the message begins with its path.
struct DataError : Error {
  using Error::Error;
};

/// Puts the printed form of all parts into one string: join("x ", shape) is "x (2,3)".
template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// Throws Error with the joined parts unless `ok`. The sentence names the operation and shows both sides:
///   check(x.dim(1) == c, "conv2d: weight ", w.shape(), " needs ", c, " input channels, got x ", x.shape());
template <class... Parts>
void check(bool ok, const Parts&... parts) {
  if (!ok) throw Error(join(parts...));
}

}  // namespace norma
