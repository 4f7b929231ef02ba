// Many threads calling one engine: how many calls a second they get, and whether memory grows over very many of them.
#ifndef EEINFER_TOOLS_CALLERS_H
#define EEINFER_TOOLS_CALLERS_H

#include "network.h"
#include "report.h"

namespace eeinfer::tools {

struct Callers {
  std::vector<int> counts = {1, 2, 4, 8};
  double rounds = 5;   // in which every number of callers takes a turn
  double seconds = 1;  // of a turn
  float tau = 1;       // 1: nobody leaves early
};

// Records as `CallersRow` of the Python bench, without the times of single calls.
Json measure_callers(OpenEngine& engine, const Callers& callers);

// Call the engine `calls` times from so many threads; the memory in use after a tenth of them, and after all.
Json measure_growth(OpenEngine& engine, std::int64_t calls, int threads, float tau);

}  // namespace eeinfer::tools

#endif
