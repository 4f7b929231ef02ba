#include "eeinfer/rule.h"

#include <cmath>
#include <doctest/doctest.h>

using namespace eeinfer;

TEST_CASE("a row leaves where its score is above the limit, strictly") {
  CHECK(leaves(0.8f, 0.7f));
  CHECK_FALSE(leaves(0.7f, 0.7f));
  CHECK(leaves(std::nextafter(0.7f, 1.0f), 0.7f));
  CHECK_FALSE(leaves(NAN, 0.0f));
}

TEST_CASE("at a threshold of 1 nobody leaves early, a rounded score above 1 included") {
  CHECK_FALSE(leaves(std::nextafter(1.0f, 2.0f), as_limit(1.0f)));
  CHECK(as_limit(0.5f) == 0.5f);
}

TEST_CASE("a score is near its limit within 1e-5, and never near an infinite one") {
  CHECK(near(0.5f, 0.500009f));
  CHECK_FALSE(near(0.5f, 0.50002f));
  CHECK_FALSE(near(1.0f, as_limit(1.0f)));
  CHECK_FALSE(near(NAN, 0.5f));
}
