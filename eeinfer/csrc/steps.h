// The loop of every cascade: run a segment, compare its scores with tau, stop or go on. The twin of eeinfer/steps.py.
//
// Rows start, take a step from segment to segment, join others that stand before the same one, and leave. A call, a
// stream, an anytime answer and the C API run on nothing else.
#ifndef EEINFER_STEPS_H
#define EEINFER_STEPS_H

#include <limits>
#include <memory>
#include <vector>

#include "eeinfer/bundle.h"
#include "eeinfer/error.h"
#include "ort/backend.h"

namespace eeinfer {

constexpr std::int64_t kGone = -1;  // the number of a row that left and is computed along: taking it out would cost more
constexpr double kNoDeadline = std::numeric_limits<double>::infinity();

using Limits = std::shared_ptr<const std::vector<float>>;  // one per exit, as `as_limit` gives them

// Seconds of the clock that deadlines are in.
double now_s();

// Rows that stand before segment `k`: what belongs to one of them has its place in every list.
struct Batch {
  std::unique_ptr<ort::Rows> live;
  std::vector<std::int64_t> rows;  // the caller's numbers, 0 or more; kGone for who has left
  std::vector<Limits> limits;
  std::vector<double> deadlines;
  std::vector<std::uint8_t> near;  // whether one of the row's decisions was near its limit
  std::size_t k = 0;

  std::int64_t left() const;  // rows that are still in

  // Let position i hold the row order[i].
  void reorder(const std::vector<std::int64_t>& order);
};

// What segment k decided: n rows leave.
struct Step {
  std::size_t k = 0;
  Exit exit;  // of every row that was run, valid until the batch's next step
  std::int64_t computed = 0;
  std::vector<std::int64_t> leaves;  // [n] which of them leave
  std::vector<std::int64_t> rows;    // [n] their numbers
  std::vector<std::uint8_t> near;    // [n]
};

// Where a row left, by which score, and whether a decision was near its limit.
struct Left {
  std::size_t k = 0;
  float score = 0;
  bool near = false;
};

// The loop over the segments of one opened bundle. Many threads may use it, each batch and lane one at a time.
class Steps {
 public:
  Steps(const Bundle& bundle, ort::Backend& backend);

  const Limits& never() const { return never_; }  // limits that no score passes

  // Let rows stand before the first segment.
  //
  // inputs: prepared rows, read in place until the batch ends. rows: the caller's numbers of them, 0 or more. deadline:
  // after which no row begins another segment.
  Batch start(const Inputs& inputs, std::vector<std::int64_t> rows, const Limits& limits, double deadline) const;

  // Run the segment that the batch stands before. Whoever does not leave there stands before the next one. Throws
  // BundleError: the segment fails, or answers with what no score or class can be.
  void step(Batch& batch, Step& step) const;

  // Take out who has left, where that is done sooner than computing them along.
  void leave(Batch& batch) const;

  // Merge two batches that stand before the same segment and have not ended; neither may be used again.
  Batch join(Batch one, Batch other) const;

  // Give back what the batch holds, wherever it stands.
  void end(Batch& batch) const;

  // Take the row in a lane to where it leaves. Throws BundleError as `step`.
  Left one(ort::Lane& lane, const float* limits, double deadline) const;

  // Compute one segment for the row in a lane, whatever its score, which is returned. Throws BundleError as `step`.
  float one_step(ort::Lane& lane, std::size_t k) const;

 private:
  float run(ort::Lane& lane, std::size_t k) const;
  BundleError fault(std::size_t k, const std::string& what, const char* ask = "") const;
  void check(std::size_t k, float score, std::int64_t prediction) const;

  Bundle bundle_;
  ort::Backend& backend_;
  std::size_t last_;
  std::int64_t classes_;
  Limits never_;
};

}  // namespace eeinfer

#endif
