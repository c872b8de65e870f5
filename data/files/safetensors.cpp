#include "norma/data/files/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "norma/data/files/atomic_file.h"
#include "norma/data/files/files.h"
#include "norma/data/files/safetensors_header.h"
#include "norma/data/files/text.h"

namespace norma {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr const char* kRealType = sizeof(Real) == 8 ? "F64" : "F32";
constexpr auto kExactIntegers = std::int64_t{1} << std::numeric_limits<Real>::digits;  // all up to this are Reals

bool is_counter(std::string_view name) {
  return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

const char* dtype_to_write(const std::string& name) { return is_counter(name) ? "I64" : kRealType; }

/// The numbers in logical order, as bytes of T.
template <class T>
void append(const std::vector<Real>& values, std::string& bytes) {
  std::vector<T> converted(values.begin(), values.end());
  bytes.append(reinterpret_cast<const char*>(converted.data()), converted.size() * sizeof(T));
}

void append_tensor(const std::string& name, const Tensor& tensor, std::string& bytes) {
  const std::vector<Real> values = tensor.to_values();
  if (!is_counter(name)) return append<Real>(values, bytes);
  for (const Real value : values)
    check(std::abs(value) <= static_cast<Real>(kExactIntegers) && value == std::floor(value),
          "safetensors: ", printable(name), " must be a whole number, is ", value);
  append<std::int64_t>(values, bytes);
}

/// In the reference writer's order: wide numbers first, so that all are aligned, then by name.
NamedTensors sorted(NamedTensors tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    const auto width_a = bytes_per_number(dtype_to_write(a.first)), width_b = bytes_per_number(dtype_to_write(b.first));
    return width_a != width_b ? width_a > width_b : a.first < b.first;
  });
  return tensors;
}

void check_names(const NamedTensors& tensors) {
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    check(name != "__metadata__", "safetensors: a tensor must not be named __metadata__");
    check(names.insert(name).second, "safetensors: the name ", printable(name), " stands twice");
    check(tensor.defined(), "safetensors: ", printable(name), " has no numbers");
  }
}

/// Reads `bytes` as numbers of type T and converts each.
template <class T, class Convert>
std::vector<Real> convert(std::string_view bytes, Convert to_real) {
  std::vector<Real> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T number;
    std::memcpy(&number, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = to_real(number);
  }
  return values;
}

std::vector<Real> to_reals(std::string_view bytes, const StoredTensor& tensor, const std::string& file) {
  const auto refuse = [&](auto number) {
    throw DataError(join(file, ": tensor '", printable(tensor.name), "' holds ", number, ", which ", tensor.dtype,
                         " can hold and Norma's ", kRealType, " cannot"));
  };
  if (tensor.dtype == "F32") return convert<float>(bytes, [](float number) { return static_cast<Real>(number); });
  if (tensor.dtype == "F64")
    return convert<double>(bytes, [&](double number) {
      if (std::isfinite(number) && std::abs(number) > std::numeric_limits<Real>::max()) refuse(number);
      return static_cast<Real>(number);
    });
  return convert<std::int64_t>(bytes, [&](std::int64_t number) {
    if (number > kExactIntegers || number < -kExactIntegers) refuse(number);
    return static_cast<Real>(number);
  });
}

}  // namespace

std::string safetensors_bytes(const NamedTensors& tensors, std::map<std::string, std::string> metadata) {
  check_names(tensors);
  metadata.try_emplace("format", "pt");
  nlohmann::ordered_json header{{"__metadata__", metadata}};
  std::string buffer;
  for (const auto& [name, tensor] : sorted(tensors)) {
    const std::size_t begin = buffer.size();
    append_tensor(name, tensor, buffer);
    auto shape = nlohmann::ordered_json::array();
    for (int i = 0; i < tensor.rank(); ++i) shape.push_back(tensor.dim(i));
    header[name] = {{"dtype", dtype_to_write(name)}, {"shape", shape}, {"data_offsets", {begin, buffer.size()}}};
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::type_error& error) {
    throw Error(join("safetensors: a name or a metadata text is not UTF-8: ", error.what()));
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');
  check(json.size() <= kMaxSafetensorsHeader, "safetensors: the header would be ", json.size(), " bytes long, at most ",
        kMaxSafetensorsHeader, " are allowed");
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(json.size() >> 8 * i & 0xFF);
  return bytes + json + buffer;
}

void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_file(file, safetensors_bytes(tensors, metadata));
}

TensorFile parse_safetensors(std::string_view bytes, const std::string& name) {
  const std::size_t buffer = safetensors_buffer(bytes, bytes.size(), name);
  SafetensorsHeader header = parse_safetensors_header(bytes.substr(8, buffer - 8), bytes.size() - buffer, name);
  TensorFile file{{}, std::move(header.metadata)};
  for (const StoredTensor& tensor : header.tensors) {
    const std::string_view numbers = bytes.substr(buffer + tensor.begin, tensor.end - tensor.begin);
    file.tensors.emplace_back(tensor.name, Tensor::from_values(tensor.shape, to_reals(numbers, tensor, name)));
    file.dtypes.push_back(tensor.dtype);
  }
  return file;
}

TensorFile read_safetensors(const std::filesystem::path& file) {
  OpenFile opened = open_file(file);
  // The length first: a big file of another kind is refused before it is read.
  std::string bytes;
  opened.read(std::min<std::uintmax_t>(opened.size, 8), bytes);
  safetensors_buffer(bytes, opened.size, opened.name);
  opened.read(opened.size - 8, bytes);
  return parse_safetensors(bytes, opened.name);
}

}  // namespace norma
