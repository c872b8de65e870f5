// norma: the command line. A file of verbs/ for each verb; this one reads the arguments and turns errors into exit codes.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "norma/apps/norma/options/verb.h"
#include "norma/core/brief_waits.h"
#include "norma/core/check.h"
#include "norma/data/files/text.h"

using namespace norma;

namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 2 wrong usage or out of memory, 3 data missing or damaged, 4 a run's files or stdout cannot "
    "be written, 5 training diverged, 130 and 143 stopped by SIGINT and SIGTERM.\nEvery verb has --help.";

/// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

/// "needs a verb: train, eval or data"
std::string needs_a_verb() {
  std::string list;
  for (const Verb& verb : verbs())
    list += (list.empty() ? "" : verb.name == verbs().back().name ? " or " : ", ") + verb.name;
  return "needs a verb: " + list;
}

/// One line on stderr, whatever the names in `reason` are made of.
int fail(const std::string& verb, std::string_view reason, ExitCode code) {
  std::fflush(stdout);
  fmt::print(stderr, "norma{}{}: {}\n", verb.empty() ? "" : " ", verb, printable(reason, reason.size()));
  return code;
}

/// Where the caller has closed stdin, stdout or stderr, the next file to be opened, of a run perhaps, would take its place
/// and get what is printed. Something that can be neither read nor written takes it instead.
void fill_standard_places() {
  for (int file = 0; file <= STDERR_FILENO; ++file)
    if (fcntl(file, F_GETFD) < 0) open("/", O_PATH);
}

}  // namespace

int main(int argc, char** argv) {
  wait_briefly(argv);
  fill_standard_places();
  std::string command;
  for (int i = 0; i < argc; ++i) command += (i > 0 ? " " : "") + quoted(argv[i]);
  CLI::App app("Norma trains small convolutional networks on the CPU and shows what batch norm does.", "norma");
  app.set_version_flag("--version", "norma " NORMA_VERSION);
  app.footer(kFooter);
  Options options(app, command);
  const std::function<int()> run = options.choose(verbs());
  const auto verb = [&] { return app.get_subcommands().empty() ? "" : app.get_subcommands().front()->get_name(); };
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    const bool incomplete = dynamic_cast<const CLI::RequiredError*>(&error);
    const std::string reason = incomplete && verb().empty() ? needs_a_verb() : error.what();
    return fail(incomplete ? verb() : "", reason + " (see norma --help)", kUsage);
  }
  const auto stdout_failed = [] { return std::fflush(stdout) != 0 || std::ferror(stdout); };
  try {
    const int code = run();
    return stdout_failed() ? fail(verb(), "stdout: writing failed", kFiles) : code;
  } catch (const DataError& error) {
    return fail(verb(), error.what(), kData);
  } catch (const FileError& error) {
    return fail(verb(), error.what(), kFiles);
  } catch (const std::bad_alloc&) {
    const bool trains = app.get_subcommands().front()->get_option_no_throw("--batch-size");
    return fail(verb(), trains ? "out of memory; a smaller --batch-size needs less" : "out of memory", kUsage);
  } catch (const std::exception& error) {
    if (stdout_failed()) return fail(verb(), "stdout: writing failed", kFiles);  // fmt::print() throws for it
    return fail(verb(), error.what(), kUsage);
  }
}
