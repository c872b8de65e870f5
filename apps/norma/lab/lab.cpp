// norma lab: runs the jobs of an experiment, or of all, and keeps the run folder in step.
//
//   runs/lab-convergence-001/
//     report.html     what was found: figures, tables, sentences         charts/*.svg   every figure by itself
//     *.csv           the numbers of every figure                    jobs.jsonl     the same, job by job (lab.h)
//     config.json, env.json, command.txt, log.jsonl                      as those of every run
#include "norma/apps/norma/lab/lab.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "norma/apps/norma/lab/lab_options.h"
#include "norma/apps/norma/lab/results.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/interrupt.h"
#include "norma/apps/norma/run/resumed_run.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/report/chart.h"
#include "norma/apps/training/progress.h"
#include "norma/data/files/atomic_file.h"
#include "norma/layers/module.h"

namespace norma::lab {

Index Setup::steps(Index full, Index least) const {
  return std::max(least, static_cast<Index>(std::lround(static_cast<double>(full) * scale)));
}

Index Setup::images(Index most, Index least) const { return std::min(most, steps(most, least)); }

ImageSet Setup::test_images(Index count) const { return first_images(datasets.test, images(count, 100)); }

namespace {

namespace fs = std::filesystem;

struct NamedJob {
  const Experiment* experiment;
  Job job;
  std::string key;  // "convergence: batch norm, learning rate 0.1, seed 0"
};

std::vector<NamedJob> jobs_of(const std::vector<Experiment>& experiments, const Setup& setup) {
  std::vector<NamedJob> all;
  std::set<std::string> keys;
  for (const Experiment& experiment : experiments)
    for (Job& job : experiment.jobs(setup)) {
      std::string key = experiment.name + ": " + job.name;
      check(keys.insert(key).second, "lab: two jobs are called '", key, "'");
      all.push_back({&experiment, std::move(job), std::move(key)});
    }
  return all;
}

/// Collects the rows of a job.
class JobRecorder : public Recorder {
 public:
  JobRecorder(const Experiment& experiment, ProgressLine& line, const InterruptsNoted& interrupts)
      : experiment_(experiment), line_(line), interrupts_(interrupts) {
    for (const auto& [table, columns] : experiment.columns) rows_[table] = Json::array();
  }

  void row(const std::string& table, std::vector<Json> cells) override {
    const auto columns = experiment_.columns.find(table);
    check(columns != experiment_.columns.end() && columns->second.size() == cells.size(), "lab ", experiment_.name,
          ": table '", table, "' has no rows of ", cells.size(), " cells");
    for (Json& cell : cells)
      if (cell.is_number_float() && !std::isfinite(cell.get<double>())) cell = nullptr;
    rows_[table].push_back(std::move(cells));
  }

  void progress(double share) override {
    if (interrupts_.signal() != 0) throw Stopped{};
    line_.show(share);
  }

  const Json& rows() const { return rows_; }

 private:
  const Experiment& experiment_;
  ProgressLine& line_;
  const InterruptsNoted& interrupts_;
  Json rows_ = Json::object();
};

/// A lab that is being run, in its folder.
class Run {
 public:
  Run(const LabOptions& o, const Options& declared, const DataSets& datasets)
      : setup_{datasets, o.seed, o.scale},
        experiments_(chosen(o.lab)),
        jobs_(jobs_of(experiments_, setup_)),
        folder_(o.resume.empty() ? make_run_folder("lab-" + o.lab, o.out) : fs::path(o.resume)),
        log_(folder_),
        results_(folder_) {
    if (o.resume.empty()) describe_run(folder_, declared.command(), to_config(declared, datasets));
    log_.add(o.resume.empty() ? "started" : "resumed", {{"command", declared.command()}});
    write_report();  // from here on it is what the finished jobs have shown; a resumed run's rows must fit this program
  }

  std::string folder() const { return folder_.string(); }

  /// Runs what is missing and says what was found; returns the exit code.
  int run() {
    const InterruptsNoted interrupts;
    const Observer nobody_is_warned(Observer::Sees::what_runs);  // of what experiments do on purpose
    int code = kDone;
    double left = 0;
    for (const NamedJob& job : jobs_) left += results_.has(job.key) ? 0 : job.job.seconds;
    ProgressLine line(jobs_.size(), left);
    for (const NamedJob& named : jobs_) {
      if (results_.has(named.key)) {
        line.skip();
        continue;
      }
      line.begin(experiments_.size() > 1 ? named.key : named.job.name, named.job.seconds);
      JobRecorder recorder(*named.experiment, line, interrupts);
      try {
        recorder.progress(0);
        named.job.run(recorder);
      } catch (const Stopped&) {
        line.wipe();
        log_.add("stopped", {{"signal", interrupts.signal()}});
        fmt::print(stderr,
                   "norma lab: stopped; what is finished is in {0}/report.html; go on with: norma lab --resume {0}\n",
                   folder());
        return kSignal + interrupts.signal();
      } catch (const NonFiniteError& e) {
        line.end();
        fmt::print(stderr, "norma lab: {}: {}; the report leaves this job out\n", named.key, e.what());
        log_.add("diverged", {{"job", named.key}, {"error", e.what()}});
        code = kDiverged;
        continue;
      }
      results_.add(named.key, recorder.rows());
      write_report();
      log_.add("job", {{"job", named.key}, {"seconds", line.end()}});
    }
    log_.add("finished");
    for (const Part& part : parts()) {
      fmt::print("\n{}\n", part.experiment->title);
      for (const std::string& sentence : part.found) fmt::print("  - {}\n", sentence);
    }
    fmt::print("\nreport  {}/report.html\n", folder());
    return code;
  }

