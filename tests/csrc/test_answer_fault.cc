#include "answer_fault.h"

#include <doctest/doctest.h>

using namespace eeinfer;

TEST_CASE("an answer is a score in [0, 1], a bit of rounding aside, and one of the classes; a NaN is no fault") {
  CHECK(is_answer(0.0f, 0, 10));
  CHECK(is_answer(1.000005f, 9, 10));
  CHECK(is_answer(NAN, 9, 10));
  CHECK_FALSE(is_answer(1.1f, 0, 10));
  CHECK_FALSE(is_answer(-0.1f, 0, 10));
  CHECK_FALSE(is_answer(0.5f, 10, 10));
  CHECK_FALSE(is_answer(0.5f, -1, 10));
}

TEST_CASE("what is wrong with an answer is said as the end of a sentence") {
  CHECK(answer_fault(1.5f, 0, 10) == "answers with the score 1.5, outside [0, 1]");
  CHECK(answer_fault(0.5f, 10, 10) == "answers with class 10 of 10");
}
