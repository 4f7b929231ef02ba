#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#ifndef _WIN32
#include <sys/utsname.h>
#endif

#include "eeinfer/machine/cores.h"
#include "files/text.h"

namespace eeinfer {
namespace {

// Of the many flags only these change what is computed: others come and go with the kernel and its mitigations.
struct Vectors {
  const char* label;
  std::vector<std::string> starts;
};
const Vectors& vectors_of(const std::string& label) {
  static const Vectors kinds[] = {
      {"flags", {"sse", "ssse", "avx", "fma", "f16c", "amx"}},                         // what x86 calls its list
      {"Features", {"neon", "asimd", "fphp", "sve", "sme", "i8mm", "bf16"}},  // what Arm does
      {"", {}},
  };
  const auto known = [&](const Vectors& kind) { return label == kind.label; };
  return *std::find_if(std::begin(kinds), std::end(kinds) - 1, known);
}

std::string stripped(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::string machine() {
#ifdef _WIN32
  return "windows";
#else
  utsname found;
  return ::uname(&found) == 0 ? found.machine : "";
#endif
}

bool starts_with_any(const std::string& flag, const std::vector<std::string>& starts) {
  return std::any_of(starts.begin(), starts.end(), [&](const std::string& start) { return flag.rfind(start, 0) == 0; });
}

}  // namespace

std::string instruction_sets() {
  std::vector<std::string> found;
  std::ifstream lines("/proc/cpuinfo");  // of every core: those of the first say it
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    const Vectors& vectors = vectors_of(stripped(line.substr(0, colon)));
    if (vectors.starts.empty() || colon == std::string::npos) continue;
    std::istringstream flags(line.substr(colon + 1));
    for (std::string flag; flags >> flag;) {
      if (starts_with_any(flag, vectors.starts)) found.push_back(flag);
    }
    break;
  }
  std::sort(found.begin(), found.end());
  found.insert(found.begin(), machine());
  return joined(found, " ");
}

}  // namespace eeinfer
