"""The errors that mutants.py plants: by file, (what it breaks, original text, replacement).

The original must stand exactly once in its file. Left out, because no result depends on them: the size of blocks, and
the guard against a variance below 0, which the bound in Note [Stable in one pass] excludes.
"""

CHANNEL_STATS = [
    ("merge without the distance of the means",
     "more.squares + delta.square() * (count * more.count / together)", "more.squares"),
    ("merge gives both means the same weight", "delta * (more.count / together)", "delta * 0.5"),
    ("the variance is the unbiased one", "all.squares / all.count}", "all.squares / std::max(1.0, all.count - 1)}"),
    ("a block's squares not taken about its mean", "sum_of_squares - count * shift.square()", "sum_of_squares"),
    ("a block's sums around zero, not its first row", "origin = x.row(first).cast<double>()",
     "origin = DoubleRow::Zero(channels)"),
    ("distances from the first row in float", "const double d =", "const float d ="),
    ("the two weights of momentum exchanged",
     "(1 - momentum) * running.pixels().row(0).cast<double>() + momentum * value",
     "momentum * running.pixels().row(0).cast<double>() + (1 - momentum) * value"),
    ("eps outside the root", "inv_std(inverse_std(stats.variance, eps))", "inv_std(1 / (stats.variance.sqrt() + eps))"),
    ("no eps", "inverse_std(stats.variance, eps)", "inverse_std(stats.variance, 0)"),
    ("a huge running variance becomes infinite", "average.min(double{std::numeric_limits<Real>::max()})", "average"),
]

CHANNEL_STATS_H = [
    ("both terms divided by m - 1", "stats_depend_on_x ? 1 / static_cast<double>(x.pixels().rows()) : 0",
     "stats_depend_on_x ? 1 / static_cast<double>(x.pixels().rows() - 1) : 0"),
]

BATCH_NORM = [
    # Backward.
    ("dx without the dbeta term", "(mean_dy + (x.row(i)", "((x.row(i)"),
    ("dx without gamma", "gamma_inv_std = k.gamma * k.inv_std, mean_dy", "gamma_inv_std = k.inv_std, mean_dy"),
    ("dgamma with x instead of x - mean", "slope * (x_row[c] - k.mean[c])", "slope * x_row[c]"),
    ("dgamma with the mean rounded to float", "(x_row[c] - k.mean[c])", "(x_row[c] - static_cast<float>(k.mean[c]))"),
    ("evaluation differentiates the statistics", "x, fixed, gamma, beta, eps, false)",
     "x, fixed, gamma, beta, eps, true)"),
    ("training does not differentiate the statistics", "x, of_x, gamma, beta, eps, true)",
     "x, of_x, gamma, beta, eps, false)"),
    # Forward.
    ("y with the mean rounded to float", "in.row(i).cast<double>() - k.mean)",
     "in.row(i).cast<double>() - k.mean.cast<float>().cast<double>())"),
    # The layer.
    ("the running variance takes the biased one", "batch.variance * (m / (m - 1))", "batch.variance"),
    ("the running variance has its own momentum", "(m / (m - 1)), momentum)", "(m / (m - 1)), 0.1)"),
    ("the counter stands still", "  num_batches_tracked_.pixels() += 1;\n", ""),
    ("the cumulative average ignores the count", "value_or(1 / static_cast<double>(num_batches_tracked_.item()))",
     "value_or(0.1)"),
    ("evaluation updates the statistics", "  if (!uses_batch()) return",
     "  if (!uses_batch() && options_.track_running_stats && x.pixels().rows() > 1)\n"
     "    update_running_stats(channel_stats(x), static_cast<double>(x.pixels().rows()));\n"
     "  if (!uses_batch()) return"),
    ("without tracking, evaluation does not use the batch", "if (!uses_batch()) return",
     "if (frozen_ || !training()) return"),
    ("m = 1 is accepted", "check(m > 1,", "check(m > 0,"),
    ("an empty batch is an error in training", "if (x.size() == 0) {", "if (x.size() == 0 && !training()) {"),
    ("reset leaves the counter", "  num_batches_tracked_.pixels().setZero();\n", ""),
    ("eps = 0 is accepted", "check_eps(name, options.eps)",
     "check(options.eps >= 0, name"),
    # NaN, freeze, recalibrate, lint.
    ("NaN enters the running statistics",
     "const bool finite = batch.mean.isFinite().all() && batch.variance.isFinite().all();",
     "const bool finite = true;"),
    ("NaN enters where it is to be ignored", "if (options_.track_running_stats && finite) update",
     "if (options_.track_running_stats) update"),
    ("NaN is an error where nothing is tracked", "options_.track_running_stats && options_.non_finite ==",
     "options_.non_finite =="),
    ("a frozen layer uses the batch", "if (!uses_batch()) return",
     "if (!training() && options_.track_running_stats) return"),
    ("a frozen layer's weight still gets gradients", "weight_.requires_grad(!on && weight_was_trained_).zero_grad()",
     "weight_.zero_grad()"),
    ("a frozen layer keeps its last gradients", "bias_.requires_grad(!on && bias_was_trained_).zero_grad()",
     "bias_.requires_grad(!on && bias_was_trained_)"),
    ("an unfrozen weight gets no gradient", "!on && weight_was_trained_", "false"),
    ("unfreezing trains what was not trained before", "!on && bias_was_trained_", "!on"),
    ("freezing twice forgets what was trained", "on == std::exchange(frozen_, on) ||", "(frozen_ = on, false) ||"),
    ("recalibrated with the biased variance", "seen.squares / (seen.count - 1)", "seen.squares / seen.count"),
    ("NaN can be set", "if (!seen.mean.isFinite().all() || !seen.squares.isFinite().all())", "if (false)"),
    ("lint forgets that a layer was recalibrated", "num_batches_tracked_.item() >= *set_at_", "false"),
    ("lint does not see a reset", "  set_at_ = std::nullopt;\n", ""),
]

