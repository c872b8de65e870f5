#include "norma/apps/training/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "norma/apps/training/checksum.h"
#include "norma/apps/training/metadata.h"
#include "norma/data/files/atomic_file.h"
#include "norma/data/files/files.h"
#include "norma/data/files/safetensors.h"

namespace norma {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

constexpr const char* kPrefix = "velocity.";
constexpr auto kAnySize = std::numeric_limits<std::uintmax_t>::max();

fs::path weights_path(const fs::path& folder, const std::string& name) { return folder / (name + ".safetensors"); }
fs::path state_path(const fs::path& folder, const std::string& name) { return folder / (name + ".state.safetensors"); }

/// "last", "previous-1", "previous-2", ...
std::string name_of(Index age) { return age == 0 ? "last" : fmt::format("previous-{}", age); }

std::string sum_text(std::string_view bytes) { return fmt::format("{:016x}", checksum(bytes)); }

void rename_if_there(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed && failed != std::errc::no_such_file_or_directory)
    throw FileError(from.string() + ": cannot be renamed: " + failed.message());
}

/// The state file has a checksum of its own, of its bytes as they are without it.
std::string state_bytes(const NamedTensors& velocities, Metadata metadata) {
  metadata.erase("checksum");
  metadata["checksum"] = sum_text(safetensors_bytes(velocities, metadata));
  return safetensors_bytes(velocities, metadata);
}

Metadata to_metadata(const Position& p, const std::string& weights) {
  return {{"weights", sum_text(weights)},
          {"epoch", std::to_string(p.epoch)},
          {"step_in_epoch", std::to_string(p.so_far.steps)},
          {"images", std::to_string(p.so_far.images)},
          {"correct", std::to_string(p.so_far.correct)},
          {"loss", fmt::format("{:a}", p.so_far.loss)},
          {"test_acc", fmt::format("{:a}", p.test_acc)},
          {"best_acc", fmt::format("{:a}", p.best_acc)},
          {"metrics", p.metrics}};
}

Position position_of(const Metadata& metadata) {
  const auto count = [&](const char* key) { return metadata_count(key, metadata_text(metadata, key)); };
  const auto number = [&](const char* key) { return metadata_number(key, metadata_text(metadata, key)); };
  return {.epoch = count("epoch"),
          .so_far = {.steps = count("step_in_epoch"),
                     .images = count("images"),
                     .correct = count("correct"),
                     .loss = number("loss")},
          .test_acc = number("test_acc"),
          .best_acc = number("best_acc"),
          .metrics = metadata_text(metadata, "metrics")};
}

/// Half of a checkpoint.
struct State {
  std::string name, weights_sum;
  NamedTensors velocities;
  Position position;
};

State read_state(const fs::path& folder, const std::string& name) {
  const fs::path path = state_path(folder, name);
  const std::string bytes = read_bytes(path, kAnySize);
  TensorFile file = parse_safetensors(bytes, path.string());
  try {
    State state{name, metadata_text(file.metadata, "weights"), {}, position_of(file.metadata)};
    check(state_bytes(file.tensors, file.metadata) == bytes, "the checksum is not that of the content");
    for (auto& [tensor_name, tensor] : file.tensors) {
      check(tensor_name.starts_with(kPrefix), "holds ", tensor_name, ", which is no velocity");
      state.velocities.emplace_back(tensor_name.substr(std::string(kPrefix).size()), tensor);
    }
    return state;
  } catch (const Error& error) {
    throw DataError(path.string() + ": " + error.what());
  }
}

/// What newest() looks through.
struct Halves {
  std::vector<State> states;                                 // the newest first
  std::vector<std::pair<std::string, std::string>> weights;  // names and bytes
  std::string trouble;                                       // with the first file that cannot be read

  bool of_each_kind = false;  // at least one state file and one weights file are there, damaged or not
};

Halves read_halves(const fs::path& folder) {
  Halves all;
  bool states = false, weights = false;
  std::error_code ignored;
  const auto there = [&](const std::string& name) {
    return fs::exists(state_path(folder, name), ignored) || fs::exists(weights_path(folder, name), ignored);
  };
  for (Index age = 0; age < 2 || there(name_of(age)); ++age) {  // a crash may have left nothing at ages 0 and 1
    const std::string name = name_of(age);
    const auto attempt = [&](const fs::path& file, bool& seen, const auto& read) {
      if (!fs::exists(file, ignored)) return;
      seen = true;
      try {
        read();
      } catch (const DataError& error) {
        if (all.trouble.empty()) all.trouble = error.what();
      }
    };
    attempt(state_path(folder, name), states, [&] { all.states.push_back(read_state(folder, name)); });
    attempt(weights_path(folder, name), weights,
            [&] { all.weights.emplace_back(name, read_bytes(weights_path(folder, name), kAnySize)); });
  }
  all.of_each_kind = states && weights;
  std::stable_sort(all.states.begin(), all.states.end(), [](const State& a, const State& b) {
    return std::pair(a.position.epoch, a.position.so_far.steps) > std::pair(b.position.epoch, b.position.so_far.steps);
  });
  return all;
}

}  // namespace

Checkpoints::Checkpoints(const fs::path& run, WeightsInfo info, Index steps, Index keep)
    : folder_(run / "weights"), info_(std::move(info)), steps_(steps), keep_(keep) {}

std::string Checkpoints::weights_bytes(const NamedTensors& weights, const Position& position) const {
  WeightsInfo info = info_;
  info.epoch = position.epoch;
  info.step = position.epoch * steps_ + position.so_far.steps;
  info.test_acc = position.test_acc;
  return safetensors_bytes(weights, to_metadata(info));
}

void Checkpoints::save(const NamedTensors& weights, const NamedTensors& velocities, const Position& position) const {
  NamedTensors prefixed;
  for (const auto& [name, velocity] : velocities) prefixed.emplace_back(kPrefix + name, velocity);
  const std::string bytes = weights_bytes(weights, position);
  write_file(weights_path(folder_, "next"), bytes);
  write_file(state_path(folder_, "next"), state_bytes(prefixed, to_metadata(position, bytes)));
  // See Note [Two files, one checkpoint].
  for (Index age = keep_; age >= 0; --age) {
    const std::string from = age == 0 ? "next" : name_of(age - 1);
    rename_if_there(state_path(folder_, from), state_path(folder_, name_of(age)));
    rename_if_there(weights_path(folder_, from), weights_path(folder_, name_of(age)));
  }
  sync_folder(folder_);
}

void Checkpoints::save_best(const NamedTensors& weights, const Position& position) const {
  write_file(weights_path(folder_, "best"), weights_bytes(weights, position));
}

std::optional<Checkpoint> Checkpoints::newest() const {
  Halves all = read_halves(folder_);
  for (State& state : all.states)
    for (const auto& [name, bytes] : all.weights) {
      if (sum_text(bytes) != state.weights_sum) continue;
      Checkpoint found{parse_safetensors(bytes, weights_path(folder_, name).string()).tensors,
                       std::move(state.velocities), std::move(state.position), weights_path(folder_, name).string()};
      if (name != "last" || state.name != "last")
        found.place += all.trouble.empty() ? ", the last complete checkpoint" : " (" + all.trouble + ")";
      rename_if_there(state_path(folder_, state.name), state_path(folder_, "last"));
      rename_if_there(weights_path(folder_, name), weights_path(folder_, "last"));
      return found;
    }
  if (!all.of_each_kind) return std::nullopt;
  throw DataError(all.trouble.empty() ? folder_.string() + ": holds no state that belongs to its weights"
                                      : all.trouble);
}

}  // namespace norma
