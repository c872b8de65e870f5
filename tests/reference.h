// Reading and comparing the reference values that tests/reference/generate.py computed in PyTorch; the format is
// explained there.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "norma/core/tensor.h"

namespace norma::reference {

struct Values {
  std::vector<Index> sizes;
  std::vector<double> numbers;

  Shape shape() const {
    const std::vector<Index>& s = sizes;
    check(s.size() <= 4, "reference: a tensor of ", s.size(), " sizes");
    if (s.empty()) return {};
    if (s.size() == 1) return {s[0]};
    if (s.size() == 3) return {s[0], s[1], s[2]};
    return s.size() == 2 ? Shape{s[0], s[1]} : Shape{s[0], s[1], s[2], s[3]};
  }
};

/// One block of a file. Asking for an option or a tensor that it does not have throws Error.
class Case {
 public:
  Case(std::string case_kind, std::string case_name) : kind(std::move(case_kind)), name(std::move(case_name)) {}

  std::string kind, name;
  std::map<std::string, std::string> options;
  std::map<std::string, Values> tensors;

  const std::string& option(const std::string& key) const { return find(options, key); }
  double number(const std::string& key) const { return std::stod(option(key)); }
  Index index(const std::string& key) const { return std::stol(option(key)); }
  bool flag(const std::string& key) const { return index(key) != 0; }

  const Values& values(const std::string& key) const { return find(tensors, key); }
  Tensor tensor(const std::string& key) const {
    const Values& v = values(key);
    return Tensor::from_values(v.shape(), std::vector<Real>(v.numbers.begin(), v.numbers.end()));
  }
  /// A tensor that receives a gradient.
  Tensor leaf(const std::string& key) const { return tensor(key).requires_grad(true); }
  std::vector<int> labels(const std::string& key) const {
    const Values& v = values(key);
    return {v.numbers.begin(), v.numbers.end()};
  }

 private:
  template <class Value>
  const Value& find(const std::map<std::string, Value>& all, const std::string& key) const {
    const auto found = all.find(key);
    check(found != all.end(), "reference: case ", kind, " ", name, " has no '", key, "'");
    return found->second;
  }
};

inline Values read_values(std::istream& sizes, std::istream& in, const std::string& place) {
  Values values;
  Index count = 1;
  for (Index size = 0; sizes >> size; count *= size) values.sizes.push_back(size);
  for (double number = 0; static_cast<Index>(values.numbers.size()) < count && in >> number;)
    values.numbers.push_back(number);
  check(static_cast<Index>(values.numbers.size()) == count, "reference: ", place, " has ", values.numbers.size(),
        " numbers instead of ", count);
  return values;
}

/// All cases of tests/reference/`file`. Throws Error if there are none, or for a file cut short.
inline std::vector<Case> read_cases(const std::string& file) {
  std::ifstream in(std::string(NORMA_SOURCE_DIR) + "/tests/reference/" + file);
  check(in.is_open(), "reference: cannot open ", file);
  std::vector<Case> cases;
  for (std::string line; std::getline(in >> std::ws, line);) {
    std::istringstream words(line);
    std::string word, name;
    words >> word;
    if (word.front() == '#') continue;
    words >> name;
    if (word == "case") {
      const std::string kind = name;
      words >> name;
      cases.emplace_back(kind, name);
      for (std::string key; std::getline(words >> std::ws, key, '=');) words >> cases.back().options[key];
    } else {
      check(word == "tensor" && !cases.empty(), "reference: ", file, " holds an unexpected '", word, "'");
      const std::string place = join(file, ", case ", cases.back().name, ", tensor ", name);
      check(cases.back().tensors.emplace(name, read_values(words, in, place)).second, "reference: ", place, " twice");
    }
  }
  check(!cases.empty(), "reference: ", file, " is empty");
  return cases;
}

/// `got` passes if |got - want| <= atol + rtol |want|.
struct Tolerance {
  const char* name;
  double rtol, atol;
};

/// Compares with the references and remembers how near to its tolerance every comparison came; the largest quotients
/// error / tolerance are written into the test's XML report as properties "worst_NAME".
class Reference : public testing::Test {
 protected:
  /// Runs `body` for the cases of this kind, of which the file must hold exactly `count`.
  template <class Body>
  void for_each_case(const std::string& file, const std::string& kind, int count, const Body& body) {
    int seen = 0;
    for (const Case& c : read_cases(file))
      if (c.kind == kind) {
        ++seen;
        body(c);
      }
    EXPECT_EQ(seen, count) << "cases of " << kind << " in " << file;
  }

  /// Reports the first number of `got` that is not within `tolerance` of the case's tensor `name`.
  void expect_close(const Case& c, const std::string& name, const std::vector<double>& got,
                    const Tolerance& tolerance) {
    const Values& want = c.values(name);
    ASSERT_EQ(got.size(), want.numbers.size()) << c.kind << " " << c.name << ", " << name;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double error = std::abs(got[i] - want.numbers[i]);
      const double allowed = tolerance.atol + tolerance.rtol * std::abs(want.numbers[i]);
      double& worst = worst_[tolerance.name];
      if (allowed > 0) worst = std::max(worst, error / allowed);
      ASSERT_TRUE(error <= allowed) << c.kind << " " << c.name << ", " << name << at(want, i) << " is " << got[i]
                                    << ", in PyTorch " << want.numbers[i] << ", which is too far away for "
                                    << tolerance.name << join(" (", tolerance.rtol, ", ", tolerance.atol, ")");
    }
  }
  void expect_close(const Case& c, const std::string& name, const Tensor& got, const Tolerance& tolerance) {
    ASSERT_TRUE(got.defined()) << c.kind << " " << c.name << ", " << name << " was not computed";
    ASSERT_EQ(got.shape(), c.values(name).shape()) << c.kind << " " << c.name << ", " << name;
    const std::vector<Real> numbers = got.to_values();
    expect_close(c, name, std::vector<double>(numbers.begin(), numbers.end()), tolerance);
  }

  void TearDown() override {
    for (const auto& [name, quotient] : worst_) RecordProperty("worst_" + name, join(quotient));
  }

 private:
  /// Where element i of the tensor lies: "[1,0,2,3]".
  static std::string at(const Values& values, std::size_t i) {
    std::string place = "]";
    Index rest = static_cast<Index>(i);
    for (auto size = values.sizes.rbegin(); size != values.sizes.rend(); rest /= *size++)
      place = join(size + 1 == values.sizes.rend() ? "" : ",", rest % *size) + place;
    return "[" + place;
  }

  std::map<std::string, double> worst_;
};

}  // namespace norma::reference