LINT = [
    ("lint believes a counter of 0", "if (*batches > 0) return", "return"),
    ("lint is content with 10% of the start", "start > 0.01", "start > 0.1"),
    ("lint takes momentum for the weight of the old", "std::pow(1 - norm.options().momentum.value_or(1)",
     "std::pow(norm.options().momentum.value_or(1)"),
    ("lint accepts momentum 0.5", "momentum >= 0.5", "momentum > 0.5"),
]

BATCH_NORM_TOOLS = [
    ("a layer used twice is found twice", "if (norm && std::none_of(all.begin(), all.end(), is_this)) all",
     "if (norm) all"),
    ("a layer without statistics cannot be left unfrozen", "if (norm->options().track_running_stats) norm->freeze(on);",
     "norm->freeze(on);"),
    ("recalibrated from the last batch alone", ".merge(channel_moments(x))", " = channel_moments(x)"),
    ("recalibrate leaves the model in evaluation", "const EvalMode evaluating(model)", "model.eval()"),
    ("recalibrate measures in training", "  const EvalMode evaluating(model);\n", ""),
    ("a failed recalibrate restores nothing", "KeepBuffers on_exception(model);",
     "KeepBuffers on_exception(model);\n  on_exception.release();"),
    ("recalibrate restores after success", "  on_exception.release();\n", ""),
    ("recalibrate changes frozen layers", "norm->frozen() || ", ""),
    ("recalibrate touches layers without statistics", "norm->frozen() || !norm->options().track_running_stats",
     "norm->frozen()"),
    ("recalibrate accepts NaN", "if (!seen.mean.isFinite().all() || !seen.squares.isFinite().all())", "if (false)"),
    ("fold with the variance without eps", "inverse_std(stats.variance, norm.options().eps)",
     "inverse_std(stats.variance, 0)"),
    ("fold without beta", "if (!affine.empty()) bias += affine[1]", "if (false) bias += affine[1]"),
    ("fold forgets the padding", "  options.bias = true;\n", "  options.bias = true, options.padding = 0;\n"),
    ("fold in training", "check(!model.training(), ", "check(true, "),
    ("the folded model is in training", "  result.eval();  // before", "  // before"),
    ("fold accepts a norm in training", "!norm.training() || norm.frozen()", "true"),
    ("fold looks inside derived classes", "typeid(*module) == typeid(Layer) ?", "dynamic_cast<const Layer*>(module) ?"),
]

