// How the segments of one engine share the cores: the setting `threads`, written as in Python.
#ifndef EEINFER_MACHINE_THREADS_H
#define EEINFER_MACHINE_THREADS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eeinfer {

// parked: every segment has a pool of its own that never spins. stopping: one that spins inside a run. spinning: one that
// goes on spinning. shared: one pool for all sessions.
enum class ThreadsMode { parked, stopping, spinning, shared };

// One mode, and the threads of each segment.
struct Threads {
  ThreadsMode mode = ThreadsMode::parked;
  std::vector<int> counts;

  // `mode:count`, or `mode:count,count,...` where they differ.
  std::string text() const;
};

// Read the setting `threads`: a count for every segment, `mode`, `mode:count` or `mode:count,count,...`. Nothing and a mode
// alone take one thread per physical core, but one alone for segments that are done before a second one is awake.
//
// flops: of each segment. Throws ConfigError: an unknown mode, a count below 1, or another number of counts than one or
// one per segment.
Threads as_threads(const std::optional<std::string>& setting, const std::vector<std::int64_t>& flops);

}  // namespace eeinfer

#endif
