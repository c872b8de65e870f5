// safetensors files: what is written, what is read, what is refused.
#include "norma/data/files/safetensors.h"

#include <fstream>
#include <limits>

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

/// The bytes of a file with this header and these bytes of numbers.
std::string file_of(const std::string& json, const std::string& numbers = "") {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(json.size() >> 8 * i & 0xFF);
  return bytes + json + numbers;
}

/// The header's entry of one tensor.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return join("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":", offsets, "}");
}

/// The bytes are refused in one line that begins with the file's name and holds all of `parts`.
void expect_refused(const std::string& bytes, std::initializer_list<std::string> parts) {
  try {
    parse_safetensors(bytes, "some.safetensors");
  } catch (const DataError& error) {
    const std::string line = error.what();
    EXPECT_TRUE(line.starts_with("some.safetensors: ")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    for (const std::string& part : parts) EXPECT_NE(line.find(part), std::string::npos) << part << " not in " << line;
    return;
  }
  ADD_FAILURE() << "not refused; expected '" << *parts.begin() << "'";
}

void expect_header_refused(const std::string& json, std::initializer_list<std::string> parts) {
  expect_refused(file_of(json, "01234567"), parts);
}

NamedTensors some_tensors() {
  const float denormal = std::numeric_limits<float>::denorm_min();
  return {{"scalar", Tensor::full({}, 3.5F)},
          {"list", Tensor::from_values({5}, {kNaN, -kNaN, kInfinity, -kInfinity, -0.0F})},
          {"matrix", Tensor::from_values({2, 2}, {1e-38F, denormal, 3e38F, -denormal})},
          {"image", random_tensor({3, 4, 5}, 1)},
          {"batch", random_tensor({2, 3, 4, 5}, 2)},
          {"nothing", Tensor(Shape{0, 3, 2, 2})},
          {"bn.num_batches_tracked", Tensor::full({}, 16777216)}};
}

Sequential some_net(std::uint64_t seed) {
  Sequential net(Conv2d(3, 8, {.kernel_size = 3}), BatchNorm2d(8), Linear(8, 10));
  initialize(net, seed);
  set(net.named_buffers()[0].second, random_tensor({8}, seed));
  set(net.named_buffers()[2].second, Tensor::full({}, 391));
  return net;
}

TEST(Safetensors, ReadsBackEveryBitOfEveryRank) {
  const NamedTensors written = some_tensors();
  const TensorFile file = parse_safetensors(safetensors_bytes(written, {{"step", "12"}}), "x");
  ASSERT_EQ(file.tensors.size(), written.size());
  for (const auto& [name, tensor] : written) {
    const auto same_name = [&name = name](const auto& other) { return other.first == name; };
    const auto read = std::find_if(file.tensors.begin(), file.tensors.end(), same_name);
    ASSERT_NE(read, file.tensors.end()) << name;
    EXPECT_TRUE(same_bits(read->second, tensor)) << name;
  }
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"step", "12"}}));
}

TEST(Safetensors, TakesAStateDictToAnotherNet) {
  const fs::path path = fs::path(testing::TempDir()) / "state dict ü.safetensors";
  const Sequential saved = some_net(1);
  Sequential loaded = some_net(2);
  write_safetensors(path, saved.state_dict());
  loaded.load_state_dict(read_safetensors(path).tensors);
  EXPECT_EQ(bytes_of(loaded.state_dict()), bytes_of(saved.state_dict()));
  fs::remove(path);
}

TEST(Safetensors, WritesTheBytesOfTheSpecification) {
  // Wide numbers first, then by name; logical order; padded to a multiple of 8 with spaces.
  const NamedTensors tensors = {{"w", Tensor::from_values({1, 2, 1, 2}, {1, 2, 3, 4})},
                                {"b.num_batches_tracked", Tensor::full({}, 7)},
                                {"a", Tensor(Shape{0, 3})}};
  const std::string json = "{\"__metadata__\":{\"format\":\"pt\"}," +
                           entry("b.num_batches_tracked", "I64", "[]", "[0,8]") + "," +
                           entry("a", "F32", "[0,3]", "[8,8]") + "," + entry("w", "F32", "[1,2,1,2]", "[8,24]") + "}";
  const std::string padding((8 - json.size() % 8) % 8, ' ');
  const std::string numbers = "\7\0\0\0\0\0\0\0"s + "\0\0\x80\x3F"s + "\0\0\0\x40"s + "\0\0\x40\x40"s + "\0\0\x80\x40"s;
  EXPECT_EQ(safetensors_bytes(tensors), file_of(json + padding, numbers));
  EXPECT_EQ(safetensors_bytes({}), file_of("{\"__metadata__\":{\"format\":\"pt\"}}"));
}

