import numpy as np

from eeinfer.thresholds.testing import last_before_failure, last_in_expectation


def test_the_last_before_the_first_failure_and_not_the_failed_one() -> None:
    assert last_before_failure([True, True, False]) == 1
    assert last_before_failure([True]) == 0
    assert last_before_failure([False, True]) is None
    assert last_before_failure([]) is None


def test_a_gap_of_failures_is_not_jumped_over() -> None:
    assert last_before_failure([True, False, False, True, True]) == 0


def test_nothing_is_tested_behind_the_failure() -> None:
    asked = []

    def passes(place: int) -> bool:
        asked.append(place)
        return place < 2

    assert last_before_failure(passes(place) for place in range(9)) == 1
    assert asked == [0, 1, 2]


def test_in_expectation_one_more_row_counts_as_lost() -> None:
    losses = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0]], float)
    assert last_in_expectation(losses, 0.1) == 0  # (0 + 1) / 10
    assert last_in_expectation(losses, 0.2) == 1
    assert last_in_expectation(losses, 0.09) is None


def test_in_expectation_a_row_counts_with_its_worst_so_far_and_gains_make_up_for_nothing() -> None:
    losses = np.array([[1, 0, 0], [0, 1, 0], [-1, -1, -1]], float)
    assert last_in_expectation(losses, 0.5) == 0
    assert last_in_expectation(losses, 0.75) == 2
