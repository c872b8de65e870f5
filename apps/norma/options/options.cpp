#include "norma/apps/norma/options/options.h"

#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "norma/apps/norma/options/verb.h"
#include "norma/core/check.h"
#include "norma/data/files/text.h"

namespace norma {
namespace {

template <class... Functions>
struct Cases : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Cases(Functions...) -> Cases<Functions...>;

void set(const Member& member, const Json& value) {
  std::visit(Cases{[&](bool* p) { *p = value.get<std::string>() == "on"; },
                   [&](std::optional<double>* p) { value.is_null() ? p->reset() : void(*p = value.get<double>()); },
                   [&](auto* p) { value.get_to(*p); }},
             member);
}

/// As one types it.
std::string typed(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

std::string typed_list(const Json& values) {
  std::string text;
  for (const Json& value : values) text += (text.empty() ? "" : ",") + typed(value);
  return text;
}

}  // namespace

const Json& valid(const Json& config, const std::string& key, const Rule& rule) {
  const Json& value = config.at(key);
  const std::string wrong = rule.fault(printable(value.is_string() ? value.get<std::string>() : value.dump()));
  check(wrong.empty(), key, ": ", wrong);
  return value;
}

Option::Option(CLI::Option* line, Member member, Rule rule)
    : line_(line), member_(member), rule_(std::move(rule)), name_(line->get_single_name()), key_(name_) {
  std::replace(key_.begin(), key_.end(), '-', '_');
  default_ = value();
}

Option& Option::recorded() { return recorded_ = true, *this; }
Option& Option::decides() { return decides_ = recorded_ = true, *this; }
Option& Option::key(const std::string& key) { return key_ = key, *this; }
Option& Option::written_as(std::function<Json()> value) { return written_ = std::move(value), *this; }
Option& Option::required() { return line_->required(), *this; }
Option& Option::excludes(Option& other) { return line_->excludes(other.line_), *this; }
Option& Option::needs(Option& other) { return line_->needs(other.line_), *this; }

bool Option::given() const { return line_->count() > 0; }

Json Option::value() const {
  if (written_) return written_();
  return std::visit(Cases{[](bool* p) { return Json(*p ? "on" : "off"); },
                          [](std::optional<double>* p) { return *p ? Json(**p) : Json(); },
                          [](auto* p) { return Json(*p); }},
                    member_);
}

Options::Options(CLI::App& app, std::string command) : verb(app.get_name()), app_(app), command_(std::move(command)) {}

Option& Options::declare(CLI::Option* line, Member member, const Rule& rule) {
  if (!heading_.empty()) line->group(heading_);
  return all_.emplace_back(line, member, rule);
}

Option& Options::add(const std::string& name, Member member, const Rule& rule, const std::string& help) {
  CLI::Option* line = std::visit([&](auto* p) { return app_.add_option(name, *p, help); }, member);
  line->check(CLI::Validator(rule.fault, rule.text));
  if (rule.list) line->delimiter(',');
  if (name.starts_with("-") && line->get_items_expected_max() > 1) line->allow_extra_args(false);
  Option& option = declare(line, member, rule);
  const Json& value = option.default_;
  const std::string shown = value.is_array() ? typed_list(value) : typed(value);
  const bool has_default = value.is_array() ? !shown.empty() : rule.fault(shown).empty();
  line->option_text(rule.text + (has_default ? "  [" + shown + "]" : ""));
  return option;
}

Option& Options::flag(const std::string& name, bool* member, const std::string& help) {
  return declare(app_.add_flag(name, *member, help)->option_text(" "), member, one_of({"on", "off"}));
}

std::function<int()> Options::choose(const std::vector<Verb>& verbs) {
  app_.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<int()>>> choices;
  for (const Verb& choice : verbs) {
    CLI::App* app = app_.add_subcommand(choice.name, choice.help);
    const auto options = std::make_shared<Options>(*app, command_);
    choices.emplace_back(app, [options, run = choice.declare(*options)] {
      if (options->threads > 0) omp_set_num_threads(static_cast<int>(options->threads));
      return run();
    });
  }
  return [choices] {
    const auto chosen = [](const auto& choice) { return choice.first->parsed(); };
    return std::find_if(choices.begin(), choices.end(), chosen)->second();
  };
}

void Options::write(Json& config) const {
  for (const Option& option : all_)
    if (option.recorded_ || option.written_) config.emplace(option.key_, option.value());
}

Json Options::given() const {
  auto values = Json::object();
  for (const Option& option : all_)
    if (option.recorded_ && option.given()) values[option.name_] = option.value();
  return values;
}

void Options::read(const Json& config) {
  for (const Option& option : all_)
    if (option.recorded_)
      set(option.member_, config.contains(option.key_) ? valid(config, option.key_, option.rule_) : option.default_);
}

std::vector<std::string> Options::insist(const Json& given, const std::string& run_was) {
  std::vector<std::string> changes;
  const auto override_option =
      std::find_if(all_.begin(), all_.end(), [](const Option& o) { return o.name_ == "override"; });
  const bool can_override = override_option != all_.end(), overridden = can_override && override_option->given();
  for (Option& option : all_) {
    const auto wanted = given.find(option.name_);
    if (wanted == given.end()) continue;
    const Json before = option.value();
    if (option.decides_ && before != *wanted) {
      check(overridden, option.line_->get_name(), " ", wanted->dump(), " was given, but ", run_was, " ", before.dump(),
            "; leave it out", can_override ? ", or add --override" : "");
      changes.push_back(fmt::format("{} from {} to {}", option.line_->get_name(), before.dump(), wanted->dump()));
    }
    set(option.member_, *wanted);
  }
  return changes;
}

}  // namespace norma
