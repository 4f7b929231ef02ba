// The engine: a cascade ready to run.
//
//     eeinfer::Engine engine("model.eeb");
//     eeinfer::Result result = engine.run({pixels, {1, 3, 32, 32}});
//     std::cout << engine.manifest().classes[result.predictions[0]] << " at exit " << result.exits[0] << "\n";
#ifndef EEINFER_ENGINE_H
#define EEINFER_ENGINE_H

#include <filesystem>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eeinfer/eeinfer.h"  // EEINFER_API
#include "eeinfer/error.h"
#include "eeinfer/manifest.h"
#include "eeinfer/result.h"
#include "eeinfer/view.h"

namespace eeinfer {

// Thresholds, each in [0, 1]: none, one for all exits, or one per exit, of which the last is never looked at.
class Taus {
 public:
  Taus() = default;
  Taus(float tau) : one_(tau), given_(true) {}
  Taus(double tau) : Taus(static_cast<float>(tau)) {}
  Taus(std::vector<float> taus) : each_(std::move(taus)), given_(true) {}
  Taus(std::initializer_list<float> taus) : Taus(std::vector<float>(taus)) {}

  bool given() const { return given_; }
  const float* data() const { return each_.empty() ? &one_ : each_.data(); }
  std::size_t size() const { return each_.empty() ? 1 : each_.size(); }

 private:
  float one_ = 0;
  std::vector<float> each_;
  bool given_ = false;
};

struct EngineOptions {
  int threads = 0;           // per segment, in pools that never spin; 0: as threads_mode says
  Taus tau;                  // for calls that give none; none: the manifest's
  std::string threads_mode;  // as `threads` of Python's eeinfer.load, such as "stopping:2" or "shared"; empty: as there
  bool pool_spins = true;    // whether the one pool of "shared" spins while it waits: quicker, and takes its cores
  bool verify = true;        // compare the files with their hashes
  bool use_form = true;      // run the form optimised for this machine where there is one
  std::filesystem::path onnxruntime = {};  // the library's file; empty: EEINFER_ONNXRUNTIME, beside us, the system's
  const void* ort_api_base = nullptr;      // the host's OrtApiBase, in place of a file
  // The host's OrtEnv, of the same ONNX Runtime, which it keeps longer than the engine. threads_mode "shared" computes in
  // the pool that it was made with; else sessions have pools of their own.
  void* ort_env = nullptr;
  std::string provider = {};  // cpu, or cuda or tensorrt where ONNX Runtime was built with it; empty: cpu
  int device_id = 0;          // which GPU
};

struct RunOptions {
  Taus tau;  // none: the engine's
  // Stop after the first segment that ends later than this after the call began, with that exit's answers for the rows
  // still in. The first exit always answers.
  double deadline_ms = std::numeric_limits<double>::infinity();
};

class OpenEngine;

// The rows of a call as they leave, exit after exit. Ask no further and nothing more is computed.
class EEINFER_API Stream {
 public:
  // The next rows that left; nothing when every row has come once. Throws BundleError as Engine::run.
  std::optional<Departure> next();

  struct State;
  explicit Stream(std::unique_ptr<State> state);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

 private:
  std::unique_ptr<State> state_;
};

// Every exit's answer to one row, as soon as it is there. Ask no further and nothing more is computed.
class EEINFER_API Anytime {
 public:
  // The next exit's answer; nothing behind the last. Throws BundleError as Engine::run.
  std::optional<Answer> next();

  struct State;
  explicit Anytime(std::unique_ptr<State> state);
  Anytime(Anytime&&) noexcept;
  Anytime& operator=(Anytime&&) noexcept;
  ~Anytime();

 private:
  std::unique_ptr<State> state_;
};

// The twin of eeinfer.Engine in Python: the same decisions and the same scores, bit for bit. Any number of threads may
// call one at once. A copy is the same engine. What is given to a call is read until it returns, and only then.
class EEINFER_API Engine {
 public:
  // Open a bundle, check it, make a session per segment and run each of them once.
  //
  // Throws BundleError: the bundle is missing, damaged, from a newer format, or does not chain or run. InputError: tau.
  // ConfigError: a setting of threads, or a provider that is not there. DependencyError: ONNX Runtime is missing or too old.
  explicit Engine(const std::filesystem::path& path, const EngineOptions& options = {});

  // Classify rows, each leaving at the first exit whose score is above its threshold.
  //
  // Throws InputError: views, tau or deadline are not what the bundle takes. BundleError: a segment fails, or answers
  // with what no score or class can be.
  Result run(const View& input, const RunOptions& options = {}) const;
  Result run(std::initializer_list<View> inputs, const RunOptions& options = {}) const;

  // The same into a result that is used again: for a single row nothing is allocated then.
  void run(const View* inputs, std::size_t count, const RunOptions& options, Result& result) const;

  // Classify a batch and hand out its rows as they leave: the sure ones need not wait for the rest. What is given is
  // copied. Milliseconds count from the call on, whatever the caller does in between included.
  Stream stream(std::initializer_list<View> inputs, const RunOptions& options = {}) const;
  Stream stream(const View* inputs, std::size_t count, const RunOptions& options = {}) const;

  // Hand out every exit's answer to one row. What is given is copied. Throws InputError also for another number of rows,
  // and for NaN or infinite values.
  Anytime anytime(std::initializer_list<View> inputs) const;
  Anytime anytime(const View* inputs, std::size_t count) const;

  // What every exit answers to every row; nobody leaves.
  AllExits all_exits(std::initializer_list<View> inputs) const;
  AllExits all_exits(const View* inputs, std::size_t count) const;

  const Manifest& manifest() const;
  const std::string& fingerprint() const;  // the SHA-256 of manifest.json, which holds those of all other files
  std::vector<float> tau() const;          // of calls that give none, one per exit
  bool optimised() const;                  // whether the segments run in the form made for this machine
  const std::string& form_problem() const;  // why a form that lies there does not run, and the plain segments do; or empty
  std::optional<int> threads() const;      // per segment; nothing where the host's pool decides
  const std::string& onnxruntime_version() const;

 private:
  std::shared_ptr<OpenEngine> open_;
};

}  // namespace eeinfer

#endif
