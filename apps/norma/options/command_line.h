// The options that the verbs of the command line share, each declared once.
#pragma once

#include <CLI/CLI.hpp>

#include <limits>
#include <string>
#include <vector>

#include "norma/apps/norma/options/options.h"

namespace norma {

/// --data --limit. `otherwise` is what comes first where there is no --data: "that of the run, else ".
void add_data_options(CLI::App& verb, Options& options, const std::string& otherwise = "");
void add_image_size_option(CLI::App& verb, Index& size);                 // --image-size
void add_model_options(CLI::App& verb, Options& options);                // --model
void add_norm_option(CLI::App& verb, Options& options);                  // --norm
void add_norms_option(CLI::App& verb, std::vector<std::string>& norms);  // --norm with several
void add_training_options(CLI::App& verb, Options& options);             // --epochs ... --threads
void add_lr_option(CLI::App& verb, Options& options);                    // --lr
void add_sgd_options(CLI::App& verb, Options& options);                  // --batch-size --momentum --weight-decay
void add_out_option(CLI::App& verb, Options& options);                   // --out
void add_resume_options(CLI::App& verb, Options& options);               // --save-every --keep --resume --override
void add_threads_option(CLI::App& verb, Options& options);               // --threads
void add_conv_option(CLI::App& verb, Options& options);                  // --conv
void add_use_options(CLI::App& verb, UseOptions& options);  // RUN|FILE --mirror --json --model ... --threads

void add_bench_options(CLI::App& verb, BenchOptions& options);  // --model --batch --threads --steps --json

/// A whole number: decimal digits, the first of several not 0 (which CLI11 would take for octal).
CLI::Validator whole_number(Index least, Index most = 1'000'000'000);

/// --data alone.
void add_data_option(CLI::App& verb, Options& options, const std::string& otherwise = "");

/// [NAME] --data --out --seed --threads --scale --resume; NAME is left out where there are no `names`.
void add_lab_options(CLI::App& verb, LabOptions& options, const std::vector<std::string>& names);

/// Options of the range test: --from --to --steps, --batch-size ... --conv
void add_lr_find_options(CLI::App& verb, LrFindOptions& options);

/// One of a list of names.
CLI::Validator one_of(const std::vector<std::string>& names);

/// A number that is finite, above 0 (or, if allowed, 0) and at most `most`.
CLI::Validator finite_number(bool zero_allowed, double most = std::numeric_limits<double>::infinity());

/// Of --scale of norma lab, which multiplies numbers of steps.
inline constexpr double kLargestScale = 1000;

/// A part of a whole, from 0 to 1.
CLI::Validator fraction();

/// What --image-size takes.
CLI::Validator image_side();

}  // namespace norma
