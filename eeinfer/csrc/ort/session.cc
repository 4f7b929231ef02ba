#include "ort/session.h"

#include <optional>
#include <system_error>

#include "eeinfer/error.h"

namespace eeinfer::ort {
namespace {

namespace fs = std::filesystem;

constexpr char kRefusedOwnPool[] = "use_per_session_threads must be false";
constexpr char kHasNoPool[] = "CreateEnvWithGlobalThreadPools";

void add_entry(const OrtApi& api, OrtSessionOptions* options, const char* name, const char* value) {
  check(api, api.AddSessionConfigEntry(options, name, value));
}

void add_own_pool(const OrtApi& api, OrtSessionOptions* options, const SessionSettings& settings) {
  check(api, api.SetIntraOpNumThreads(options, settings.threads));
  check(api, api.SetInterOpNumThreads(options, 1));
  if (settings.mode == ThreadsMode::parked) add_entry(api, options, "session.intra_op.allow_spinning", "0");
  if (settings.mode == ThreadsMode::stopping) add_entry(api, options, "session.force_spinning_stop", "1");
}

SessionPtr opened(const Environment& environment, const fs::path& file, const SessionSettings& settings, bool shared) {
  const OrtApi& api = environment.api();
  auto options = make<OptionsPtr>(api, api.CreateSessionOptions);
  check(api, api.SetSessionLogSeverityLevel(options.get(), ORT_LOGGING_LEVEL_FATAL));
  add_entry(api, options.get(), "session.use_env_allocators", "1");
  if (settings.optimised) check(api, api.SetSessionGraphOptimizationLevel(options.get(), ORT_DISABLE_ALL));
  if (shared)
    check(api, api.DisablePerSessionThreads(options.get()));
  else
    add_own_pool(api, options.get(), settings);
  append_provider(api, options.get(), settings.provider);
  return make<SessionPtr>(api, api.CreateSession, environment.get(), file.c_str(), options.get());
}

std::string mend(const fs::path& file, const Provider& provider) {
  if (provider.kind != ProviderKind::cpu) return "see to the GPU, its driver and the provider's libraries, or give provider cpu";
  std::error_code ignored;
  return fs::is_symlink(file, ignored) ? "copy the files: cp -rL " + file.parent_path().u8string() + " copy.eeb"
                                       : "export the bundle again";
}

}  // namespace

Session::Session(const Environment& environment, const fs::path& file, const SessionSettings& settings)
    : api_(&environment.api()), session_(nullptr, {api_}) {
  try {
    if (!environment.pool()) try {
        session_ = opened(environment, file, settings, false);
        threads_ = settings.threads;
        return;
      } catch (const Failure& failure) {
        if (std::string(failure.what()).find(kRefusedOwnPool) == std::string::npos) throw;
      }
    session_ = opened(environment, file, settings, true);
    threads_ = environment.is_hosts() ? std::nullopt : environment.pool();
  } catch (const Failure& failure) {
    if (std::string(failure.what()).find(kHasNoPool) != std::string::npos)
      throw ConfigError("threads asks for one pool for all sessions, and ONNX Runtime runs in this process without one already; "
                        "open the engine that asks for it first");
    throw BundleError("ONNX Runtime cannot open " + file.u8string() + ": " + failure.what() + "; " + mend(file, settings.provider));
  }
}

}  // namespace eeinfer::ort
