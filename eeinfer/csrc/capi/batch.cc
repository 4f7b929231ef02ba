// eeinfer.h: the loop over a batch, step by step.
#include <algorithm>
#include <numeric>

#include "capi/handles.h"

namespace eeinfer::capi {
namespace {

std::vector<std::int64_t> numbers_of(const std::int64_t* rows, std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  if (rows == nullptr)
    std::iota(numbers.begin(), numbers.end(), 0);
  else
    std::copy_n(rows, numbers.size(), numbers.begin());
  if (std::any_of(numbers.begin(), numbers.end(), [](std::int64_t number) { return number < 0; }))
    throw InputError("the number of a row is negative; number rows from 0");
  return numbers;
}

std::unique_ptr<BatchContent> started(OpenEngine& open, const Views& views, const std::int64_t* rows, const float* limits,
                                      double seconds_left) {
  Prepared prepared;
  prepared.prepare(views.data(), views.size(), open.manifest());
  const auto shared = std::make_shared<std::vector<float>>(limits, limits + open.exits());
  const double deadline = seconds_left == kNoDeadline ? kNoDeadline : now_s() + seconds_left;
  Batch batch = open.steps().start(prepared.inputs(), numbers_of(rows, prepared.rows()), shared, deadline);
  return std::unique_ptr<BatchContent>(
      new BatchContent{open, std::move(prepared), OpenBatch(open.steps(), std::move(batch)), {}});
}

BatchContent& running(eeinfer_batch* handle, const char* what) {
  BatchContent& content = live(handle, what);
  if (content.batch->live == nullptr || content.batch->left() == 0)
    throw InputError(std::string(what) + " has no rows left; end it");
  return content;
}

void write(const BatchContent& content, std::int64_t left, eeinfer_step& out) {
  const Step& step = content.step;
  const std::uint32_t size = out.size;
  out = {size,
         static_cast<std::int32_t>(step.k),
         step.computed,
         step.exit.logits,
         step.exit.score,
         step.exit.prediction,
         static_cast<std::int64_t>(step.leaves.size()),
         step.leaves.data(),
         step.rows.data(),
         step.near.data(),
         left};
}

void joined(eeinfer_batch* one, eeinfer_batch* other, eeinfer_batch*& out) {
  BatchContent& first = running(one, "the batch");
  BatchContent& second = running(other, "the other batch");
  if (one == other || &first.engine != &second.engine || first.batch->k != second.batch->k)
    throw InputError("the batches cannot be joined; give two of one engine that stand before the same segment");
  const Steps& steps = first.engine.steps();
  std::unique_ptr<BatchContent> content(new BatchContent{
      first.engine, {}, OpenBatch(steps, steps.join(std::move(*first.batch), std::move(*second.batch))), {}});
  out = new eeinfer_batch(std::move(content));
  release(one);
  release(other);
}

}  // namespace
}  // namespace eeinfer::capi

using namespace eeinfer;
using namespace eeinfer::capi;

eeinfer_status eeinfer_batch_start(eeinfer_engine* engine, const eeinfer_tensor* inputs, int32_t n_inputs,
                                   const int64_t* rows, const float* limits, double seconds_left, eeinfer_batch** out) {
  return guarded([&] {
    OpenEngine& open = *live(engine, "the engine").open;
    eeinfer_batch*& made = given(out, "out");
    made = new eeinfer_batch(started(open, Views(inputs, n_inputs), rows, &given(limits, "limits"), seconds_left));
  });
}

eeinfer_status eeinfer_batch_step(eeinfer_batch* batch, eeinfer_step* step) {
  return guarded([&] {
    BatchContent& content = running(batch, "the batch");
    eeinfer_step& out = given(step, "step");
    if (out.size < sizeof out)
      throw InputError("eeinfer_step.size is " + std::to_string(out.size) + "; set it to sizeof(eeinfer_step)");
    content.engine.steps().step(*content.batch, content.step);
    write(content, content.batch->left(), out);
  });
}

eeinfer_status eeinfer_batch_leave(eeinfer_batch* batch) {
  return guarded([&] {
    BatchContent& content = live(batch, "the batch");
    if (content.batch->live != nullptr) content.engine.steps().leave(*content.batch);
  });
}

eeinfer_status eeinfer_batch_join(eeinfer_batch* one, eeinfer_batch* other, eeinfer_batch** out) {
  return guarded([&] { joined(one, other, given(out, "out")); });
}

void eeinfer_batch_end(eeinfer_batch* batch) { release(batch); }
