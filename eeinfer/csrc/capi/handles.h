// What the handles of the C API hold.
#ifndef EEINFER_CAPI_HANDLES_H
#define EEINFER_CAPI_HANDLES_H

#include <memory>
#include <string>
#include <vector>

#include "capi/guard.h"
#include "engine/open_engine.h"

namespace eeinfer::capi {

struct EngineContent {
  std::unique_ptr<OpenEngine> open;
  std::vector<std::string> dtypes;  // of the inputs, as texts that end in a zero
};

struct LaneContent {
  OpenEngine& engine;
  std::unique_ptr<ort::Lane> lane;
  Prepared prepared;
};

struct BatchContent {
  OpenEngine& engine;
  Prepared prepared;  // what the batch reads, but for what it reads in place
  OpenBatch batch;
  Step step;
};

// The tensors of a call as views; few of them are kept without allocating.
class Views {
 public:
  // Throws InputError: a null pointer, or an unknown dtype.
  Views(const eeinfer_tensor* tensors, std::int32_t count);
  const View* data() const { return many_.empty() ? few_ : many_.data(); }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kFew = 4;
  std::size_t size_;
  View few_[kFew];
  std::vector<View> many_;
};

}  // namespace eeinfer::capi

struct eeinfer_engine : eeinfer::capi::Handle<eeinfer::capi::EngineContent> {
  using Handle::Handle;
};
struct eeinfer_lane : eeinfer::capi::Handle<eeinfer::capi::LaneContent> {
  using Handle::Handle;
};
struct eeinfer_batch : eeinfer::capi::Handle<eeinfer::capi::BatchContent> {
  using Handle::Handle;
};

#endif