TEST(Safetensors, OrderOfTheArgumentsDoesNotMatter) {
  NamedTensors tensors = some_tensors();
  const std::string bytes = safetensors_bytes(tensors);
  std::reverse(tensors.begin(), tensors.end());
  EXPECT_EQ(safetensors_bytes(tensors), bytes);
}

TEST(Safetensors, ReadsWiderNumbers) {
  const std::string json = "{" + entry("d", "F64", "[2]", "[0,16]") + "," + entry("i", "I64", "[1,1]", "[16,24]") + "}";
  const TensorFile file = parse_safetensors(file_of(json, "\0\0\0\0\0\0\xF8\x3F"s + "\0\0\0\0\0\0\xF0\x7F"s +
                                                              "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s),
                                            "x");
  EXPECT_EQ(to_doubles(file.tensors[0].second), (std::vector<double>{1.5, kInfinity}));
  EXPECT_EQ(to_doubles(file.tensors[1].second), (std::vector<double>{-2}));
  EXPECT_EQ(file.dtypes, (std::vector<std::string>{"F64", "I64"}));
  expect_refused(file_of("{" + entry("d", "F64", "[]", "[0,8]") + "}", "\0\0\0\0\0\0\0\x7E"s),
                 {"'d' holds 8.37116e+298", "F64 can hold and Norma's F32 cannot"});
  expect_refused(file_of("{" + entry("i", "I64", "[]", "[0,8]") + "}", "\1\0\0\1\0\0\0\0"s),
                 {"'i' holds 16777217", "I64"});
  expect_refused(file_of("{" + entry("i", "I64", "[]", "[0,8]") + "}", "\0\0\0\0\0\0\0\x80"s),
                 {"-9223372036854775808"});
}

TEST(Safetensors, IsTolerantWhereTheReferenceIs) {
  const std::string spaced = " \n{ \"a\" : {\"data_offsets\":[0,8], \"shape\":[2], \"dtype\":\"F32\"} }\t\r\n";
  EXPECT_EQ(parse_safetensors(file_of(spaced, "01234567"), "x").tensors[0].second.shape(), (Shape{2}));
  EXPECT_TRUE(parse_safetensors(file_of("{}"), "x").tensors.empty());
  // In the order of the bytes, whatever that of the header.
  const std::string swapped = "{" + entry("b", "F32", "[1]", "[4,8]") + "," + entry("a", "F32", "[]", "[0,4]") + "}";
  EXPECT_EQ(names_of(parse_safetensors(file_of(swapped, "01234567"), "x").tensors),
            (std::vector<std::string>{"a", "b"}));
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string bytes = safetensors_bytes(some_tensors());
  for (std::size_t size = 0; size < bytes.size(); ++size) expect_refused(bytes.substr(0, size), {"some.safetensors"});
}

TEST(Safetensors, ABitFlippedIsRefusedOrHarmless) {
  const std::string bytes = safetensors_bytes(some_tensors(), {{"step", "12"}});
  const TensorFile whole = parse_safetensors(bytes, "x");
  const std::size_t header = bytes.find("}}") + 2;
  Random random({17});
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string flipped = bytes;
    const std::size_t within = i % 2 ? bytes.size() : header;
    const std::size_t byte = static_cast<std::size_t>(random.uniform() * static_cast<double>(within));
    flipped[byte] = static_cast<char>(flipped[byte] ^ 1 << i % 8);
    try {
      const TensorFile file = parse_safetensors(flipped, "x");
      ASSERT_EQ(file.dtypes, whole.dtypes) << byte;
      for (std::size_t t = 0; t < file.tensors.size(); ++t)
        ASSERT_EQ(file.tensors[t].second.shape(), whole.tensors[t].second.shape()) << byte;
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 150);
}

TEST(Safetensors, RefusesHeadersThatDoNotFit) {
  expect_refused("", {"is 0 bytes long", "8 bytes of length"});
  expect_refused("\1\0\0\0\0\0\0"s, {"is 7 bytes long"});
  expect_refused("\0\xE1\xF5\5\0\0\0\0{}"s, {"would be 100000000 bytes long, the file has 2 after its length"});
  expect_refused("\1\xE1\xF5\5\0\0\0\0{}"s, {"would be 100000001 bytes long, at most 100000000 are allowed"});
  expect_refused("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}"s, {"18446744073709551615"});
  expect_refused("\3\0\0\0\0\0\0\0{}"s, {"would be 3 bytes long, the file has 2"});
  expect_refused("\0\0\0\0\0\0\0\0{}"s, {"must be a JSON object"});
  expect_refused(file_of("{" + std::string(1'000'000, '[')), {"the header is not JSON"});
  expect_refused(file_of("{\"a\":" + std::string(1'000'000, '[')), {"'a' must be an object in the header, is a list"});
  expect_refused(file_of(std::string("{\"") + std::string(1'000'000, 'x')), {"not JSON"});
}

TEST(Safetensors, RefusesHeadersThatAreNotJsonObjects) {
  for (const char* json : {"[]", "null", "\"a\"", "1", "x", "\xEF\xBB\xBF{}", ""})
    expect_header_refused(json, {"the header must be a JSON object, has no {"});
  for (const char* json :
       {"{", "{}}", "{} x", "{\"a\"}", "{,}", "{\"a\":{},}", "{'a':{}}", "{\"a\":{\"shape\":[1e999]}}"})
    expect_header_refused(json, {": "});
  expect_header_refused("{}\0{}"s, {"byte 2 is zero"});
  expect_header_refused("{\"\xFF\":{}}", {"not JSON", "ill-formed UTF-8 byte"});
  expect_header_refused("{\"\xC0\x80\":{}}", {"ill-formed UTF-8 byte"});
  expect_header_refused("{\"\xED\xA0\x80\":{}}", {"ill-formed UTF-8 byte"});
  expect_header_refused("{\"\\ud800\":{}}", {"surrogate"});
  expect_header_refused("{}\xFF", {"not JSON"});
}

TEST(Safetensors, RefusesTensorsThatOverlapOrLeaveHoles) {
  const auto two = [](const std::string& first, const std::string& second) {
    return "{" + entry("a", "F32", "[1]", first) + "," + entry("b", "F32", "[1]", second) + "}";
  };
  EXPECT_NO_THROW(parse_safetensors(file_of(two("[0,4]", "[4,8]"), "01234567"), "x"));
  expect_header_refused(two("[0,4]", "[0,4]"), {"tensor 'b' begins at byte 0, the one before it ends at 4"});
  expect_header_refused(two("[0,4]", "[2,6]"), {"'b' begins at byte 2, the one before it ends at 4"});
  expect_header_refused(two("[0,4]", "[5,9]"), {"'b' begins at byte 5, the one before it ends at 4"});
  expect_header_refused(two("[4,8]", "[8,12]"), {"'a' begins at byte 4, the one before it ends at 0"});
  expect_refused(file_of(two("[0,4]", "[4,8]"), "012345678"), {"have 8 bytes, the file has 9 after it"});
  expect_refused(file_of(two("[0,4]", "[4,8]"), "0123456"), {"have 8 bytes, the file has 7 after it"});
  expect_refused(file_of("{}", "0"), {"have 0 bytes, the file has 1 after it"});
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return "{" + entry("a", "F32", shape, offsets) + "}";
  };
  expect_header_refused(one("[2]", "[8,0]"), {"'a' begins at byte 8, after its end 0"});
  expect_header_refused(one("[2]", "[0,4]"), {"'a', F32 (2), needs 8 bytes, has 4"});
  expect_header_refused(one("[2]", "[-8,0]"), {"data_offsets must hold whole numbers from 0, holds the number -8"});
  expect_header_refused(one("[2]", "[0,8.0]"), {"data_offsets must hold whole numbers", "8.0"});
  expect_header_refused(one("[2]", "[0,8e0]"), {"data_offsets must hold whole numbers", "8e0"});
  expect_header_refused(one("[2]", "[0]"), {"'a' has 1 data_offsets, must have 2"});
  expect_header_refused(one("[2]", "[0,8,8]"), {"'a' has more than 2 data_offsets"});
  expect_header_refused(one("[2]", "[18446744073709551608,18446744073709551616]"), {"18446744073709551616"});
}

