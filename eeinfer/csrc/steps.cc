#include "steps.h"

#include <algorithm>
#include <cassert>
#include <chrono>

#include "answer_fault.h"
#include "eeinfer/error.h"
#include "eeinfer/rule.h"

namespace eeinfer {

// --- The loop ---

Left Steps::one(ort::Lane& lane, const float* limits, double deadline) const {
  bool close = false;
  for (std::size_t k = 0;; ++k) {
    const float score = run(lane, k);
    const bool last = k == last_;
    close |= !last && near(score, limits[k]);
    if (!(last || leaves(score, limits[k]) || (deadline != kNoDeadline && now_s() >= deadline))) continue;
    check(k, score, *lane.exit(k).prediction);
    return {k, score, close};
  }
}

void Steps::step(Batch& batch, Step& step) const {
  const std::size_t k = batch.k;
  const bool last = k == last_;
  try {
    step.exit = batch.live->run(k);
  } catch (const ort::Failure& failure) {
    const std::string rows = std::to_string(batch.rows.size());
    throw fault(k, "does not run with " + rows + " rows: " + failure.what(), "give fewer, or ");
  }
  const double now = now_s();
  step.k = k;
  step.computed = static_cast<std::int64_t>(batch.rows.size());
  step.leaves.clear(), step.rows.clear(), step.near.clear();
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.rows[i] == kGone) continue;
    const float score = step.exit.score[i], limit = (*batch.limits[i])[k];
    check(k, score, step.exit.prediction[i]);
    batch.near[i] |= !last && near(score, limit);
    if (last || leaves(score, limit) || now >= batch.deadlines[i]) step.leaves.push_back(static_cast<std::int64_t>(i));
  }
  for (const std::int64_t at : step.leaves) {
    const auto i = static_cast<std::size_t>(at);
    step.rows.push_back(batch.rows[i]);
    step.near.push_back(batch.near[i]);
    batch.rows[i] = kGone;
  }
  ++batch.k;
}

void Steps::leave(Batch& batch) const {
  const auto rows = static_cast<std::int64_t>(batch.rows.size()), stays = batch.left();
  if (!(0 < stays && stays < rows && backend_.worth_compacting(batch.k, rows, stays))) return;
  const std::vector<std::int64_t> order = compacted(batch.rows, static_cast<std::size_t>(stays));
  batch.live->take({batch.live.get()}, order);
  batch.reorder(order);
}

Batch Steps::join(Batch one, Batch other) const {
  assert(one.k == other.k);
  const auto stays = static_cast<std::size_t>(one.left() + other.left());
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(one.rows, other.rows);
  append(one.limits, other.limits);
  append(one.deadlines, other.deadlines);
  append(one.near, other.near);
  const std::vector<std::int64_t> order = compacted(one.rows, stays);
  one.live = backend_.join(std::move(one.live), std::move(other.live), order);
  one.reorder(order);
  return one;
}

Batch Steps::start(const Inputs& inputs, std::vector<std::int64_t> rows, const Limits& limits, double deadline) const {
  const std::size_t count = rows.size();
  return {backend_.start(inputs),
          std::move(rows),
          std::vector<Limits>(count, limits),
          std::vector<double>(count, deadline),
          std::vector<std::uint8_t>(count, 0),
          0};
}

void Steps::end(Batch& batch) const {
  if (batch.live != nullptr) backend_.release(std::move(batch.live));
}

// --- What it stands on ---

Steps::Steps(const Bundle& bundle, ort::Backend& backend)
    : bundle_(bundle),
      backend_(backend),
      last_(bundle.manifest().segments.size() - 1),
      classes_(static_cast<std::int64_t>(bundle.manifest().classes.size())),
      never_(std::make_shared<std::vector<float>>(last_ + 1, as_limit(1))) {}

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t Batch::left() const {
  return static_cast<std::int64_t>(rows.size()) - std::count(rows.begin(), rows.end(), kGone);
}

void Batch::reorder(const std::vector<std::int64_t>& order) {
  const auto picked = [&](auto& list) {
    std::remove_reference_t<decltype(list)> taken;
    for (const std::int64_t at : order) taken.push_back(list[static_cast<std::size_t>(at)]);
    list = std::move(taken);
  };
  picked(rows), picked(limits), picked(deadlines), picked(near);
}

float Steps::one_step(ort::Lane& lane, std::size_t k) const {
  const float score = run(lane, k);
  check(k, score, *lane.exit(k).prediction);
  return score;
}

float Steps::run(ort::Lane& lane, std::size_t k) const {
  try {
    return lane.run(k);
  } catch (const ort::Failure& failure) {
    throw fault(k, std::string("does not run: ") + failure.what());
  }
}

BundleError Steps::fault(std::size_t k, const std::string& what, const char* ask) const {
  const std::string file = bundle_.file(bundle_.manifest().segments[k].file).u8string();
  return BundleError(file + " " + what + "; " + ask + "export the bundle again");
}

void Steps::check(std::size_t k, float score, std::int64_t prediction) const {
  if (!is_answer(score, prediction, classes_)) throw fault(k, answer_fault(score, prediction, classes_));
}

}  // namespace eeinfer
