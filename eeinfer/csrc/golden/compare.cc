#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "eeinfer/rule.h"
#include "golden/golden.h"

namespace eeinfer {
namespace {

constexpr double kScores = 10;  // times the tolerance: a score moves so far before export counts it as another one

// The recorded inputs, all rows or one of them, as a call takes them.
std::vector<View> views_of(const Golden& golden, const Manifest& manifest, std::int64_t row = -1) {
  std::vector<View> views;
  for (std::size_t i = 0; i < golden.inputs.size(); ++i) {
    const Array& array = golden.inputs[i];
    Sizes shape = array.shape;
    const std::byte* data = array.data.data();
    if (row >= 0) {
      shape[0] = 1;
      data += static_cast<std::size_t>(row) * (array.data.size() / static_cast<std::size_t>(golden.rows));
    }
    views.emplace_back(array.dtype, data, shape.data(), static_cast<int>(shape.size()), manifest.inputs[i].tensor.name);
  }
  return views;
}

// How far two numbers are apart: NaN equals NaN, and infinity itself.
double error(float found, float wanted) {
  if (found == wanted || (std::isnan(found) && std::isnan(wanted))) return 0;
  const double off = std::abs(static_cast<double>(found) - static_cast<double>(wanted));
  return std::isnan(off) ? std::numeric_limits<double>::infinity() : off;
}

// Whether the two largest logits are nearer to one another than twice the allowed error.
bool is_tied(const float* logits, std::size_t classes, double allowed) {
  if (classes < 2) return false;
  std::vector<float> best(logits, logits + classes);
  std::nth_element(best.begin(), best.begin() + 1, best.end(), std::greater<float>());
  return static_cast<double>(best[0]) - static_cast<double>(best[1]) < 2 * allowed;
}

ExitCheck check_exit(std::size_t k, const AllExits& found, const Golden& golden, double tolerance) {
  const std::size_t exits = golden.taus.size(), rows = static_cast<std::size_t>(golden.rows);
  const std::size_t classes = golden.answers.logits.size() / (rows * exits);
  const auto logits = [&](const AllExits& all, std::size_t row) { return all.logits.data() + (row * exits + k) * classes; };
  double largest = 1;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t c = 0; c < classes; ++c)
      if (const double size = std::abs(logits(golden.answers, row)[c]); std::isfinite(size)) largest = std::max(largest, size);
  ExitCheck made;
  made.allowed = tolerance * largest;
  for (std::size_t row = 0; row < rows; ++row) {
    const float *here = logits(found, row), *there = logits(golden.answers, row);
    const std::size_t at = row * exits + k;
    for (std::size_t c = 0; c < classes; ++c) made.logit_error = std::max(made.logit_error, error(here[c], there[c]));
    made.score_error = std::max(made.score_error, error(found.scores[at], golden.answers.scores[at]));
    const bool same = found.predictions[at] == golden.answers.predictions[at];
    if (!same && !is_tied(there, classes, made.allowed)) ++made.predictions;
  }
  return made;
}

// Whether a recorded score of an exit up to the earlier of the two is so near to its threshold that it explains the move.
bool explained(const Golden& golden, std::size_t row, std::int64_t found, double tolerance) {
  const std::size_t exits = golden.taus.size();
  const auto first = static_cast<std::size_t>(std::max<std::int64_t>(std::min(found, golden.exits[row]), -1) + 1);
  for (std::size_t k = 0; tolerance > 0 && k < first; ++k) {
    const double away = static_cast<double>(golden.answers.scores[row * exits + k]) - static_cast<double>(golden.taus[k]);
    if (std::abs(away) <= kScores * tolerance + kScoreEpsilon) return true;
  }
  return false;
}

void note_moved(const std::vector<std::int64_t>& exits, std::int64_t from, const Golden& golden, double tolerance,
                std::set<std::int64_t>& moved) {
  for (std::size_t i = 0; i < exits.size(); ++i) {
    const auto row = static_cast<std::size_t>(from) + i;
    if (exits[i] != golden.exits[row] && !explained(golden, row, exits[i], tolerance))
      moved.insert(static_cast<std::int64_t>(row));
  }
}

std::string short_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", number);
  return text;
}

std::vector<std::string> differences_of(const Comparison& found, const Golden& golden, double tolerance) {
  std::vector<std::string> differences;
  const std::string of_rows = " of " + std::to_string(golden.rows) + " rows";
  for (std::size_t k = 0; k < found.exits.size(); ++k) {
    const ExitCheck& exit = found.exits[k];
    const std::string name = "exit " + std::to_string(k);
    if (!(exit.logit_error <= exit.allowed))
      differences.push_back("a logit of " + name + " is off by " + short_text(exit.logit_error) + ", more than " +
                            short_text(exit.allowed));
    if (!(exit.score_error <= kScores * tolerance))
      differences.push_back("a score of " + name + " is off by " + short_text(exit.score_error));
    if (exit.predictions > 0)
      differences.push_back(name + " predicts another class for " + std::to_string(exit.predictions) + of_rows);
  }
  if (!found.moved.empty())
    differences.push_back(std::to_string(found.moved.size()) + of_rows + " leave at another exit, the first is row " +
                          std::to_string(found.moved.front()));
  return differences;
}

}  // namespace

Comparison compare(const Engine& engine, const Golden& golden, double tolerance) {
  const std::vector<View> all = views_of(golden, engine.manifest());
  const AllExits found = engine.all_exits(all.data(), all.size());
  Comparison made;
  for (std::size_t k = 0; k < golden.taus.size(); ++k) made.exits.push_back(check_exit(k, found, golden, tolerance));
  RunOptions options;
  options.tau = golden.taus;
  Result result;
  std::set<std::int64_t> moved;
  engine.run(all.data(), all.size(), options, result);
  note_moved(result.exits, 0, golden, tolerance, moved);
  for (std::int64_t row = 0; row < golden.rows; ++row) {
    const std::vector<View> one = views_of(golden, engine.manifest(), row);
    engine.run(one.data(), one.size(), options, result);
    note_moved(result.exits, row, golden, tolerance, moved);
  }
  made.moved.assign(moved.begin(), moved.end());
  made.differences = differences_of(made, golden, tolerance);
  return made;
}

}  // namespace eeinfer