TEST(Safetensors, RefusesShapesThatCannotBe) {
  const auto shape = [](const std::string& sizes) { return "{" + entry("a", "F32", sizes, "[0,8]") + "}"; };
  expect_header_refused(shape("[9223372036854775808]"), {"dimension of 9223372036854775808, at most 281474976710655"});
  expect_header_refused(shape("[2,18446744073709551614]"), {"dimension of 18446744073709551614"});
  expect_header_refused(shape("[18446744073709551614,2]"), {"dimension of 18446744073709551614"});
  expect_header_refused(shape("[281474976710655,281474976710655]"), {"'a' has more bytes than can be counted"});
  expect_header_refused(shape("[0,281474976710655,281474976710655]"), {"'a' has more bytes than can be counted"});
  expect_header_refused(shape("[281474976710655]"), {"needs 1125899906842620 bytes, has 8"});
  expect_header_refused(shape("[2,-1]"), {"shape must hold whole numbers from 0, holds the number -1"});
  expect_header_refused(shape("[2.5]"), {"holds the number 2.5"});
  expect_header_refused(shape("[\"2\"]"), {"shape must hold whole numbers from 0, holds the string '2'"});
  expect_header_refused(shape("[[2]]"), {"shape must hold whole numbers from 0, holds a list"});
  expect_header_refused(shape("[null]"), {"holds null"});
  expect_header_refused(shape("[{}]"), {"holds an object"});
  expect_header_refused(shape("2"), {"shape must be a list, is the number 2"});
  expect_header_refused(shape("[1,1,1,1,2]"), {"'a' has more than 4 dimensions, Norma's have 0 to 4"});
}

