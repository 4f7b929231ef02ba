// Python's own figures are compared bit by bit in tests/native/test_row_costs.py; these are the cases at the edges.
#include <doctest/doctest.h>

#include "eeinfer/machine/row_costs.h"

using eeinfer::compacted;
using eeinfer::RowCosts;
using Rows = std::vector<std::int64_t>;

TEST_CASE("the last rows fill the holes of the others") {
  CHECK(compacted({0, 1, 2}, 3) == Rows{0, 1, 2});
  CHECK(compacted({-1, 1, -1, 3}, 2) == Rows{3, 1});
  CHECK(compacted({-1, -1, 2, 3}, 2) == Rows{2, 3});
  CHECK(compacted({-1, -1}, 0) == Rows{});
  CHECK(compacted({5, -1, -1, 9, 7}, 3) == Rows{0, 3, 4});
}

TEST_CASE("times lie on straight lines between the known sizes and beyond them") {
  const RowCosts costs{{1, 4, 8}, {{1.0, 4.0, 6.0}}, {0}, 0.01, 4e6};
  CHECK(costs.ms(0, 1) == 1.0);
  CHECK(costs.ms(0, 2) == 2.0);
  CHECK(costs.ms(0, 4) == 4.0);
  CHECK(costs.ms(0, 6) == 5.0);
  CHECK(costs.ms(0, 16) == 10.0);
  const RowCosts one{{4}, {{2.0}}, {0}, 0.01, 4e6};
  CHECK(one.ms(0, 8) == 4.0);
}

TEST_CASE("rows are taken out where that costs less than computing them") {
  const RowCosts costs = RowCosts::estimated({50'000'000}, {4'000'000}, 1);  // 1 ms to compute a row, 1 ms to move it
  CHECK(costs.worth_compacting(0, 10, 1));
  CHECK(costs.worth_compacting(0, 10, 4));
  CHECK_FALSE(costs.worth_compacting(0, 10, 8));  // two are copied and two spared
  CHECK_FALSE(costs.worth_compacting(0, 10, 10));
}
