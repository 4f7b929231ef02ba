#include "ort/environment.h"

namespace eeinfer::ort {
namespace {

constexpr char kName[] = "eeinfer";

EnvPtr opened(const OrtApi& api, std::optional<int> pool, bool spins) {
  const OrtLoggingLevel level = ORT_LOGGING_LEVEL_FATAL;  // whatever is not fatal arrives as an error too
  if (!pool) return make<EnvPtr>(api, api.CreateEnv, level, kName);
  auto threading = make<ThreadingPtr>(api, api.CreateThreadingOptions);
  check(api, api.SetGlobalIntraOpNumThreads(threading.get(), *pool));
  check(api, api.SetGlobalInterOpNumThreads(threading.get(), 1));
  check(api, api.SetGlobalSpinControl(threading.get(), spins ? 1 : 0));
  return make<EnvPtr>(api, api.CreateEnvWithGlobalThreadPools, level, kName, threading.get());
}

// Official builds from 1.32 on report their use over the network unless they are told not to.
EnvPtr made(const OrtApi& api, std::optional<int> pool, bool spins) {
  EnvPtr env = opened(api, pool, spins);
  check(api, api.DisableTelemetryEvents(env.get()));
  return env;
}

}  // namespace

Environment::Environment(Library library, OrtEnv* host, std::optional<int> pool, bool spins)
    : library_(std::move(library)), host_(host), pool_(pool) {
  if (host_ == nullptr) own_ = made(api(), pool, spins);
  share_arena();
}

void Environment::share_arena() {
  auto info = make<MemoryInfoPtr>(api(), api().CreateCpuMemoryInfo, OrtArenaAllocator, OrtMemTypeDefault);
  // It fails where an engine before this one, or the host, has done it already: then that arena serves.
  if (OrtStatus* status = api().CreateAndRegisterAllocator(get(), info.get(), nullptr)) api().ReleaseStatus(status);
}

}  // namespace eeinfer::ort
