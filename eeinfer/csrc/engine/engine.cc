#include "eeinfer/engine.h"

#include "engine/loading.h"

namespace eeinfer {

Engine::Engine(const std::filesystem::path& path, const EngineOptions& options) : open_(load(path, options)) {}

Result Engine::run(const View& input, const RunOptions& options) const {
  Result result;
  run(&input, 1, options, result);
  return result;
}

Result Engine::run(std::initializer_list<View> inputs, const RunOptions& options) const {
  Result result;
  run(inputs.begin(), inputs.size(), options, result);
  return result;
}

void Engine::run(const View* inputs, std::size_t count, const RunOptions& options, Result& result) const {
  const auto room = [&](std::int64_t rows) { return room_in(result, static_cast<std::size_t>(rows), open_->classes()); };
  const Taus& tau = options.tau;
  result.latency_ms = open_->run(inputs, count, tau.data(), tau.given() ? tau.size() : 0, options.deadline_ms, room);
}

AllExits Engine::all_exits(std::initializer_list<View> inputs) const { return all_exits(inputs.begin(), inputs.size()); }

AllExits Engine::all_exits(const View* inputs, std::size_t count) const { return open_->all_exits(inputs, count); }

const Manifest& Engine::manifest() const { return open_->manifest(); }

const std::string& Engine::fingerprint() const { return open_->bundle().fingerprint(); }

std::vector<float> Engine::tau() const { return open_->taus(); }

bool Engine::optimised() const { return open_->backend().optimised(); }
const std::string& Engine::form_problem() const { return open_->backend().form_problem(); }

std::optional<int> Engine::threads() const { return open_->backend().threads(); }

const std::string& Engine::onnxruntime_version() const { return open_->backend().version(); }

}  // namespace eeinfer
