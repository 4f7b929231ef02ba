// ONNX Runtime sessions that do not get in each other's way: see ort/environment.h.
#ifndef EEINFER_ORT_SESSION_H
#define EEINFER_ORT_SESSION_H

#include <filesystem>
#include <memory>
#include <optional>

#include "eeinfer/machine/threads.h"
#include "eeinfer/manifest.h"
#include "ort/environment.h"
#include "ort/provider.h"

namespace eeinfer::ort {

struct SessionSettings {
  int threads = 1;                          // per run where the session keeps its own pool; 1 means no pool
  ThreadsMode mode = ThreadsMode::parked;   // what that pool does when it waits
  bool optimised = false;                   // whether the graph was optimised before it was saved
  Provider provider = {};
};

// One opened graph. Any number of threads may run it at once.
class Session {
 public:
  // Open the graph at `file` on the CPU; its external data lies beside it. Throws BundleError: ONNX Runtime cannot read
  // or run it.
  Session(const Environment& environment, const std::filesystem::path& file, const SessionSettings& settings);

  OrtSession* get() const { return session_.get(); }
  const OrtApi& api() const { return *api_; }

  // Threads per run: its own, or those of the pool of the process; nothing where somebody else made that pool.
  std::optional<int> threads() const { return threads_; }

  // Refuse a graph whose inputs and outputs are not the manifest's. Throws BundleError naming the first that differs.
  void check_graph(const Segment& segment, std::int64_t classes, const std::filesystem::path& file) const;

 private:
  const OrtApi* api_;
  SessionPtr session_;
  std::optional<int> threads_;
};

}  // namespace eeinfer::ort

#endif
