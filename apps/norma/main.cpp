// norma: the command line. One file a verb; this one reads the arguments and turns errors into exit codes.
#include <fcntl.h>
#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/options/command_line.h"
#include "norma/apps/norma/verbs/data_verbs.h"
#include "norma/core/brief_waits.h"
#include "norma/core/check.h"
#include "norma/data/files/text.h"

using namespace norma;

namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 2 wrong usage or out of memory, 3 data missing or damaged, 4 a run's files or stdout cannot "
    "be written, 5 training diverged, 130 and 143 stopped by SIGINT and SIGTERM.\nEvery verb has --help.";

/// The command line. Every verb has options of its own, so that defaults may differ.
struct CommandLine {
  CLI::App app{"Norma trains small convolutional networks on the CPU and shows what batch norm does.", "norma"};
  Options train_options, compare_options, summary_options;
  UseOptions eval_options, predict_options;
  BenchOptions bench_options;
  LrFindOptions lr_find_options;
  LabOptions lab_options, modes_options;
  std::vector<double> learning_rates{0.02, 0.1, 0.5};
  std::vector<std::string> norms{"batch", "none"};
  std::string topic, file;
  bool json = false;
  DataVerbs data{app};

  CommandLine() {
    app.require_subcommand(1);
    app.set_version_flag("--version", "norma " NORMA_VERSION);
    app.footer(kFooter);

    CLI::App& train =
        verb("train", "Train a network: one table row an epoch, and a run folder with its weights", train_options);
    add_norm_option(train, train_options);
    add_lr_option(train, train_options);
    add_out_option(train, train_options);
    add_resume_options(train, train_options);
    train.add_option("--freeze-after", train_options.freeze_after, "Freeze batch norm behind epoch N; 0 never")
        ->check(whole_number(0))
        ->option_text("N  [0]");

    compare_options.model = "small";
    compare_options.epochs = 3;
    CLI::App& compare = verb("compare", "Train with different norms at several learning rates", compare_options);
    compare.add_option("--lr", learning_rates, "Highest learning rates, separated by commas")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(finite_number(false))
        ->option_text("X,Y,...  [0.02,0.1,0.5]");
    add_norms_option(compare, norms);
    add_out_option(compare, compare_options);

    CLI::App& lr_find = *app.add_subcommand("lr-find", "Suggest a learning rate: train a little while it grows");
    add_data_options(lr_find, lr_find_options);
    add_image_size_option(lr_find, lr_find_options.image_size);
    add_model_options(lr_find, lr_find_options);
    add_norm_option(lr_find, lr_find_options);
    add_lr_find_options(lr_find, lr_find_options);
    add_out_option(lr_find, lr_find_options);

    modes_options.name = "modes";
    CLI::App& modes = *app.add_subcommand("modes", "Show train() against eval(): norma lab modes");
    add_lab_options(modes, modes_options, {});

    CLI::App& lab = *app.add_subcommand("lab", "Experiments on batch norm, each ending in a report with pictures");
    add_lab_options(lab, lab_options, lab::lab_names());

    CLI::App& summary = *app.add_subcommand("summary", "Print a network layer by layer");
    add_model_options(summary, summary_options);
    add_norm_option(summary, summary_options);
    summary.add_flag("--freeze", summary_options.freeze, "With batch norm frozen, as for fine-tuning");

    CLI::App& eval = *app.add_subcommand("eval", "Test a trained network: accuracy, confusion matrix");
    add_use_options(eval, eval_options);
    add_data_options(eval, eval_options, "that of the run, else ");
    eval.add_option("--out", eval_options.out, "Write the confusion matrix here as CSV")->option_text("FILE");

    CLI::App& predict = *app.add_subcommand("predict", "Say what images show, with a trained network");
    add_use_options(predict, predict_options);
    predict.add_option("images", predict_options.images, "PNG and JPEG files; '-' or none: a list of paths on stdin")
        ->option_text("IMAGE ...");
    predict.add_option("--top", predict_options.top, "Classes to print")->check(whole_number(1))->option_text("N  [3]");

    CLI::App& bench = *app.add_subcommand("bench", "Time a training step, layer by layer");
    add_bench_options(bench, bench_options);

    CLI::App& explain = *app.add_subcommand("explain", "Work a small example by hand, every number printed");
    explain.add_option("topic", topic, "What to explain")->option_text("bn");

    CLI::App& inspect = *app.add_subcommand("inspect", "List the tensors of a safetensors file");
    inspect.add_option("file", file, "A .safetensors file, of Norma, PyTorch or others")
        ->required()
        ->option_text("FILE");
    inspect.add_flag("--json", json, "As JSON; numbers that are not finite become null");
  }

