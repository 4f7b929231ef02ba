// What an engine holds and does: the state behind Engine and behind the C API.
#ifndef EEINFER_ENGINE_OPEN_ENGINE_H
#define EEINFER_ENGINE_OPEN_ENGINE_H

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/answers.h"
#include "engine/prepared.h"
#include "steps.h"

namespace eeinfer {

// What one call works with: its tensors, and the buffers of a single row.
struct Desk {
  Prepared prepared;
  std::unique_ptr<ort::Lane> lane;  // made when the first single row comes
  std::vector<float> taus;          // of the call before, and what scores are compared with for them
  Limits limits;
};

// An opened bundle. Any number of threads may call it at once; none holds a lock while it computes.
class OpenEngine {
 public:
  // Run every segment once, unless each has: a rarely reached one would otherwise be cold when it is needed. `taus` has one per exit.
  // Throws BundleError: a segment does not run.
  OpenEngine(const Bundle& bundle, std::unique_ptr<ort::Backend> backend, std::vector<float> taus);

  const Bundle& bundle() const { return bundle_; }
  const Manifest& manifest() const { return bundle_.manifest(); }
  const ort::Backend& backend() const { return *backend_; }
  const Steps& steps() const { return steps_; }
  const std::vector<float>& taus() const { return taus_; }
  std::size_t exits() const { return costs_.size(); }
  std::size_t classes() const { return manifest().classes.size(); }
  std::int64_t cost(std::size_t exit) const { return costs_[exit]; }

  // Classify rows and return the milliseconds that it took.
  //
  // taus: one for all exits, one each, or none, which takes the engine's. room: makes the arrays when it is known how many
  // rows there are. Throws InputError, BundleError.
  double run(const View* views, std::size_t count, const float* taus, std::size_t n_taus, double deadline_ms,
             const std::function<Arrays(std::int64_t rows)>& room);

  // What every exit answers to every row; nobody leaves.
  AllExits all_exits(const View* views, std::size_t count);

  // Take a set of buffers that nobody is using; as many exist as there were calls at the same time.
  std::unique_ptr<Desk> borrow();
  void give_back(std::unique_ptr<Desk> desk);
  ort::Lane& lane_of(Desk& desk);

  // What scores are compared with for the thresholds of a call, which are looked at only once where they stay the same.
  const Limits& limits_of(Desk& desk, const float* taus, std::size_t n_taus) const;

  std::unique_ptr<ort::Lane> new_lane() const { return backend_->new_lane(); }

 private:
  void run_one(Desk& desk, const Limits& limits, double deadline, const Arrays& arrays);
  void run_batch(Prepared& prepared, const Limits& limits, double deadline, const Arrays& arrays);

  Bundle bundle_;
  std::unique_ptr<ort::Backend> backend_;
  Steps steps_;
  std::vector<float> taus_;
  Limits limits_;
  std::vector<std::int64_t> costs_;
  std::mutex mutex_;  // over idle_
  std::vector<std::unique_ptr<Desk>> idle_;
};

// A desk that goes back by itself.
class Borrowed {
 public:
  explicit Borrowed(OpenEngine& engine) : engine_(engine), desk_(engine.borrow()) {}
  ~Borrowed() { engine_.give_back(std::move(desk_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Desk& operator*() const { return *desk_; }
  Desk* operator->() const { return desk_.get(); }

 private:
  OpenEngine& engine_;
  std::unique_ptr<Desk> desk_;
};

// A batch that is given back wherever it stands.
class OpenBatch {
 public:
  OpenBatch(const Steps& steps, Batch batch) : steps_(&steps), batch_(std::move(batch)) {}
  ~OpenBatch() { steps_->end(batch_); }
  OpenBatch(OpenBatch&& other) noexcept = default;
  OpenBatch& operator=(OpenBatch&&) = delete;
  Batch& operator*() { return batch_; }
  Batch* operator->() { return &batch_; }

 private:
  const Steps* steps_;
  Batch batch_;
};

// Which of the rows have that mark, in order.
std::vector<std::int64_t> rows_marked(const std::vector<std::uint8_t>& marks, std::uint8_t mark);

// One per exit, of one for all or one each. Throws InputError: another count, or one outside [0, 1].
std::vector<float> as_taus(const float* taus, std::size_t count, std::size_t exits);

// What scores are compared with.
Limits as_limits(const std::vector<float>& taus);

// When a call that began at `began` has to end. Throws InputError: not a number of milliseconds, 0 or more.
double as_deadline(double deadline_ms, double began);

}  // namespace eeinfer

#endif