IMAGE_NORM = [
    ("the group average takes one channel", "group[0] + (group - group[0]).mean()", "group[0]"),
    ("the group average of equal numbers is rounded", "group[0] + (group - group[0]).mean()", "group.mean()"),
    ("one gamma for all pixels", "gamma.row(row % pixels % gamma.rows())", "gamma.row(0)"),
    ("gamma not under the sums", "dy.row(row).cast<double>() * k.gamma_of(row); }", "dy.row(row).cast<double>(); }"),
    ("a mean of dx by channel, not by group", "mean_g_x_hat = group_average(mean_g_x_hat / k.pixels, k.groups)",
     "mean_g_x_hat = mean_g_x_hat / k.pixels"),
    ("fixed statistics differentiated", "stats.mean.size(), false}", "stats.mean.size(), true}"),
    ("dgamma without x_hat", "+= dy.row(row).cast<double>() * k.x_hat(x, row);", "+= dy.row(row).cast<double>();"),
    ("dbeta and dgamma exchanged", "pass_on(beta, sums.head(sums.size() / 2));\n    pass_on(gamma, sums.tail",
     "pass_on(gamma, sums.head(sums.size() / 2));\n    pass_on(beta, sums.tail"),
    ("the shape of beta alone ignored", "std::max({k.gamma.rows(), k.beta.rows(), Index{1}})", "k.gamma.rows()"),
    ("variance without the distance of channel means", "of.squares / of.count + distance.square()",
     "of.squares / of.count"),
    ("LayerNorm accepts a gamma per channel", "p.shape() == parameters,",
     "p.shape() == parameters || p.shape() == Shape{x.dim(1)},"),
    ("the variance is the unbiased one", "of.squares / of.count +", "of.squares / std::max(1.0, of.count - 1) +"),
]

GROUP_NORM = [
    ("a single number in a group is accepted", "check(x.size() != groups,", "check(true,"),
    ("one group", "group_norm(x, num_groups_, weight_", "group_norm(x, 1, weight_"),
    ("eps is not passed on", "bias_, options_.eps)", "bias_, 1e-5)"),
]

LAYER_NORM = [
    ("every channel by itself", "ImageStats::of(x, 1)", "ImageStats::of(x, x.dim(1))"),
    ("images of another size are accepted", " && one_image(x) == normalized_shape_", ""),
    ("there is always a bias", "if (options.bias) bias_", "bias_"),
]

INSTANCE_NORM = [
    ("the channels of an image together", "ImageStats::of(x, num_features_)", "ImageStats::of(x, 1)"),
    ("the running variance takes the biased one", " * (pixels / (pixels - 1))", ""),
    ("the running variance has its own momentum", "(pixels / (pixels - 1)), options_.momentum)",
     "(pixels / (pixels - 1)), 0.1)"),
    ("evaluation uses the images", "if (tracks && !training()) {", "if (false) {"),
    ("NaN enters the running statistics", "if (tracks && !finite)", "if (false)"),
    ("NaN is an error where nothing is tracked", "if (tracks && !finite)", "if (!finite)"),
    ("an empty batch enters the running statistics", "if (!tracks || x.size() == 0) return y;",
     "if (!tracks) return y;"),
    ("one pixel is accepted", "check(x.dim(2) * x.dim(3) != 1,", "check(true,"),
    ("reset gives the running variance 0", 'name == "running_var" ? 1 : 0', "0"),
]

