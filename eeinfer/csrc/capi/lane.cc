// eeinfer.h: one row, in buffers that are bound once.
#include <limits>

#include "capi/handles.h"
#include "eeinfer/rule.h"

namespace eeinfer::capi {
namespace {

std::size_t checked_exit(const ort::Lane& lane, std::int32_t exit) {
  if (exit < 0 || static_cast<std::size_t>(exit) >= lane.exits())
    throw InputError("there is no exit " + std::to_string(exit) + "; give 0 to " + std::to_string(lane.exits() - 1));
  return static_cast<std::size_t>(exit);
}

void load(LaneContent& lane, const Views& views) {
  lane.prepared.prepare(views.data(), views.size(), lane.engine.manifest());
  if (lane.prepared.rows() != 1)
    throw InputError("a lane takes one row, got " + std::to_string(lane.prepared.rows()) + "; start a batch for several");
  lane.lane->load(lane.prepared.inputs());
}

template <class T, class Value>
void put(T* to, Value value) {
  if (to != nullptr) *to = static_cast<T>(value);
}

void put(const Left& left, std::int32_t* exit, float* score, std::uint8_t* near_tau) {
  put(exit, left.k);
  put(score, left.score);
  put(near_tau, left.near);
}

Left run(LaneContent& content, const float* limits, double seconds_left) {
  const double deadline = seconds_left == kNoDeadline ? kNoDeadline : now_s() + seconds_left;
  return content.engine.steps().one(*content.lane, &given(limits, "limits"), deadline);
}

}  // namespace
}  // namespace eeinfer::capi

using namespace eeinfer;
using namespace eeinfer::capi;

eeinfer_status eeinfer_lane_new(eeinfer_engine* engine, eeinfer_lane** out) {
  return guarded([&] {
    OpenEngine& open = *live(engine, "the engine").open;
    eeinfer_lane*& made = given(out, "out");
    std::unique_ptr<LaneContent> content(new LaneContent{open, open.new_lane(), {}});
    made = new eeinfer_lane(std::move(content));
  });
}

void eeinfer_lane_free(eeinfer_lane* lane) { release(lane); }

eeinfer_status eeinfer_lane_input(eeinfer_lane* lane, int32_t input, void** data) {
  return guarded([&] {
    const LaneContent& content = live(lane, "the lane");
    const std::size_t inputs = content.engine.manifest().inputs.size();
    if (input < 0 || static_cast<std::size_t>(input) >= inputs)
      throw InputError("there is no input " + std::to_string(input) + "; give 0 to " + std::to_string(inputs - 1));
    put(data, content.lane->input(static_cast<std::size_t>(input)));
  });
}

eeinfer_status eeinfer_lane_load(eeinfer_lane* lane, const eeinfer_tensor* inputs, int32_t n_inputs) {
  return guarded([&] { load(live(lane, "the lane"), Views(inputs, n_inputs)); });
}

eeinfer_status eeinfer_lane_step(eeinfer_lane* lane, int32_t segment, float* score) {
  return guarded([&] {
    LaneContent& content = live(lane, "the lane");
    put(score, content.engine.steps().one_step(*content.lane, checked_exit(*content.lane, segment)));
  });
}

eeinfer_status eeinfer_lane_run(eeinfer_lane* lane, const float* limits, double seconds_left, int32_t* exit, float* score,
                                uint8_t* near_tau) {
  return guarded([&] { put(run(live(lane, "the lane"), limits, seconds_left), exit, score, near_tau); });
}

eeinfer_status eeinfer_lane_answer(eeinfer_lane* lane, const float* limits, double seconds_left, int32_t* exit, float* score,
                                   uint8_t* near_tau) {
  return guarded([&] {
    LaneContent& content = live(lane, "the lane");
    if (content.lane->finite()) {
      put(run(content, limits, seconds_left), exit, score, near_tau);
    } else {
      put(exit, -1);
      put(score, std::numeric_limits<float>::quiet_NaN());
      put(near_tau, false);
    }
  });
}

eeinfer_status eeinfer_lane_exit(eeinfer_lane* lane, int32_t exit, const float** logits, const float** score,
                                 const int64_t** prediction) {
  return guarded([&] {
    const LaneContent& content = live(lane, "the lane");
    const Exit& found = content.lane->exit(checked_exit(*content.lane, exit));
    put(logits, found.logits);
    put(score, found.score);
    put(prediction, found.prediction);
  });
}

float eeinfer_limit(float tau) { return as_limit(tau); }