  /// A verb that trains.
  CLI::App& verb(const std::string& name, const std::string& description, Options& options) {
    CLI::App& sub = *app.add_subcommand(name, description);
    add_data_options(sub, options);
    add_image_size_option(sub, options.image_size);
    add_model_options(sub, options);
    add_training_options(sub, options);
    return sub;
  }

  std::string chosen_verb() const { return app.get_subcommands().front()->get_name(); }

  /// For command.txt and --resume: what was said, beside what it means.
  void note_words(int argc, char** argv) {
    for (int i = 0; i < argc; ++i) train_options.command += (i > 0 ? " " : "") + quoted(argv[i]);
    compare_options.command = lr_find_options.command = lab_options.command = modes_options.command =
        train_options.command;
    for (auto& [verb, options] :
         {std::pair<const char*, Options*>{"train", &train_options}, {"lab", &lab_options}, {"modes", &modes_options}})
      for (const CLI::Option* option : app.get_subcommand(verb)->get_options())
        if (option->count() > 0) options->given.insert(option->get_single_name());
  }

  /// As a shell takes it for one word.
  static std::string quoted(const std::string& word) {
    constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
    std::string text = "'";
    for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return text + "'";
  }

  int run() const {
    const std::string name = chosen_verb();
    if (name == "train") return train(with_threads(train_options));
    if (name == "compare") return compare(with_threads(compare_options), learning_rates, norms);
    if (name == "lr-find") return lr_find(with_threads(lr_find_options));
    if (name == "modes") return run_lab(with_threads(modes_options));
    if (name == "eval") return eval(with_threads(eval_options));
    if (name == "predict") return predict(with_threads(predict_options));
    if (name == "explain") return explain(topic);
    if (name == "inspect") return inspect(file, json);
    if (name == "data") return data.run();
    if (name == "bench") return bench(with_threads(bench_options));
    if (name == "lab") return run_lab(with_threads(lab_options));
    return summary(summary_options);
  }

  template <class AnyOptions>
  static const AnyOptions& with_threads(const AnyOptions& options) {
    if (options.threads > 0) omp_set_num_threads(options.threads);
    return options;
  }
};

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
  CommandLine line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return line.app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    const bool no_verb = line.app.get_subcommands().empty();
    if (no_verb && dynamic_cast<const CLI::RequiredError*>(&error))
      return fail("",
                  "needs a verb: train, eval, predict, compare, lr-find, modes, lab, summary, bench, explain, inspect "
                  "or data (see norma --help)",
                  kUsage);
    const std::string verb = no_verb || !dynamic_cast<const CLI::RequiredError*>(&error) ? "" : line.chosen_verb();
    return fail(verb, std::string(error.what()) + " (see norma --help)", kUsage);
  }
  line.note_words(argc, argv);
  const std::string verb = line.chosen_verb();
  const auto stdout_failed = [] { return std::fflush(stdout) != 0 || std::ferror(stdout); };
  try {
    const int code = line.run();
    return stdout_failed() ? fail(verb, "stdout: writing failed", kFiles) : code;
  } catch (const DataError& error) {
    return fail(verb, error.what(), kData);
  } catch (const FileError& error) {
    return fail(verb, error.what(), kFiles);
  } catch (const std::bad_alloc&) {
    const bool trains = line.app.get_subcommand(verb)->get_option_no_throw("--batch-size");
    return fail(verb, trains ? "out of memory; a smaller --batch-size needs less" : "out of memory", kUsage);
  } catch (const std::exception& error) {
    if (stdout_failed()) return fail(verb, "stdout: writing failed", kFiles);  // fmt::print() throws for it
    return fail(verb, error.what(), kUsage);
  }
}