TEST(Safetensors, RefusesEntriesThatAreNotTensors) {
  for (const char* dtype : {"BF16", "F16", "U8", "BOOL", "I32", "F8_E4M3", "f32", ""})
    expect_header_refused("{" + entry("a", dtype, "[4]", "[0,8]") + "}",
                          {join("'a' has dtype '", dtype, "', Norma reads F32, F64 and I64")});
  const std::string good = entry("a", "F32", "[2]", "[0,8]");
  expect_header_refused("{" + good + "," + good + "}", {"the name 'a' stands twice in the header"});
  expect_header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", {"'a' has no data_offsets"});
  expect_header_refused("{\"a\":{}}", {"'a' has no dtype"});
  expect_header_refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", {"'a' has the field dtype twice"});
  expect_header_refused("{\"a\":{\"stride\":[1]}}", {"'a' has the unknown field 'stride'"});
  expect_header_refused("{\"a\":{\"dtype\":7}}", {"dtype must be a string, is the number 7"});
  expect_header_refused("{\"a\":{\"dtype\":[]}}", {"dtype must be a string, is a list"});
  expect_header_refused("{\"a\":{\"shape\":{}}}", {"shape must be a list, is an object"});
  for (const char* value : {"1", "-1", "1.5", "null", "true", "\"x\"", "[]"})
    expect_header_refused(join("{\"a\":", value, "}"), {"'a' must be an object in the header, is "});
}

TEST(Safetensors, RefusesMetadataThatAreNotStrings) {
  for (const char* value : {"1", "-1", "1.5", "null", "false", "[]", "{}"})
    expect_header_refused(join("{\"__metadata__\":{\"k\":", value, "}}"),
                          {"'k' in __metadata__ must be a string, is "});
  expect_header_refused("{\"__metadata__\":[]}", {"'__metadata__' must be an object"});
  expect_header_refused("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", {"'k' stands twice in __metadata__"});
  expect_header_refused("{\"__metadata__\":{},\"__metadata__\":{}}", {"'__metadata__' stands twice"});
}

TEST(Safetensors, NamesFromAFileCannotDisturbTheTerminal) {
  expect_header_refused("{\"a\\u001b[2J\\n\\u009b1\":1}", {"'a?[2J??1' must be"});
  expect_header_refused("{\"" + std::string(1000, 'x') + "\":1}", {std::string(80, 'x') + "...' must be"});
  expect_header_refused("{\"" + std::string(79, 'x') + "\xC3\xBC\":1}", {std::string(79, 'x') + "...' must be"});
}

TEST(Safetensors, WritesNothingThatCouldNotBeRead) {
  const Tensor one(Shape{1});
  expect_error([&] { safetensors_bytes({{"a", one}, {"b", one}, {"a", one}}); }, {"the name a stands twice"});
  expect_error([&] { safetensors_bytes({{"__metadata__", one}}); }, {"must not be named __metadata__"});
  expect_error([&] { safetensors_bytes({{"\xFF", one}}); }, {"not UTF-8"});
  expect_error([&] { safetensors_bytes({{"a", one}}, {{"k", "\xFF"}}); }, {"not UTF-8"});
  expect_error([&] { safetensors_bytes({{"a", Tensor()}}); }, {"a has no numbers"});
  for (const Real count : {0.5F, kNaN, kInfinity, 1e10F})
    expect_error([&] { safetensors_bytes({{"num_batches_tracked", Tensor::full({}, count)}}); }, {"whole number"});
}

TEST(Safetensors, SaysWhichFileCannotBeRead) {
  const fs::path folder = testing::TempDir();
  const auto refused = [](const fs::path& path, const std::string& what) {
    EXPECT_THROW(read_safetensors(path), DataError);
    expect_error([&] { read_safetensors(path); }, {path.string() + ": " + what});
  };
  refused(folder / "missing.safetensors", "no such file");
  refused(folder, "not a regular file");
  refused("/dev/zero", "not a regular file");
  const fs::path text = folder / "text.safetensors", empty = folder / "empty.safetensors";
  std::ofstream(text) << "this is a text, and not tensors";
  std::ofstream{empty};
  refused(text, "the header would be");
  refused(empty, "is 0 bytes long");
  fs::remove(text);
  fs::remove(empty);
}

}  // namespace
}  // namespace norma::test
