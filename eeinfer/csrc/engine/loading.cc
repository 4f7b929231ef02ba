#include "engine/loading.h"

#include <exception>
#include <future>

#include "beside.h"
#include "eeinfer/error.h"

namespace eeinfer {
namespace {

constexpr int kMoreTries = 3;  // where the bundle is replaced while it is loaded

// The comparison of a bundle's files with their hashes, once, in a thread of its own.
class Hashes {
 public:
  Hashes(const Bundle& bundle, bool wanted) : bundle_(bundle), begun_(!wanted) {}

  void begin(const std::shared_future<void>& first) {
    if (begun_) return;
    result_ = beside([bundle = bundle_, first] {
      if (first.valid()) first.wait();
      bundle.verify();
    });
    begun_ = true;
  }

  // Throws BundleError as Bundle::verify, the first time.
  void end() {
    begin({});
    if (result_.valid()) result_.get();
  }

 private:
  Bundle bundle_;
  bool begun_;
  std::future<void> result_;
};

// Let `open` read the files and, when it finds time, begin to compare their hashes beside it; whatever it made of them does
// not count if they were altered or replaced, which explains whatever went wrong.
template <class Open>
auto opening(const Bundle& bundle, bool verify, Open open) {
  Hashes hashes(bundle, verify);
  if (bundle.is_small()) hashes.begin({});
  const auto both = [&] {
    try {
      auto opened = open([&hashes](const std::shared_future<void>& first) { hashes.begin(first); });
      hashes.end();
      return opened;
    } catch (const Error&) {
      hashes.end();
      throw;
    }
  };
  try {
    auto opened = both();
    bundle.check_unchanged();
    return opened;
  } catch (const Error&) {
    bundle.check_unchanged();
    throw;
  }
}

ort::BackendSettings settings_of(const EngineOptions& options) {
  ort::BackendSettings settings;
  if (options.threads < 0 || (options.threads != 0 && !options.threads_mode.empty()))
    throw ConfigError("threads is " + std::to_string(options.threads) + (options.threads < 0 ? "" : " beside threads_mode") +
                      "; give 1 or more, or 0 to leave it to threads_mode");
  if (options.threads != 0) settings.threads = std::to_string(options.threads);
  if (!options.threads_mode.empty()) settings.threads = options.threads_mode;
  settings.pool_spins = options.pool_spins;
  settings.verify = options.verify;
  settings.use_form = options.use_form;
  settings.host = static_cast<OrtEnv*>(options.ort_env);
  settings.provider = options.provider;
  settings.device_id = options.device_id;
  return settings;
}

std::vector<float> taus_of(const EngineOptions& options, const Manifest& manifest) {
  const std::size_t exits = manifest.segments.size();
  if (options.tau.given()) return as_taus(options.tau.data(), options.tau.size(), exits);
  const std::vector<float> taus(manifest.taus.begin(), manifest.taus.end());
  return as_taus(taus.data(), taus.size(), exits);
}

// Open and warm up, with the bundle's own segments where that fails in the form for this machine, whatever the failure:
// what was not the form's fault happens again.
std::unique_ptr<OpenEngine> opened(const Bundle& bundle, const ort::Library& library, ort::BackendSettings settings,
                                   const std::vector<float>& taus) {
  const auto open = [&] {
    return std::make_unique<OpenEngine>(bundle, std::make_unique<ort::Backend>(bundle, library, settings), taus);
  };
  if (settings.use_form) try {
      return open();
    } catch (const std::exception&) {
      settings.use_form = false;
    }
  return open();
}

std::unique_ptr<OpenEngine> loaded(const std::filesystem::path& path, const EngineOptions& options) {
  const Bundle bundle = Bundle::open(path, false);  // read the manifest, check that it and the graphs hold together
  const std::vector<float> taus = taus_of(options, bundle.manifest());
  ort::BackendSettings settings = settings_of(options);
  const ort::Library library = ort::load_library(static_cast<const OrtApiBase*>(options.ort_api_base), options.onnxruntime);
  return opening(bundle, options.verify, [&](ort::BeginHashes begin_hashes) {
    settings.begin_hashes = std::move(begin_hashes);
    return opened(bundle, library, settings, taus);
  });
}

}  // namespace

std::unique_ptr<OpenEngine> load(const std::filesystem::path& path, const EngineOptions& options) {
  for (int tries = 0;; ++tries) try {
      return loaded(path, options);
    } catch (const ReplacedError&) {
      if (tries == kMoreTries) throw;
    }
}

}  // namespace eeinfer
