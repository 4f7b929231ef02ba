// Answers that are handed out before all of them are there.
#include <cmath>
#include <limits>

#include "eeinfer/engine.h"
#include "engine/open_engine.h"
#include "engine/text.h"

namespace eeinfer {

struct Stream::State {
  std::shared_ptr<OpenEngine> engine;
  double began = 0;
  Prepared prepared;
  std::vector<std::int64_t> unanswered;  // rows that no exit can answer for, until they are handed out
  std::optional<OpenBatch> batch;
  Step step;

  double ms() const { return (now_s() - began) * 1e3; }
};

namespace {

Departure departure_of_none(const std::vector<std::int64_t>& rows, std::size_t classes, double ms) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Departure made;
  made.rows = rows;
  made.predictions.assign(rows.size(), -1);
  made.scores.assign(rows.size(), nan);
  made.logits.assign(rows.size() * classes, nan);
  made.near_tau.assign(rows.size(), 0);
  made.valid.assign(rows.size(), 0);
  made.latency_ms = ms;
  return made;
}

Departure departure_of(const Step& step, std::size_t classes, std::int64_t cost, double ms) {
  Departure made;
  made.exit = static_cast<std::int64_t>(step.k);
  made.rows = step.rows;
  made.near_tau = step.near;
  for (const std::int64_t at : step.leaves) {
    const Exit answer = row_of(step.exit, static_cast<std::size_t>(at), classes);
    const bool finite = std::isfinite(*answer.score);
    made.predictions.push_back(finite ? *answer.prediction : -1);
    made.scores.push_back(*answer.score);
    made.logits.insert(made.logits.end(), answer.logits, answer.logits + classes);
    made.valid.push_back(finite);
  }
  made.flops = cost;
  made.latency_ms = ms;
  return made;
}

}  // namespace

Stream Engine::stream(std::initializer_list<View> inputs, const RunOptions& options) const {
  return stream(inputs.begin(), inputs.size(), options);
}

Stream Engine::stream(const View* inputs, std::size_t count, const RunOptions& options) const {
  auto state = std::make_unique<Stream::State>();
  state->engine = open_;
  state->began = now_s();
  const double deadline = as_deadline(options.deadline_ms, state->began);
  const Borrowed desk(*open_);
  const Taus& tau = options.tau;
  const Limits& limits = open_->limits_of(*desk, tau.data(), tau.given() ? tau.size() : 0);
  state->prepared.prepare(inputs, count, open_->manifest());
  const std::vector<std::uint8_t> finite = state->prepared.find_finite();
  state->unanswered = rows_marked(finite, 0);
  std::vector<std::int64_t> rows = rows_marked(finite, 1);
  if (state->unanswered.empty())
    state->prepared.own();  // the caller may write into what it gave meanwhile
  else
    state->prepared.take(rows);
  if (!rows.empty())
    state->batch.emplace(open_->steps(), open_->steps().start(state->prepared.inputs(), std::move(rows), limits, deadline));
  return Stream(std::move(state));
}

std::optional<Departure> Stream::next() {
  OpenEngine& engine = *state_->engine;
  if (!state_->unanswered.empty()) {
    const std::vector<std::int64_t> rows = std::move(state_->unanswered);
    state_->unanswered.clear();
    return departure_of_none(rows, engine.classes(), state_->ms());
  }
  while (state_->batch && (*state_->batch)->left() > 0) {
    engine.steps().leave(**state_->batch);  // whoever left before
    engine.steps().step(**state_->batch, state_->step);
    const Step& step = state_->step;
    if (!step.rows.empty()) return departure_of(step, engine.classes(), engine.cost(step.k), state_->ms());
  }
  return std::nullopt;
}

Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

struct Anytime::State {
  std::shared_ptr<OpenEngine> engine;
  Borrowed desk;
  std::size_t k = 0;
  double spent = 0;
};

Anytime Engine::anytime(std::initializer_list<View> inputs) const { return anytime(inputs.begin(), inputs.size()); }

Anytime Engine::anytime(const View* inputs, std::size_t count) const {
  const double began = now_s();
  std::unique_ptr<Anytime::State> state(new Anytime::State{open_, Borrowed(*open_)});
  Prepared& prepared = state->desk->prepared;
  prepared.prepare(inputs, count, open_->manifest());
  if (prepared.rows() != 1)
    throw InputError("anytime answers for one row, got " + std::to_string(prepared.rows()) + "; call run for a batch");
  if (prepared.find_finite()[0] == 0) throw InputError("the row holds NaN or infinite values; no exit can answer for it");
  open_->lane_of(*state->desk).load(prepared.inputs());
  state->spent = now_s() - began;
  return Anytime(std::move(state));
}

std::optional<Answer> Anytime::next() {
  OpenEngine& engine = *state_->engine;
  if (state_->k == engine.exits()) return std::nullopt;
  const double began = now_s();
  const std::size_t k = state_->k++;
  ort::Lane& lane = engine.lane_of(*state_->desk);
  engine.steps().one_step(lane, k);
  const Exit& exit = lane.exit(k);
  Answer answer;
  answer.exit = static_cast<std::int64_t>(k);
  answer.prediction = std::isfinite(*exit.score) ? *exit.prediction : -1;
  answer.score = *exit.score;
  answer.logits.assign(exit.logits, exit.logits + engine.classes());
  answer.flops = engine.cost(k);
  state_->spent += now_s() - began;
  answer.latency_ms = state_->spent * 1e3;
  return answer;
}

Anytime::Anytime(std::unique_ptr<State> state) : state_(std::move(state)) {}
Anytime::Anytime(Anytime&&) noexcept = default;
Anytime& Anytime::operator=(Anytime&&) noexcept = default;
Anytime::~Anytime() = default;

}  // namespace eeinfer
