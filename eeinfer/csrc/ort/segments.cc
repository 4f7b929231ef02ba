#include "ort/segments.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "eeinfer/error.h"
#include "eeinfer/form.h"
#include "eeinfer/machine/cores.h"
#include "ort/lane.h"

namespace eeinfer::ort {
namespace {

constexpr std::int64_t kSmallBytes = 8 << 20;  // opened before a thread for it has started

bool is_small(const Bundle& bundle) {
  std::int64_t sum = 0;
  for (const auto& [name, file] : bundle.manifest().files) sum += file.bytes;
  return sum < kSmallBytes;
}

// Do work(0) to work(count - 1) with some threads, and throw what the first of them threw.
template <class Work>
void side_by_side(std::size_t count, std::size_t threads, Work work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failed;
  const auto turn = [&] {
    for (std::size_t at = next++; at < count; at = next++) try {
        work(at);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!failed) failed = std::current_exception();
      }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(turn);
  turn();
  for (std::thread& other : others) other.join();
  if (failed) std::rethrow_exception(failed);
}

OpenSegments opened(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan, bool optimised) {
  const Manifest& manifest = bundle.manifest();
  const std::size_t count = manifest.segments.size();
  std::vector<std::optional<Session>> sessions(count);
  // Of a large bundle several at a time: their weights are packed meanwhile.
  const auto threads = static_cast<std::size_t>(is_small(bundle) ? 1 : physical_cores());
  side_by_side(count, threads, [&](std::size_t k) {
    const std::filesystem::path file = bundle.file(manifest.segments[k].file);
    const SessionSettings settings{plan.threads.counts[k], plan.threads.mode, optimised, plan.provider};
    sessions[k].emplace(environment, file, settings);
    sessions[k]->check_graph(manifest.segments[k], static_cast<std::int64_t>(manifest.classes.size()), file);
  });
  OpenSegments open{bundle, {}, optimised, {}};
  for (auto& session : sessions) open.sessions.push_back(std::move(*session));
  return open;
}

// Run every segment once, on zeros: what opens may still not run.
void try_out(const OpenSegments& open) {
  Lane lane(open.sessions, open.bundle.manifest());
  const auto classes = static_cast<std::int64_t>(open.bundle.manifest().classes.size());
  for (std::size_t k = 0; k < open.sessions.size(); ++k) {
    lane.run(k);
    const std::int64_t prediction = *lane.exit(k).prediction;
    if (prediction < 0 || prediction >= classes)
      throw BundleError(open.bundle.manifest().segments[k].file + " answers with class " + std::to_string(prediction));
  }
}

}  // namespace

std::optional<int> OpenSegments::threads() const {
  std::optional<int> most;
  for (const Session& session : sessions) most = std::max(most, session.threads());
  return most;
}

OpenSegments open_segments(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan) {
  std::string problem;
  if (plan.use_form && plan.provider.kind == ProviderKind::cpu)
    for (const std::filesystem::path& place : form_places(bundle, environment.version())) try {
        const Bundle form = open_form(bundle, place, environment.version(), plan.verify);
        OpenSegments open = opened(environment, form, plan, true);
        try_out(open);
        form.check_unchanged();
        return open;
      } catch (const std::exception& error) {  // whatever is wrong with a form, the bundle's own segments run
        problem = place.u8string() + " is not used: " + error.what();
      }
  OpenSegments open = opened(environment, bundle, plan, false);
  open.form_problem = problem;
  return open;
}

}  // namespace eeinfer::ort
