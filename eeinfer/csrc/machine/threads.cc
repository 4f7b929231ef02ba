#include "eeinfer/machine/threads.h"

#include <algorithm>
#include <limits>

#include "eeinfer/error.h"
#include "eeinfer/machine/cores.h"
#include "files/text.h"

namespace eeinfer {
namespace {

constexpr const char* kModes[] = {"parked", "stopping", "spinning", "shared"};  // in the order of ThreadsMode
constexpr std::int64_t kSmallFlops = 50'000'000;                                // about 0.7 ms of one AVX-512 core

struct Setting {
  std::string text;
  std::size_t segments;

  [[noreturn]] void refuse() const {
    throw ConfigError("threads is " + in_quotes(text) +
                      "; give 1 or more, a mode (parked, stopping, spinning, shared), or a mode with a count such as "
                      "'parked:2', or all but shared with one count for each of the " +
                      std::to_string(segments) + " segments; None leaves it to eeinfer");
  }
};

int as_count(const std::string& digits, const Setting& setting) {
  long long number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9' || number > std::numeric_limits<int>::max() / 10) setting.refuse();
    number = number * 10 + (digit - '0');
  }
  if (digits.empty() || number < 1 || number > std::numeric_limits<int>::max()) setting.refuse();
  return static_cast<int>(number);
}

std::vector<int> as_counts(const std::string& numbers, const Setting& setting) {
  std::vector<int> counts;
  for (std::size_t at = 0; at <= numbers.size();) {
    const std::size_t comma = std::min(numbers.find(',', at), numbers.size());
    counts.push_back(as_count(numbers.substr(at, comma - at), setting));
    at = comma + 1;
  }
  if (counts.size() == 1) counts.resize(setting.segments, counts[0]);
  if (counts.size() != setting.segments) setting.refuse();
  return counts;
}

bool is_one(const std::vector<int>& counts) {
  return std::all_of(counts.begin(), counts.end(), [&](int count) { return count == counts[0]; });
}

// One thread per core, but one alone for segments that are done before a second one is awake.
std::vector<int> usual_counts(ThreadsMode mode, const std::vector<std::int64_t>& flops) {
  const int cores = physical_cores();
  std::vector<int> counts;
  for (const std::int64_t cost : flops) {
    counts.push_back(mode == ThreadsMode::shared || cost >= kSmallFlops ? cores : 1);
  }
  return counts;
}

}  // namespace

std::string Threads::text() const {
  std::vector<std::string> numbers;
  for (const int count : counts) numbers.push_back(std::to_string(count));
  if (is_one(counts) && !numbers.empty()) numbers.resize(1);
  return std::string(kModes[static_cast<std::size_t>(mode)]) + ":" + joined(numbers, ",");
}

Threads as_threads(const std::optional<std::string>& setting, const std::vector<std::int64_t>& flops) {
  if (!setting) return {ThreadsMode::parked, usual_counts(ThreadsMode::parked, flops)};
  const Setting whole{*setting, flops.size()};
  const std::size_t colon = setting->find(':');
  const std::string name = setting->substr(0, colon);
  const auto found = std::find(std::begin(kModes), std::end(kModes), name);
  if (found == std::end(kModes)) {
    if (colon != std::string::npos || name.find(',') != std::string::npos) whole.refuse();
    return {ThreadsMode::parked, as_counts(name, whole)};
  }
  const auto mode = static_cast<ThreadsMode>(found - std::begin(kModes));
  if (colon == std::string::npos) return {mode, usual_counts(mode, flops)};
  Threads threads{mode, as_counts(setting->substr(colon + 1), whole)};
  if (mode == ThreadsMode::shared && !is_one(threads.counts)) whole.refuse();
  return threads;
}

}  // namespace eeinfer
