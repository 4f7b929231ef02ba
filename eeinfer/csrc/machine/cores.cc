#include "eeinfer/machine/cores.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace eeinfer {
namespace {

// Where it says microseconds per period, and of what period: cgroup v2, v1, and v1 where nothing links cpu to it.
const std::vector<std::string> kQuotas[] = {
    {"cpu.max"},
    {"cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"},
    {"cpu,cpuacct/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_period_us"},
};

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return text.str();
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
#ifdef __linux__
  for (std::size_t count = 1024; count <= std::size_t{1} << 20 && cpus.empty(); count *= 4) {
    cpu_set_t* set = CPU_ALLOC(count);
    const std::size_t bytes = CPU_ALLOC_SIZE(count);
    if (sched_getaffinity(0, bytes, set) == 0) {
      for (std::size_t cpu = 0; cpu < count; ++cpu) {
        if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(static_cast<int>(cpu));
      }
    }
    CPU_FREE(set);
  }
#endif
  if (!cpus.empty()) return cpus;
  for (unsigned cpu = 0; cpu < std::max(1U, std::thread::hardware_concurrency()); ++cpu) {
    cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

// The hyper-threads of the core; where the system does not say, the CPU counts as a core of its own.
std::string siblings(int cpu) {
  const std::string number = std::to_string(cpu);
  return content_of("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list").value_or(number);
}

bool read_number(std::istringstream& text, long long& number) { return static_cast<bool>(text >> number); }

// How many cores the quota pays for; nothing where there is no quota ("max" in v2, -1 in v1).
std::optional<int> quota_cores() {
  for (const std::vector<std::string>& names : kQuotas) {
    std::string all;
    for (const std::string& name : names) all += content_of("/sys/fs/cgroup/" + name).value_or("nothing") + " ";
    std::istringstream text(all);
    text.imbue(std::locale::classic());
    long long quota = 0, period = 0;
    if (!read_number(text, quota) || !read_number(text, period) || period == 0) continue;
    if (quota <= 0 || period < 0) return std::nullopt;
    return static_cast<int>(std::min<long long>(std::max<long long>(1, (quota + period - 1) / period), 1 << 20));
  }
  return std::nullopt;
}

}  // namespace

int physical_cores() {
  std::set<std::string> cores;
  for (const int cpu : allowed_cpus()) cores.insert(siblings(cpu));
  const int count = static_cast<int>(cores.size());
  return std::min(count, quota_cores().value_or(count));
}

}  // namespace eeinfer
