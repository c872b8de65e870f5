// The lab: experiments on batch norm. An experiment is a list of jobs, each a function of the data and a seed, that put rows
// into tables, and a report that is drawn from the tables alone.
//
// Note [A lab can stop anywhere]
//   The rows of a job reach the disk when it is finished, as one line of jobs.jsonl. The CSV files and the report are made
//   from that file after every job. So what a killed lab leaves is complete up to its last finished job, --resume runs the
//   jobs that are missing, and the CSV files are the same as if nothing had happened, bit for bit.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "norma/apps/norma/options/json.h"
#include "norma/apps/report/page.h"
#include "norma/apps/training/datasets.h"

namespace norma::lab {

/// The rows of a CSV file: numbers (NaN where nothing could be measured) and words, in step with `columns`.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;

  /// The rows that have `value` in `column`.
  Table where(const std::string& column, const Json& value) const;
  /// A column as numbers; as words.
  std::vector<double> numbers(const std::string& column) const;
  std::vector<std::string> words(const std::string& column) const;
  /// The different values of a column, in the order in which they come.
  std::vector<Json> distinct(const std::string& column) const;
  bool empty() const { return rows.empty(); }

  std::size_t place(const std::string& column) const;
};

/// By the name of the CSV file, without ".csv".
using Tables = std::map<std::string, Table>;

/// What every experiment is run with.
struct Setup {
  const DataSets& datasets;
  std::uint64_t seed = 0;
  double scale = 1;  // of the lengths of trainings

  /// `full` steps, or what --scale makes of them; at least `least`.
  Index steps(Index full, Index least = 2) const;
  /// `most` images, or what a --scale below 1 makes of that; at least `least`.
  Index images(Index most, Index least) const;
  /// The first images(count, 100) test images.
  ImageSet test_images(Index count = 2000) const;
};

/// Thrown by Recorder::progress() when the user wants to stop; the job's rows are lost.
struct Stopped {};

/// What a job is given.
class Recorder {
 public:
  virtual ~Recorder() = default;
  /// Adds a row to a table; cells in step with its columns.
  virtual void row(const std::string& table, std::vector<Json> cells) = 0;
  /// How much of the job is done, 0 to 1; to be called at least every second or so. Throws Stopped.
  virtual void progress(double share) = 0;
};

struct Job {
  std::string name;  // "batch norm, learning rate 0.1, seed 0"; no two of an experiment are the same
  double seconds;    // about what it takes at scale 1 on two quiet cores
  std::function<void(Recorder&)> run;
};

struct Experiment {
  std::string name;                                         // "convergence"
  std::string title;                                        // a heading
  std::string question;                                     // a paragraph: what is asked, what is done
  std::map<std::string, std::vector<std::string>> columns;  // of its tables
  std::function<std::vector<Job>(const Setup&)> jobs;
  /// Puts figures and tables on a page, as far as `tables` have rows for them: after every job it is called anew. Returns what
  /// the experiment has shown: sentences, each with its number from these tables.
  std::function<std::vector<std::string>(const Tables&, Page&)> report;
};

/// All of them, in the order in which one reads them. Each has a file in experiments/ and a name in the list of
/// apps/CMakeLists.txt, from which CMake makes this function.
const std::vector<Experiment>& experiments();
/// Their names, and "all".
std::vector<std::string> lab_names();

}  // namespace norma::lab
