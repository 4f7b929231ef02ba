// Whether an exit answers with what a score and a class can be.
#ifndef EEINFER_ANSWER_FAULT_H
#define EEINFER_ANSWER_FAULT_H

#include <cmath>
#include <cstdint>
#include <string>

#include "eeinfer/rule.h"

namespace eeinfer {

// A softmax may round up. A NaN is no fault of the segment: it never passes.
inline bool is_score(float score) {
  const double value = score;
  return (-kScoreEpsilon <= value && value <= 1 + kScoreEpsilon) || std::isnan(value);
}

inline bool is_answer(float score, std::int64_t prediction, std::int64_t classes) {
  return is_score(score) && 0 <= prediction && prediction < classes;
}

// What is wrong with what an exit answers, as the end of a sentence about its segment.
std::string answer_fault(float score, std::int64_t prediction, std::int64_t classes);

}  // namespace eeinfer

#endif
