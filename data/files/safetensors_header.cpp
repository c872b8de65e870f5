#include "norma/data/files/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "norma/core/check.h"
#include "norma/data/files/text.h"

namespace norma {
namespace {

constexpr const char* kMetadata = "__metadata__";
constexpr std::uint64_t kMaxSize = (std::uint64_t{1} << 48) - 1;  // of one dimension: the format's limit

std::string in_quotes(std::string_view text) { return join("'", printable(text), "'"); }

/// One entry as it is being read.
struct Entry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape, offsets;
  std::set<std::string> fields;
};

Shape to_shape(const std::vector<std::uint64_t>& sizes) {
  const auto size = [&](std::size_t i) { return static_cast<Index>(sizes[i]); };
  switch (sizes.size()) {
    case 0: return Shape{};
    case 1: return {size(0)};
    case 2: return {size(0), size(1)};
    case 3: return {size(0), size(1), size(2)};
    default: return {size(0), size(1), size(2), size(3)};
  }
}

/// Takes the parser's events one by one, so that nothing is stored but what a header may hold.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::string file) : file_(std::move(file)) {}
  SafetensorsHeader header;

  bool null() override { unexpected("null"); }
  bool boolean(bool value) override { unexpected(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override { unexpected(join("the number ", value)); }
  bool number_float(double, const std::string& text) override { unexpected("the number " + printable(text)); }
  bool binary(nlohmann::json::binary_t&) override { unexpected("bytes"); }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != kList) unexpected(join("the number ", value));
    std::vector<std::uint64_t>& list = key_ == "shape" ? entry_.shape : entry_.offsets;
    if (key_ == "shape" && list.size() == 4) refuse(tensor(), " has more than 4 dimensions, Norma's have 0 to 4");
    if (key_ != "shape" && list.size() == 2) refuse(tensor(), " has more than 2 data_offsets, must have 2");
    list.push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == kMetadataObject)
      header.metadata.emplace(key_, std::move(value));
    else if (place_ == kEntryObject && key_ == "dtype")
      entry_.dtype = std::move(value);
    else
      unexpected("the string " + in_quotes(value));
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == kOutside)
      place_ = kTop;
    else if (place_ == kTop)
      place_ = key_ == kMetadata ? kMetadataObject : kEntryObject;
    else
      unexpected("an object");
    entry_ = {key_, {}, {}, {}, {}};
    return true;
  }

  bool key(std::string& name) override {
    key_ = name;
    if (place_ == kTop && !names_.insert(name).second)
      refuse("the name ", in_quotes(name), " stands twice in the header");
    if (place_ == kMetadataObject && header.metadata.contains(name))
      refuse(in_quotes(name), " stands twice in ", kMetadata);
    if (place_ == kEntryObject) {
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        refuse(tensor(), " has the unknown field ", in_quotes(name), ", must have dtype, shape and data_offsets");
      if (!entry_.fields.insert(name).second) refuse(tensor(), " has the field ", name, " twice");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == kEntryObject) header.tensors.push_back(finished_entry());
    place_ = place_ == kTop ? kOutside : kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != kEntryObject || key_ == "dtype") unexpected("a list");
    place_ = kList;
    return true;
  }

  bool end_array() override {
    place_ = kEntryObject;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string what = error.what();  // "[...] parse error at line 1, column 9: REASON; last read: ..."
    if (const auto reason = what.find(": "); reason != std::string::npos) what.erase(0, reason + 2);
    what.resize(std::min(what.find("; last read"), what.size()));
    refuse("the header is not JSON: byte ", position, ": ", printable(what));
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw DataError(join(file_, ": ", parts...));
  }

 private:
  enum Place { kOutside, kTop, kMetadataObject, kEntryObject, kList } place_ = kOutside;
  std::string file_, key_;  // key_: the last one read
  Entry entry_;
  std::set<std::string> names_;

  std::string tensor() const { return "tensor " + in_quotes(entry_.name); }

  [[noreturn]] void unexpected(const std::string& got) const {
    switch (place_) {
      case kOutside: refuse("the header must be an object, is ", got);
      case kTop: refuse("tensor ", in_quotes(key_), " must be an object in the header, is ", got);
      case kMetadataObject: refuse(in_quotes(key_), " in ", kMetadata, " must be a string, is ", got);
      case kList: refuse(tensor(), ": ", key_, " must hold whole numbers from 0, holds ", got);
      case kEntryObject: break;
    }
    refuse(tensor(), ": ", key_, " must be ", key_ == "dtype" ? "a string" : "a list", ", is ", got);
  }

  /// The entry, when what can be checked of it alone is right.
  StoredTensor finished_entry() const {
    for (const char* field : {"dtype", "shape", "data_offsets"})
      if (!entry_.fields.contains(field)) refuse(tensor(), " has no ", field);
    const std::size_t width = bytes_per_number(entry_.dtype);
    if (width == 0) refuse(tensor(), " has dtype ", in_quotes(entry_.dtype), ", Norma reads F32, F64 and I64");
    if (entry_.offsets.size() != 2) refuse(tensor(), " has ", entry_.offsets.size(), " data_offsets, must have 2");
    Index numbers = 1, largest = static_cast<Index>(width);  // counting sizes of 0 as 1, as Shape does
    for (const std::uint64_t size : entry_.shape) {
      if (size > kMaxSize) refuse(tensor(), " has a dimension of ", size, ", at most ", kMaxSize, " are allowed");
      numbers *= size == 0 ? 0 : 1;
      if (__builtin_mul_overflow(largest, std::max<Index>(static_cast<Index>(size), 1), &largest))
        refuse(tensor(), " has more bytes than can be counted");
    }
    const auto bytes = static_cast<std::uint64_t>(numbers * largest);
    const std::uint64_t begin = entry_.offsets[0], end = entry_.offsets[1];
    if (begin > end) refuse(tensor(), " begins at byte ", begin, ", after its end ", end);
    const Shape shape = to_shape(entry_.shape);
    if (end - begin != bytes)
      refuse(tensor(), ", ", entry_.dtype, " ", shape, ", needs ", bytes, " bytes, has ", end - begin);
    return {entry_.name, entry_.dtype, shape, begin, end};
  }
};

