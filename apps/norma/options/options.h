// Options: the options of a verb. Each is declared once, where it says which member it sets, what its value must be and what
// config.json does with it; the command line, --help, config.json, --resume and the errors read it there:
//
//   options.add("--label-smoothing", &s.label_smoothing, fraction(), "Part of the target spread over all classes").decides();
//
// What the member holds at that moment is the default.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "norma/apps/norma/options/json.h"
#include "norma/apps/norma/options/rules.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace norma {

struct Verb;

/// What an option sets; a bool is "on" or "off".
using Member = std::variant<bool*, Index*, std::uint64_t*, double*, std::optional<double>*, std::string*,
                            std::vector<double>*, std::vector<std::string>*>;

class Option {
 public:
  Option(CLI::Option* line, Member member, Rule rule);

  /// config.json holds it, and a resumed run takes it from there, unless the command line gives it.
  Option& recorded();
  /// The same, and it decides what is computed: a resumed run must have the same, unless it has --override.
  Option& decides();
  /// Its name in config.json, where that is not the one of the command line.
  Option& key(const std::string& key);
  /// config.json holds what this tells instead of the member.
  Option& written_as(std::function<Json()> value);
  /// On the command line: must be given; must not be given together with another one, or only with it.
  Option& required();
  Option& excludes(Option& other);
  Option& needs(Option& other);

 private:
  friend class Options;
  CLI::Option* line_;
  Member member_;
  Rule rule_;
  std::string name_, key_;  // "label-smoothing", "label_smoothing"
  Json default_;
  std::function<Json()> written_;
  bool recorded_ = false, decides_ = false;

  bool given() const;
  Json value() const;
};

class Options {
 public:
  /// `command`: the whole command line, for people.
  Options(CLI::App& app, std::string command);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  /// "--name", or "name" for what stands without dashes. The member must outlive the options.
  Option& add(const std::string& name, Member member, const Rule& rule, const std::string& help);
  Option& flag(const std::string& name, bool* member, const std::string& help);
  /// What is added from now on stands under this heading in --help.
  void heading(const std::string& text) { heading_ = text; }
  /// Verbs of which one must be chosen; returns what runs the chosen one.
  std::function<int()> choose(const std::vector<Verb>& verbs);

  Index threads = 0;  // of the parallel loops, set before the verb runs; 0: as many as there are processors
  std::string verb;   // as config.json has it
  const std::string& command() const { return command_; }

  /// Adds to `config` what it is to hold; keys that are there already stay as they are.
  void write(Json& config) const;
  /// Of that, what stands on the command line.
  Json given() const;
  /// Sets the members to what `config` holds, or to the default where a key is missing. Throws Error for a value that the command
  /// line would refuse, and what Json throws for one of another kind.
  void read(const Json& config);
  /// After read(config): sets what is `given` again and returns what that changed: "--lr from 0.2 to 0.1". Throws Error, which
  /// goes on after `run_was` ("RUN was trained with"), for another value of an option that decides, without --override.
  std::vector<std::string> insist(const Json& given, const std::string& run_was);

 private:
  CLI::App& app_;
  std::string command_, heading_;
  std::list<Option> all_;

  Option& declare(CLI::Option* line, Member member, const Rule& rule);
};

/// What stands under a key. Throws Error unless the command line would take it, and what Json throws for a missing key.
const Json& valid(const Json& config, const std::string& key, const Rule& rule);

}  // namespace norma
