"""A small version of the simulation: promises are kept, and the naive choice breaks them half the time."""

import pytest

from eeinfer.bench.thresholds.simulate import Case, cases, most_broken, shares_of_best, simulate

DRAWS = 100


@pytest.mark.parametrize("population", ["smooth", "bumpy", "tied"])
def test_promises_are_kept_where_the_naive_choice_breaks_them(population: str) -> None:
    case = next(case for case in cases() if (case.population, case.kind) == (population, "consistency"))
    found = simulate(case, DRAWS, rows=400)
    assert found.broken <= most_broken(DRAWS)
    assert found.naive_broken >= 0.3
    assert found.none < 0.5
    assert found.cost > found.naive_cost


def test_the_signed_gap_is_kept_too() -> None:
    found = simulate(Case(population="bumpy", kind="max_loss", value=0.03, bound="betting", per_exit=False), DRAWS)
    assert found.broken <= most_broken(DRAWS)


def test_in_expectation_the_mean_risk_is_kept() -> None:
    found = simulate(Case(population="smooth", kind="consistency", value=0.92, bound=None, per_exit=False), DRAWS)
    assert found.risk <= 0.08 + 0.005
    assert found.broken > most_broken(DRAWS)  # it promises the mean over draws, and nothing of a single one


def test_every_promise_and_bound_is_simulated() -> None:
    found = list(cases())
    assert {case.kind for case in found} == {"max_loss", "min_accuracy", "consistency", "max_cost"}
    assert {case.bound for case in found} == {"clopper-pearson", "hoeffding-bentkus", "betting", None}
    assert {case.per_exit for case in found} == {True, False, None}


@pytest.mark.parametrize("population", ["smooth", "bumpy", "tied"])
def test_the_bound_that_is_taken_saves_as_much_as_any_could_certify(population: str) -> None:
    """Within 5 %, whatever is promised."""
    ways = [case for case in cases() if case.population == population and case.bound and case.per_exit is False]
    shares = shares_of_best({case: simulate(case, 60) for case in ways})
    assert {case.kind for case in shares} == {"max_loss", "min_accuracy", "consistency", "max_cost"}
    assert min(shares.values()) >= 0.95


def test_the_naive_choice_breaks_promises_about_losses_in_four_draws_of_ten() -> None:
    for case in cases():
        if case.bound == "clopper-pearson" and case.per_exit is False:
            assert simulate(case, 200).naive_broken >= 0.4 - 2 * (0.24 / 200) ** 0.5
