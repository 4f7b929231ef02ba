// ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy.
#ifndef EEINFER_ORT_BACKEND_H
#define EEINFER_ORT_BACKEND_H

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "eeinfer/machine/profile.h"
#include "eeinfer/machine/row_costs.h"
#include "ort/rows.h"
#include "ort/segments.h"

namespace eeinfer::ort {

struct BackendSettings {
  std::optional<std::string> threads;  // as eeinfer/machine/threads.h reads it; nothing: as `eeinfer tune` found, or by the FLOPs
  bool pool_spins = true;              // whether the pool of `shared` spins while it waits
  bool verify = true;
  bool use_form = true;
  OrtEnv* host = nullptr;  // the host's environment, which it keeps longer; null: make one
  std::string provider;    // as ort/provider.h reads it
  int device_id = 0;
  BeginHashes begin_hashes = {};
};

// The segments of one bundle as ONNX Runtime sessions. Any number of threads may call it at once.
class Backend {
 public:
  // Throws ConfigError: a setting of threads that is none, a pool that the process cannot have any more, or a provider
  // that ONNX Runtime was built without. BundleError:
  // a segment is not what the manifest says, or is in a precision that ONNX Runtime does not compute on a CPU.
  Backend(const Bundle& bundle, const Library& library, const BackendSettings& settings);

  bool optimised() const { return open_.optimised; }
  const std::string& form_problem() const { return open_.form_problem; }
  std::optional<int> threads() const { return open_.threads(); }
  const std::string& version() const { return environment_->version(); }

  // Whether every segment has run since it was opened.
  bool is_warm() const { return is_warm_; }

  std::unique_ptr<Lane> new_lane();

  // Take a batch into buffers that a call before has left, or into new ones; inputs are read in place.
  std::unique_ptr<Rows> start(const Inputs& inputs);

  bool worth_compacting(std::size_t segment, std::int64_t rows, std::int64_t stays) const;

  // Copy the rows `order` of both to where there is room for them; neither may be used again.
  std::unique_ptr<Rows> join(std::unique_ptr<Rows> one, std::unique_ptr<Rows> other, const std::vector<std::int64_t>& order);

  // Keep the buffers for the next batch, unless they are large.
  void release(std::unique_ptr<Rows> rows);

 private:
  struct Plan {
    std::optional<Profile> profile;
    Threads threads;
    Provider provider;
  };
  static Plan planned(const Bundle& bundle, const Library& library, const BackendSettings& settings);
  Backend(const Bundle& bundle, const Library& library, const BackendSettings& settings, Plan plan);
  std::unique_ptr<Rows> room(std::int64_t count);

  std::unique_ptr<Environment> environment_;
  OpenSegments open_;
  bool is_warm_;
  RowCosts costs_;
  std::mutex mutex_;  // over idle_ and the lane in which the segments were tried
  std::vector<std::unique_ptr<Rows>> idle_;
};

}  // namespace eeinfer::ort

#endif
