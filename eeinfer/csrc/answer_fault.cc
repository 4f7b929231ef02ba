#include "answer_fault.h"

#include "files/text.h"

namespace eeinfer {

std::string answer_fault(float score, std::int64_t prediction, std::int64_t classes) {
  if (!is_score(score)) return "answers with the score " + number_text(score) + ", outside [0, 1]";
  return "answers with class " + std::to_string(prediction) + " of " + std::to_string(classes);
}

}  // namespace eeinfer
