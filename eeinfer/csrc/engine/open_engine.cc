#include "engine/open_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eeinfer {
namespace {

constexpr std::size_t kRowsAtOnce = 64;  // where nobody leaves: bounds the memory of the activations

std::vector<std::int64_t> costs_of(const Manifest& manifest) {
  std::vector<std::int64_t> costs;
  for (const Segment& segment : manifest.segments) costs.push_back(segment.cumulative_flops);
  return costs;
}

}  // namespace

OpenEngine::OpenEngine(const Bundle& bundle, std::unique_ptr<ort::Backend> backend, std::vector<float> taus)
    : bundle_(bundle),
      backend_(std::move(backend)),
      steps_(bundle, *backend_),
      taus_(std::move(taus)),
      limits_(as_limits(taus_)),
      costs_(costs_of(bundle.manifest())) {
  if (backend_->is_warm()) return;
  const Borrowed desk(*this);
  for (std::size_t k = 0; k < exits(); ++k) steps_.one_step(lane_of(*desk), k);
}

double OpenEngine::run(const View* views, std::size_t count, const float* taus, std::size_t n_taus, double deadline_ms,
                       const std::function<Arrays(std::int64_t rows)>& room) {
  const double began = now_s(), deadline = as_deadline(deadline_ms, began);
  const Borrowed desk(*this);
  const Limits& limits = limits_of(*desk, taus, n_taus);
  desk->prepared.prepare(views, count, manifest());
  const Arrays arrays = room(desk->prepared.rows());
  if (desk->prepared.rows() == 1)
    run_one(*desk, limits, deadline, arrays);
  else
    run_batch(desk->prepared, limits, deadline, arrays);
  return (now_s() - began) * 1e3;
}

void OpenEngine::run_one(Desk& desk, const Limits& limits, double deadline, const Arrays& arrays) {
  ort::Lane& lane = lane_of(desk);
  lane.load(desk.prepared.inputs());
  if (desk.prepared.find_finite()[0] == 0) return arrays.write_none(0);
  const Left left = steps_.one(lane, limits->data(), deadline);
  arrays.write(0, left.k, lane.exit(left.k), costs_[left.k], left.near);
}

void OpenEngine::run_batch(Prepared& prepared, const Limits& limits, double deadline, const Arrays& arrays) {
  const std::vector<std::uint8_t>& finite = prepared.find_finite();
  for (const std::int64_t row : rows_marked(finite, 0)) arrays.write_none(static_cast<std::size_t>(row));
  std::vector<std::int64_t> rows = rows_marked(finite, 1);
  if (rows.empty()) return;
  if (rows.size() != finite.size()) prepared.take(rows);
  OpenBatch batch(steps_, steps_.start(prepared.inputs(), std::move(rows), limits, deadline));
  for (Step step; batch->left() > 0; steps_.leave(*batch)) {
    steps_.step(*batch, step);
    for (std::size_t i = 0; i < step.leaves.size(); ++i) {
      const Exit answer = row_of(step.exit, static_cast<std::size_t>(step.leaves[i]), classes());
      arrays.write(static_cast<std::size_t>(step.rows[i]), step.k, answer, costs_[step.k], step.near[i] != 0);
    }
  }
}

AllExits OpenEngine::all_exits(const View* views, std::size_t count) {
  const Borrowed desk(*this);
  desk->prepared.prepare(views, count, manifest());
  const auto all = static_cast<std::size_t>(desk->prepared.rows());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  AllExits answers{std::vector<float>(all * exits(), nan), std::vector<std::int64_t>(all * exits(), -1),
                   std::vector<float>(all * exits() * classes(), nan)};
  const std::vector<std::int64_t> rows = rows_marked(desk->prepared.find_finite(), 1);
  for (std::size_t at = 0; at < rows.size(); at += kRowsAtOnce) {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + kRowsAtOnce, rows.size()));
    const std::vector<std::int64_t> part(rows.begin() + static_cast<std::ptrdiff_t>(at), end);
    Prepared some = desk->prepared;
    some.take(part);
    OpenBatch batch(steps_, steps_.start(some.inputs(), part, steps_.never(), kNoDeadline));
    for (Step step; batch->left() > 0;) {
      steps_.step(*batch, step);
      for (std::size_t i = 0; i < part.size(); ++i) {
        const Exit answer = row_of(step.exit, i, classes());
        const std::size_t place = static_cast<std::size_t>(part[i]) * exits() + step.k;
        answers.scores[place] = *answer.score;
        answers.predictions[place] = std::isfinite(*answer.score) ? *answer.prediction : -1;
        std::copy_n(answer.logits, classes(), answers.logits.begin() + static_cast<std::ptrdiff_t>(place * classes()));
      }
    }
  }
  return answers;
}

const Limits& OpenEngine::limits_of(Desk& desk, const float* taus, std::size_t n_taus) const {
  if (n_taus == 0) return limits_;
  if (desk.taus.size() != n_taus || !std::equal(desk.taus.begin(), desk.taus.end(), taus)) {
    desk.limits = as_limits(as_taus(taus, n_taus, exits()));
    desk.taus.assign(taus, taus + n_taus);
  }
  return desk.limits;
}

std::unique_ptr<Desk> OpenEngine::borrow() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Desk> desk = std::move(idle_.back());
      idle_.pop_back();
      return desk;
    }
  }
  return std::make_unique<Desk>();
}

void OpenEngine::give_back(std::unique_ptr<Desk> desk) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(desk));
}

ort::Lane& OpenEngine::lane_of(Desk& desk) {
  if (desk.lane == nullptr) desk.lane = new_lane();
  return *desk.lane;
}

std::vector<std::int64_t> rows_marked(const std::vector<std::uint8_t>& marks, std::uint8_t mark) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (marks[i] == mark) rows.push_back(static_cast<std::int64_t>(i));
  return rows;
}

}  // namespace eeinfer