/// Throws unless the tensors lie one after the other and fill the buffer.
void check_contiguous(const std::vector<StoredTensor>& tensors, std::uint64_t buffer_size, const HeaderReader& reader) {
  std::uint64_t filled = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.begin != filled)
      reader.refuse("tensor ", in_quotes(tensor.name), " begins at byte ", tensor.begin, ", the one before it ends at ",
                    filled);
    filled = tensor.end;
  }
  if (filled != buffer_size)
    reader.refuse("the tensors of the header have ", filled, " bytes, the file has ", buffer_size, " after it");
}

}  // namespace

std::size_t bytes_per_number(std::string_view dtype) {
  if (dtype == "F32") return 4;
  return dtype == "F64" || dtype == "I64" ? 8 : 0;
}

std::size_t safetensors_buffer(std::string_view first, std::uint64_t file_size, const std::string& file) {
  if (file_size < 8 || first.size() < 8)
    throw DataError(join(file, ": is ", file_size, " bytes long, a safetensors file begins with 8 bytes of length"));
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(first[i]);
  if (length > kMaxSafetensorsHeader)
    throw DataError(join(file, ": the header would be ", length, " bytes long, at most ", kMaxSafetensorsHeader,
                         " are allowed (is this a safetensors file?)"));
  if (length > file_size - 8)
    throw DataError(
        join(file, ": the header would be ", length, " bytes long, the file has ", file_size - 8, " after its length"));
  return static_cast<std::size_t>(8 + length);
}

SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t buffer_size, const std::string& file) {
  HeaderReader reader(file);
  // The parser would skip a byte order mark, and take a zero byte for the end.
  const auto start = json.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || json[start] != '{')
    reader.refuse("the header must be a JSON object, has no {");
  if (const auto zero = json.find('\0'); zero != std::string_view::npos)
    reader.refuse("the header is not JSON: byte ", zero, " is zero");
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  std::vector<StoredTensor>& tensors = reader.header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_contiguous(tensors, buffer_size, reader);
  return std::move(reader.header);
}

}  // namespace norma
