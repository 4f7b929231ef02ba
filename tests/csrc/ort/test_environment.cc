// The environment and the thread pool of a host, and one pool for the process.
#include "ort/environment.h"

#include "eeinfer/engine.h"
#include "shipped.h"

using namespace eeinfer;

namespace {

const OrtApiBase* base() { return ort::load_library(nullptr, {}).base; }

// An OrtEnv as a host makes one, with a pool for all sessions or without.
ort::EnvPtr made_by_host(const OrtApi& api, int pool) {
  if (pool == 0) return ort::make<ort::EnvPtr>(api, api.CreateEnv, ORT_LOGGING_LEVEL_FATAL, "host");
  const auto options = ort::make<ort::ThreadingPtr>(api, api.CreateThreadingOptions);
  ort::check(api, api.SetGlobalIntraOpNumThreads(options.get(), pool));
  return ort::make<ort::EnvPtr>(api, api.CreateEnvWithGlobalThreadPools, ORT_LOGGING_LEVEL_FATAL, "host", options.get());
}

std::vector<float> scores(const EngineOptions& options, std::optional<int> threads) {
  const Engine engine(shipped::kBundle, options);
  CHECK(engine.threads() == threads);
  const std::vector<std::uint8_t> pixels = shipped::pixels(5);
  return engine.run({pixels.data(), {5, shipped::kSide, shipped::kSide, 1}}).scores;
}

EngineOptions with(const char* threads, void* env = nullptr) {
  EngineOptions options;
  options.threads_mode = threads;
  if (env != nullptr) options.ort_api_base = base(), options.ort_env = env;
  return options;
}

}  // namespace

TEST_CASE("an engine runs in the environment of its host, and in its pool where it is asked to") {
  NEEDS_ONNXRUNTIME();
  const OrtApi& api = *ort::load_library(nullptr, {}).api;
  const std::vector<float> wanted = scores(with("parked:1"), 1);
  {
    const ort::EnvPtr env = made_by_host(api, 0);
    CHECK(scores(with("parked:1", env.get()), 1) == wanted);
    CHECK_THROWS_WITH_AS(Engine(shipped::kBundle, with("shared", env.get())), doctest::Contains("one pool for all sessions"),
                         ConfigError);
  }
  const ort::EnvPtr env = made_by_host(api, 2);
  CHECK(scores(with("shared", env.get()), std::nullopt) == wanted);
  CHECK(scores(with("parked:2", env.get()), 2) == wanted);
}

TEST_CASE("one pool serves all engines of a process that ask for it, and the first engine has to ask") {
  NEEDS_ONNXRUNTIME();
  const std::vector<float> wanted = scores(with("parked:1"), 1);
  {
    const Engine first(shipped::kBundle, with("shared:2"));
    CHECK(first.threads() == 2);
    CHECK(scores(with("shared:2"), 2) == wanted);
  }
  const Engine other(shipped::kBundle, with("parked:1"));
  CHECK_THROWS_WITH_AS(Engine(shipped::kBundle, with("shared:2")), doctest::Contains("open the engine that asks for it first"),
                       ConfigError);
}

TEST_CASE("a provider that ONNX Runtime was built without is named, with those that it has") {
  NEEDS_ONNXRUNTIME();
  EngineOptions options;
  options.provider = "rocket";
  CHECK_THROWS_WITH_AS(Engine(shipped::kBundle, options), doctest::Contains("give cpu, cuda or tensorrt"), ConfigError);
  options.provider = "cpu";
  options.device_id = -1;
  CHECK_THROWS_WITH_AS(Engine(shipped::kBundle, options), doctest::Contains("device_id is -1"), ConfigError);
  options.device_id = 0;
  CHECK(Engine(shipped::kBundle, options).manifest().name == "fashion");
  for (const char* provider : {"cuda", "tensorrt"}) {
    options.provider = provider;
    try {
      const Engine engine(shipped::kBundle, options);  // where there is such a GPU
    } catch (const ConfigError& error) {
      const std::string said = error.what();
      CHECK(said.find("CPUExecutionProvider; name one with it in EEINFER_ONNXRUNTIME", said.find("it has ")) != std::string::npos);
    } catch (const BundleError&) {  // it was built with the provider, whose libraries or GPU are missing
    }
  }
}
