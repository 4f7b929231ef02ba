import math

import pytest

from eeinfer.numbers import is_number, is_whole


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, math.nan, -1])
def test_what_is_no_whole_number_from_0(value: object) -> None:
    assert not is_whole(value, 0)


def test_whole_numbers_start_at_the_lowest_allowed() -> None:
    assert is_whole(3, 3)
    assert not is_whole(2, 3)


@pytest.mark.parametrize("value", [True, "0.5", None, math.nan, -0.1, 1.1])
def test_what_is_no_number_from_0_to_1(value: object) -> None:
    assert not is_number(value, 0, 1)


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_both_ends_of_an_interval_count(value: float) -> None:
    assert is_number(value, 0, 1)