 private:
  Setup setup_;
  std::vector<Experiment> experiments_;
  std::vector<NamedJob> jobs_;
  fs::path folder_;
  RunLog log_;
  Results results_;

  static std::vector<Experiment> chosen(const std::string& name) {
    std::vector<Experiment> some;
    for (const Experiment& e : experiments())
      if (name == "all" || name == e.name) some.push_back(e);
    return some;
  }

  auto finished() const {
    return std::count_if(jobs_.begin(), jobs_.end(), [this](const NamedJob& job) { return results_.has(job.key); });
  }

  /// An experiment as far as it has come.
  struct Part {
    const Experiment* experiment;
    Tables measured;
    Page page{""};
    std::vector<std::string> found;
  };

  std::vector<Part> parts() const {
    std::vector<Part> all;
    for (const Experiment& experiment : experiments_) {
      std::vector<std::string> keys;
      for (const NamedJob& job : jobs_)
        if (job.experiment == &experiment) keys.push_back(job.key);
      Part& part = all.emplace_back(Part{&experiment, results_.tables(experiment.columns, keys), Page(""), {}});
      part.found = experiment.report(part.measured, part.page);
    }
    return all;
  }

  void write_report() const {
    const std::vector<Part> all = parts();
    const bool several = all.size() > 1;
    Page page(several ? "The lab: what batch norm does" : all[0].experiment->title);
    page.paragraph(fmt::format("{}; seed {}, scale {:g}. {}", setup_.datasets.description, setup_.seed, setup_.scale,
                               finished() < std::ssize(jobs_)
                                   ? fmt::format("Not complete: {} of {} jobs.", finished(), jobs_.size())
                                   : ""));
    if (several) {
      page.chapter("What this run has shown");
      for (const Part& part : all) {
        if (part.found.empty()) continue;
        page.heading(part.experiment->title);
        page.list(part.found);
      }
    }
    for (const Part& part : all) {
      if (several) page.chapter(part.experiment->title);
      page.paragraph(part.experiment->question);
      if (!several) page.list(part.found);
      page.append(part.page);
      for (const auto& [name, table] : part.measured)
        write_file(folder_ / ((several ? part.experiment->name + "-" : "") + name + ".csv"), csv(table));
    }
    several ? page.chapter("How to run it again") : page.heading("How to run it again");
    page.code(begun_with(folder_));
    page.paragraph(
        "The same command gives the same CSV files, bit for bit, on any number of threads. The numbers of every "
        "figure lie beside this page; config.json and env.json tell the options, the version and the machine.");
    write_file(folder_ / "report.html", page.html());
    fs::create_directories(folder_ / "charts");
    for (std::size_t i = 0; i < page.charts().size(); ++i)
      write_file(folder_ / "charts" / fmt::format("{:02}.svg", i + 1), standalone(page.charts()[i]));
  }
};

}  // namespace

std::vector<std::string> lab_names() {
  std::vector<std::string> names;
  for (const Experiment& experiment : experiments()) names.push_back(experiment.name);
  names.push_back("all");
  return names;
}

int run_lab(const LabOptions& o, Options& declared) {
  std::optional<ResumedRun> before;
  if (!o.resume.empty()) before = read_config(o.resume, declared, "was begun with");
  check(!o.lab.empty(), "needs a name: ", fmt::format("{}", fmt::join(lab_names(), ", ")));
  const DataSets datasets = open_datasets(o.data, 0, 32);
  if (before) check_same_data(*before, datasets, o.resume + ": was begun on");
  check(datasets.train.size() >= 1024 && datasets.test.size() >= 64, "lab: needs 1024 training and 64 test images, ",
        datasets.description, " has ", datasets.train.size(), " and ", datasets.test.size());
  Run run(o, declared, datasets);
  fmt::print("data    {}\noutput  {}\n\n", datasets.description, run.folder());
  std::fflush(stdout);
  return run.run();
}

}  // namespace norma::lab
