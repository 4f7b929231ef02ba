import numpy as np
import pytest

from eeinfer.bench.sweep.budget import BudgetCell, best_affordable, last_affordable
from eeinfer.errors import InputError

TAUS = [0.0, 0.25, 0.5, 0.75, 1.0]
COSTS = [40.0, 50.0, 60.0, 90.0, 108.0]  # of a static network of 100: below 40 % nothing is affordable
ACCURACY = [0.60, 0.75, 0.70, 0.82, 0.81]


def accuracies(cells: list[BudgetCell]) -> list[float | None]:
    return [cell.accuracy for cell in cells]


def test_the_last_affordable_threshold_is_taken_even_where_an_earlier_one_is_better() -> None:
    cells = last_affordable(TAUS, ACCURACY, COSTS, 100)
    assert [cell.fraction for cell in cells] == [0.25, 0.5, 0.75, 1.0, None]
    assert accuracies(cells) == [None, 0.75, 0.70, 0.82, 0.81]
    assert [cell.point for cell in cells] == [None, 0.25, 0.5, 0.75, 1.0]
    assert cells[1].mean_flops == 50  # equal to the budget is within it


def test_the_best_affordable_threshold_lies_strictly_below_the_budget() -> None:
    cells = best_affordable(TAUS, ACCURACY, COSTS, 100)
    assert accuracies(cells) == [None, 0.60, 0.75, 0.82, 0.82]
    assert cells[1].point == 0.0  # the threshold that costs exactly 50 % does not count


def test_a_budget_that_everything_fits_in_gives_the_last_exit_whatever_the_cell_before_it_was() -> None:
    """The reference keeps a flag from cell to cell; here 25 % has no answer and the next cells must not care."""
    cells = last_affordable([0.0, 1.0], [0.5, 0.9], [30.0, 45.0], 100)
    assert accuracies(cells) == [None, 0.9, 0.9, 0.9, 0.9]


def test_a_first_cell_that_everything_fits_in_is_answered() -> None:
    assert accuracies(last_affordable([0.0, 1.0], [0.5, 0.9], [10.0, 20.0], 100)) == [0.9] * 5


def test_where_even_the_first_exit_is_too_dear_only_max_has_an_answer() -> None:
    assert accuracies(last_affordable([0.0, 1.0], [0.5, 0.9], [110.0, 120.0], 100)) == [None] * 4 + [0.9]


def test_runs_are_averaged_before_the_threshold_is_chosen() -> None:
    costs = [[40.0, 60.0, 100.0], [40.0, 38.0, 100.0]]  # mean cost of the middle one is 49
    cells = last_affordable([0, 0.5, 1], [[0.5, 0.7, 0.9], [0.5, 0.8, 0.9]], costs, 100)
    assert cells[1].accuracy == pytest.approx(0.75)
    assert cells[1].deviation == pytest.approx(np.std([0.7, 0.8], ddof=1))
    assert cells[1].point == 0.5


def test_the_best_is_chosen_run_by_run_and_averaged_afterwards() -> None:
    costs = [[40.0, 60.0, 100.0], [40.0, 38.0, 100.0]]
    cells = best_affordable([0, 0.5, 1], [[0.5, 0.7, 0.9], [0.5, 0.8, 0.9]], costs, 100)
    assert cells[1].accuracy == pytest.approx((0.5 + 0.8) / 2)
    assert cells[1].point is None  # the runs chose differently


def test_a_single_run_has_no_deviation() -> None:
    assert all(cell.deviation is None for cell in last_affordable(TAUS, ACCURACY, COSTS, 100))


def test_tables_of_different_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="do not belong together"):
        last_affordable(TAUS, ACCURACY[:-1], COSTS, 100)