FAST_TRANSFORMS = [
    ("G not divided by N", "G[i][k] = power / N", "G[i][k] = power"),
    ("another point: 1 for sqrt 2 is too inexact", "kRootTwo = 1.41421356237309504880", "kRootTwo = 4.0"),
    ("the odd half has the even one's sign", "out(std::integral_constant<int, row + 1>{}, even - odd);",
     "out(std::integral_constant<int, row + 1>{}, even + odd);"),
    ("a transpose without infinity's row", "if constexpr (k == columns - 1) total +=", "if constexpr (false) total +="),
]

FAST_WINOGRAD = [
    ("the filter of dx is not turned", "filters + ((c * 3 + 2 - i) * 3 + 2 - j)", "filters + ((c * 3 + i) * 3 + j)"),
    ("dx with the padding of y", "transform_filters<T>(inputs, outputs, turned), 2 - padding,",
     "transform_filters<T>(inputs, outputs, turned), padding,"),
    ("tiles of 4x4 for any number of terms", "kTermsFor4x4 = 210", "kTermsFor4x4 = 52"),
    ("dU begins with what was there before", "group > begin);", "true);"),
    ("the last group of tiles is as large as the others", "count = std::min(group_size, grid.count - first);",
     "count = group_size;"),
]

FAST_DIRECT = [
    ("the stride goes along rows only", "{image + (i * g.s + u) * g.W * g.C, g.s * g.C, 1}",
     "{image + (i + u) * g.W * g.C, g.s * g.C, 1}"),
    ("the last window row alone", "row, out_row, u > 0);", "row, out_row, false);"),
    ("dx keeps what the image before left", "std::fill_n(image, g.H * g.W * pixel, Real{0});", ""),
    ("dx without padding's shift", "image + ((i + padding) * g.W + j + padding) * pixel, g.C,",
     "image + (i * g.W + j) * pixel, g.C,"),
    ("dweight of the last image alone", "for (Index n = begin; n < end; ++n) {", "for (Index n = end - 1; n < end; ++n) {"),
]

FAST_BATCH_NORM_RELU = [
    ("ReLU keeps what is negative", "z_row[c] = y < 0 ? Real{0} : y;", "z_row[c] = y;"),
    ("NaN becomes 0", "z_row[c] = y < 0 ? Real{0} : y;", "z_row[c] = y > 0 ? y : Real{0};"),
    ("dz passes everywhere", "!(y(x, c) <= kRoundsToZero)", "true"),
    ("dz passes where y is 0", "!(y(x, c) <= kRoundsToZero)", "!(y(x, c) < 0)"),
    ("dz passes where y is rounded to 0", "!(y(x, c) <= kRoundsToZero)", "!(y(x, c) <= 0)"),
    ("dgamma without inv_std", "sums.tail(channels) * of_x.inv_std}", "sums.tail(channels)}"),
]

MUTANTS = {
    "layers/channel_stats.cpp": CHANNEL_STATS,
    "layers/channel_stats.h": CHANNEL_STATS_H,
    "layers/batch_norm.cpp": BATCH_NORM,
    "layers/models/lint.cpp": LINT,
    "layers/models/batch_norm_tools.cpp": BATCH_NORM_TOOLS,
    "layers/image_norm.cpp": IMAGE_NORM,
    "layers/group_norm.cpp": GROUP_NORM,
    "layers/layer_norm.cpp": LAYER_NORM,
    "layers/instance_norm.cpp": INSTANCE_NORM,
    "layers/fast/batch_norm_relu.cpp": FAST_BATCH_NORM_RELU,
    "layers/fast/conv2d_direct.cpp": FAST_DIRECT,
    "layers/fast/conv2d_transforms.h": FAST_TRANSFORMS,
    "layers/fast/conv2d_winograd.cpp": FAST_WINOGRAD,
}
