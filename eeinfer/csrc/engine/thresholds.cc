// Thresholds and deadlines, as callers give them and as the loop reads them.
#include <cmath>

#include "eeinfer/error.h"
#include "eeinfer/rule.h"
#include "engine/open_engine.h"
#include "files/text.h"

namespace eeinfer {

std::vector<float> as_taus(const float* taus, std::size_t count, std::size_t exits) {
  if (count != 1 && count != exits)
    throw InputError("tau is a list of " + std::to_string(count) +
                     "; give one number in [0, 1] for all exits, or a list of " + std::to_string(exits) +
                     " numbers, one per exit");
  for (std::size_t i = 0; i < count; ++i)
    if (!(0 <= taus[i] && taus[i] <= 1))
      throw InputError("tau is " + number_text(taus[i]) + "; it must lie in [0, 1]: 0 leaves at the first exit, 1 never early");
  return count == 1 ? std::vector<float>(exits, taus[0]) : std::vector<float>(taus, taus + count);
}

Limits as_limits(const std::vector<float>& taus) {
  auto limits = std::make_shared<std::vector<float>>();
  for (const float tau : taus) limits->push_back(as_limit(tau));
  return limits;
}

double as_deadline(double deadline_ms, double began) {
  if (!(deadline_ms >= 0))
    throw InputError("deadline_ms is " + number_text(deadline_ms) + "; give milliseconds, 0 or more, or infinity");
  return began + deadline_ms / 1e3;
}

}  // namespace eeinfer
