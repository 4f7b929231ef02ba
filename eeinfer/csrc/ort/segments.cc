#include "ort/segments.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "answer_fault.h"
#include "beside.h"
#include "eeinfer/error.h"
#include "eeinfer/form.h"
#include "eeinfer/machine/cores.h"

namespace eeinfer::ort {
namespace {

// Do work(0) to work(count - 1) with some threads, or as many as the system starts, and throw what the first of them threw.
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
  try {
    for (std::size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(turn);
  } catch (const std::system_error&) {  // a limit of processes: those that are there do the work
  }
  turn();
  for (std::thread& other : others) other.join();
  if (failed) std::rethrow_exception(failed);
}

// check: begins to compare files with their sums: at once where they are small or a core is left for it, else when the
// sessions, which keep all cores busy, are open, beside the first run.
template <class Check>
OpenSegments opened(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan, bool optimised,
                    Check check) {
  const Manifest& manifest = bundle.manifest();
  const std::size_t count = manifest.segments.size(), cores = static_cast<std::size_t>(physical_cores());
  std::vector<std::optional<Session>> sessions(count);
  const bool at_once = cores > count || bundle.is_small();
  if (at_once) check();
  side_by_side(count, cores, [&](std::size_t k) {
    const std::filesystem::path file = bundle.file(manifest.segments[k].file);
    const SessionSettings settings{plan.threads.counts[k], plan.threads.mode, optimised, plan.provider};
    sessions[k].emplace(environment, file, settings);
    sessions[k]->check_graph(manifest.segments[k], static_cast<std::int64_t>(manifest.classes.size()), file);
  });
  if (!at_once) check();
  OpenSegments open{bundle, std::make_unique<Sessions>(), optimised, {}, nullptr};
  for (auto& session : sessions) open.sessions->push_back(std::move(*session));
  return open;
}

// Run every segment once, on zeros: what opens may still not run.
void try_out(OpenSegments& open) {
  const Manifest& manifest = open.bundle.manifest();
  auto lane = std::make_unique<Lane>(*open.sessions, manifest);
  const auto classes = static_cast<std::int64_t>(manifest.classes.size());
  for (std::size_t k = 0; k < manifest.segments.size(); ++k) {
    const float score = lane->run(k);
    const std::int64_t prediction = *lane->exit(k).prediction;
    if (!is_answer(score, prediction, classes))
      throw BundleError(manifest.segments[k].file + " " + answer_fault(score, prediction, classes));
  }
  open.tried = std::move(lane);
}

void begin_hashes(const SegmentsPlan& plan, std::shared_future<void> first) {
  if (plan.begin_hashes) plan.begin_hashes(std::move(first));
}

// The weights are compared with their sums while the sessions are opened or run, the graphs before they are parsed.
OpenSegments opened_form(const Environment& environment, const Bundle& form, const SegmentsPlan& plan) {
  std::shared_future<void> sums;
  if (plan.verify) check_graph_sums(form);
  OpenSegments open = opened(environment, form, plan, true, [&] {
    if (plan.verify) sums = beside([form] { check_other_sums(form); });
    begin_hashes(plan, sums);
  });
  try_out(open);
  if (sums.valid()) sums.get();
  form.check_unchanged();
  return open;
}

}  // namespace

std::optional<int> OpenSegments::threads() const {
  std::optional<int> most;
  for (const Session& session : *sessions) most = std::max(most, session.threads());
  return most;
}

OpenSegments open_segments(const Environment& environment, const Bundle& bundle, const SegmentsPlan& plan) {
  std::string problem;
  if (plan.use_form && plan.provider.kind == ProviderKind::cpu)
    for (const std::filesystem::path& place : form_places(bundle, environment.version())) try {
        return opened_form(environment, open_form(bundle, place, environment.version(), false), plan);
      } catch (const std::exception& error) {  // whatever is wrong with a form, the bundle's own segments run
        problem = place.u8string() + " is not used: " + error.what();
      }
  OpenSegments open = opened(environment, bundle, plan, false, [&] { begin_hashes(plan, {}); });
  open.form_problem = problem;
  return open;
}

}  // namespace eeinfer::ort
