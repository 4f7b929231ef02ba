#include "ort/segments.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "eeinfer/error.h"
#include "eeinfer/form.h"
#include "eeinfer/machine/cores.h"

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

OpenSegments opened(const Environment& environment, const Bundle& bundle, const Threads& plan, bool optimised) {
  const Manifest& manifest = bundle.manifest();
  const std::size_t count = manifest.segments.size();
  std::vector<std::optional<Session>> sessions(count);
  // Of a large bundle several at a time: their weights are packed meanwhile.
  const auto threads = static_cast<std::size_t>(is_small(bundle) ? 1 : physical_cores());
  side_by_side(count, threads, [&](std::size_t k) {
    const std::filesystem::path file = bundle.file(manifest.segments[k].file);
    sessions[k].emplace(environment, file, SessionSettings{plan.counts[k], plan.mode, optimised});
    sessions[k]->check_graph(manifest.segments[k], static_cast<std::int64_t>(manifest.classes.size()), file);
  });
  OpenSegments open{bundle, {}, optimised};
  for (auto& session : sessions) open.sessions.push_back(std::move(*session));
  return open;
}

}  // namespace

std::optional<int> OpenSegments::threads() const {
  std::optional<int> most;
  for (const Session& session : sessions) most = std::max(most, session.threads());
  return most;
}

OpenSegments open_segments(const Environment& environment, const Bundle& bundle, const Threads& plan, bool verify,
                           bool use_form) {
  if (use_form)
    for (const std::filesystem::path& place : form_places(bundle, environment.version())) try {
        const Bundle form = open_form(bundle, place, environment.version(), verify);
        OpenSegments open = opened(environment, form, plan, true);
        form.check_unchanged();
        return open;
      } catch (const std::exception&) {  // whatever is wrong with a form, the bundle's own segments run
      }
  return opened(environment, bundle, plan, false);
}

}  // namespace eeinfer::ort
