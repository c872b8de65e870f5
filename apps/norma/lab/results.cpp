#include "norma/apps/norma/lab/results.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <sstream>
#include <system_error>

#include "norma/apps/training/csv.h"
#include "norma/core/check.h"
#include "norma/data/files/atomic_file.h"
#include "norma/data/files/files.h"

namespace norma::lab {
namespace {

constexpr std::uintmax_t kMaxResults = 1 << 28;  // bytes

std::string word_of(const Json& cell) { return cell.is_string() ? cell.get<std::string>() : cell.dump(); }

}  // namespace

std::size_t Table::place(const std::string& column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  check(found != columns.end(), "table: has no column '", column, "'");
  return static_cast<std::size_t>(found - columns.begin());
}

Table Table::where(const std::string& column, const Json& value) const {
  Table part{columns, {}};
  for (const std::size_t at = place(column); const auto& row : rows)
    if (row[at] == value) part.rows.push_back(row);
  return part;
}

std::vector<double> Table::numbers(const std::string& column) const {
  std::vector<double> values;
  for (const std::size_t at = place(column); const auto& row : rows)
    values.push_back(row[at].is_number() ? row[at].get<double>() : std::nan(""));
  return values;
}

std::vector<std::string> Table::words(const std::string& column) const {
  std::vector<std::string> values;
  for (const std::size_t at = place(column); const auto& row : rows) values.push_back(word_of(row[at]));
  return values;
}

std::vector<Json> Table::distinct(const std::string& column) const {
  std::vector<Json> values;
  for (const std::size_t at = place(column); const auto& row : rows)
    if (std::find(values.begin(), values.end(), row[at]) == values.end()) values.push_back(row[at]);
  return values;
}

Results::Results(const std::filesystem::path& run) : file_(run / "jobs.jsonl") {
  std::error_code ignored;
  if (!std::filesystem::exists(file_, ignored)) return;
  const std::string text = read_bytes(file_, kMaxResults);
  const std::size_t whole = text.rfind('\n') + 1;  // 0 where there is none
  std::istringstream lines(text.substr(0, whole));
  for (std::string line; std::getline(lines, line);) {
    try {
      const Json job = Json::parse(line);
      jobs_[job.at("job").get<std::string>()] = job.at("rows");
    } catch (const Json::exception&) {
      throw DataError(join(file_.string(), ": line ", jobs_.size() + 1, " is damaged"));
    }
  }
  if (whole < text.size()) write_file(file_, std::string_view(text).substr(0, whole));
}

void Results::add(const std::string& job, const Json& rows) {
  const std::string line = one_line({{"job", job}, {"rows", rows}}) + "\n";
  const int file = open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const bool written =
      file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) close(file);
  if (!written) throw FileError(file_.string() + ": cannot be written: " + std::generic_category().message(reason));
  jobs_[job] = rows;
}

Tables Results::tables(const std::map<std::string, std::vector<std::string>>& columns,
                       const std::vector<std::string>& jobs) const {
  Tables tables;
  for (const auto& [name, of_table] : columns) tables[name].columns = of_table;
  for (const std::string& job : jobs) {
    const auto found = jobs_.find(job);
    if (found == jobs_.end()) continue;
    for (const auto& [name, rows] : found->second.items()) {
      const auto table = tables.find(name);
      for (const Json& row : rows) {
        if (table == tables.end() || !row.is_array() || row.size() != table->second.columns.size())
          throw DataError(
              join(file_.string(), ": the rows of '", job, "' do not fit this program's table '", name, "'"));
        table->second.rows.push_back(row.get<std::vector<Json>>());
      }
    }
  }
  return tables;
}

std::string csv(const Table& table) {
  std::string text = csv_line(table.columns) + "\n";
  for (const auto& row : table.rows) {
    std::vector<std::string> fields;
    for (const Json& cell : row) fields.push_back(cell.is_null() ? "" : word_of(cell));
    text += csv_line(fields) + "\n";
  }
  return text;
}

}  // namespace norma::lab
