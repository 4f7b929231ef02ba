// What makes a cascade stop: the rule, which stands here alone, and what thresholds become before scores meet them.
#ifndef EEINFER_RULE_H
#define EEINFER_RULE_H

#include <cmath>
#include <limits>

namespace eeinfer {

constexpr double kScoreEpsilon = 1e-5;  // how far kernels for another batch size may move a score

// Whether a row leaves at an early exit: THE rule, strictly, in float32; NaN never passes. The last exit asks nobody.
inline bool leaves(float score, float limit) { return score > limit; }

// Whether a score is so close to its limit that kernels for another batch size may decide otherwise.
inline bool near(float score, float limit) {
  return std::abs(static_cast<double>(score) - static_cast<double>(limit)) <= kScoreEpsilon;
}

// What scores are compared with: at a threshold of 1 nobody leaves early, though a softmax may round a bit above 1.
inline float as_limit(float tau) { return tau < 1 ? tau : std::numeric_limits<float>::infinity(); }

}  // namespace eeinfer

#endif
