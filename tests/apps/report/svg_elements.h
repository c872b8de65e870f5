// SVG text taken apart, for the tests of charts.
#pragma once

#include <map>
#include <regex>

#include "norma/tests/helpers.h"

namespace norma::test {

/// An element of SVG text: its attributes, and its text without that of elements within.
struct Element {
  std::string name, text;
  std::map<std::string, std::string> attributes;

  std::string operator[](const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? "" : found->second;
  }
  double number(const std::string& key) const { return std::stod((*this)[key]); }
  bool is(const std::string& word) const {
    return join(" ", (*this)["class"], " ").find(join(" ", word, " ")) != std::string::npos;
  }
};

/// All elements in order. Fails where tags do not match, or & and < stand for themselves.
inline std::vector<Element> parsed(const std::string& xml) {
  static const std::regex tag(R"(<(/?)([A-Za-z]+)((?:\s+[A-Za-z-]+="[^"<]*")*)\s*(/?)>)");
  static const std::regex attribute(R"re(([A-Za-z-]+)="([^"]*)")re"), entity("&(amp|lt|gt|quot);");
  EXPECT_EQ(std::regex_replace(xml, entity, "").find('&'), std::string::npos);
  std::vector<Element> all;
  std::vector<std::size_t> open;
  std::size_t end = 0;
  for (std::sregex_iterator m(xml.begin(), xml.end(), tag), none; m != none; ++m) {
    const std::string between = xml.substr(end, static_cast<std::size_t>(m->position()) - end);
    EXPECT_EQ(between.find('<'), std::string::npos) << between;
    if (!open.empty()) all[open.back()].text += between;
    end = static_cast<std::size_t>(m->position() + m->length());
    if ((*m)[1] == "/") {
      if (open.empty() || all[open.back()].name != (*m)[2]) {
        ADD_FAILURE() << "unexpected " << m->str();
        return all;
      }
      open.pop_back();
      continue;
    }
    all.push_back({(*m)[2], "", {}});
    const std::string list = (*m)[3];
    for (std::sregex_iterator a(list.begin(), list.end(), attribute); a != none; ++a)
      all.back().attributes[(*a)[1]] = (*a)[2];
    if ((*m)[4] != "/") open.push_back(all.size() - 1);
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(xml.find('<', end), std::string::npos);
  return all;
}

/// Those with that name and, unless it is empty, that class.
inline std::vector<Element> of_class(const std::vector<Element>& all, const std::string& name,
                                     const std::string& word) {
  std::vector<Element> found;
  for (const Element& e : all)
    if (e.name == name && (word.empty() || e.is(word))) found.push_back(e);
  return found;
}

inline std::vector<std::string> texts(const std::vector<Element>& elements) {
  std::vector<std::string> found;
  for (const Element& e : elements) found.push_back(e.text);
  return found;
}

}  // namespace norma::test
