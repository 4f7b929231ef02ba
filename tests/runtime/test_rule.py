import ast
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eeinfer import InputError
from eeinfer.rule import any_near, as_given, as_limits, as_taus, exits_at, leaves, near, passes

LEVELS = [0.0, 0.1, 0.9, float(np.float32(0.9)), float(np.nextafter(np.float32(0.9), np.float32(1))), 1.0, np.nan]
levels = st.sampled_from(LEVELS)


@given(st.floats(0, 1))
def test_one_number_stands_for_every_exit_and_is_rounded_to_float32(tau: float) -> None:
    taus = as_taus(tau, 4)
    assert taus.dtype == np.float32
    assert (taus == np.float32(tau)).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_a_list_gives_each_exit_its_own_threshold(tau: list[float]) -> None:
    for form in (tau, tuple(tau), np.array(tau)):
        np.testing.assert_array_equal(as_taus(form, len(tau)), np.array(tau, np.float32))
        limits = tuple(math.inf if number == 1 else number for number in np.array(tau, np.float32).tolist())
        assert as_limits(form, len(tau)) == limits
        assert as_given(limits) == pytest.approx(tau)


@given(score=levels, tau=levels.filter(lambda tau: not np.isnan(tau)))
def test_the_rule_is_the_same_for_numbers_and_arrays_in_float32(score: float, tau: float) -> None:
    score32, tau32 = np.float32(score), np.float32(tau)
    expected = float(score32) > float(tau32)  # both are exact in float64
    assert bool(leaves(score32.item(), as_limits(tau, 1)[0])) is expected
    assert leaves(np.array([score32]), as_taus(tau, 1)[0]).tolist() == [expected]
    assert exits_at(np.array([[score32, 0]]), tau).tolist() == [0 if expected else 1]


def test_a_score_of_the_last_bit_above_tau_leaves_and_one_equal_to_it_stays() -> None:
    # 0.9 has no exact float32: without rounding tau, float32(0.9) would be smaller or larger than it
    at = np.float32(0.9)
    scores = np.array([[at, 0], [np.nextafter(at, np.float32(1)), 0], [np.nan, 0]], np.float32)
    assert exits_at(scores, 0.9).tolist() == [1, 0, 1]
    assert exits_at(scores.astype(np.float64), 0.9).tolist() == [1, 0, 1]


@given(
    scores=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.just(3)), elements=st.sampled_from([0, 0.5, 1, np.nan])
    ),
    taus=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3),
)
def test_rows_leave_at_the_first_exit_that_they_pass_or_at_the_last(scores: np.ndarray, taus: list[float]) -> None:
    plain = [next((k for k in range(2) if row[k] > taus[k]), 2) for row in scores]
    assert exits_at(scores, taus).tolist() == plain


@pytest.mark.parametrize("score", [1.0, float(np.nextafter(np.float32(1), np.float32(2))), 1 + 9e-6])
def test_nothing_leaves_early_at_tau_1_though_a_score_be_rounded_above_it(score: float) -> None:
    assert not leaves(score, as_limits(1.0, 1)[0])
    assert not near(score, as_limits(1.0, 1)[0])
    assert exits_at(np.array([[score, 0, 0]]), 1).tolist() == [2]
    assert exits_at(np.array([[score, score, 0]]), [1, 0.99999, 0]).tolist() == [1]


def test_scores_within_1e_5_of_tau_are_near() -> None:
    assert near(0.5, 0.5)
    assert near(0.5 - 9e-6, 0.5)
    assert not near(0.5 + 1.1e-5, 0.5)
    assert not near(float("nan"), 0.5)


@given(
    scores=st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.5 + 9e-6, 0.50002, 1.0, math.nan]), max_size=4),
    taus=st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), min_size=4, max_size=4),
)
def test_the_rule_for_single_rows_is_the_rule(scores: list[float], taus: list[float]) -> None:
    limits = as_limits(taus, 4)
    assert any_near(scores, limits) == any(map(near, scores, limits))
    for score, tau, limit in zip(scores, taus, limits, strict=False):
        assert passes(score, limit) == leaves(score, np.float32(tau).item())


@pytest.mark.parametrize(
    ("tau", "given"),
    [
        ([0.5, 0.6], "tau is a list of 2;"),
        ([], "tau is a list of 0;"),
        ([[0.5, 0.6]], "tau has the shape [1, 2], numbers in lists in a list;"),
        (np.zeros((4, 1)), "tau has the shape [4, 1], numbers in lists in a list;"),
        ([[0.5], [0.5, 0.6]], "tau is [[0.5], [0.5, 0.6]];"),
        ("high", "tau is 'high';"),
    ],
)
def test_thresholds_of_another_shape_are_told_beside_what_is_allowed(tau: Any, given: str) -> None:
    with pytest.raises(InputError) as caught:
        as_taus(tau, 4)
    assert str(caught.value) == (
        f"{given} give one number in [0, 1] for all exits, or a list of 4 numbers, one per exit"
    )


@pytest.mark.parametrize("tau", [-0.1, 1.5, float("nan"), [0.5, 0.5], "high"])
def test_thresholds_that_make_no_sense_are_refused_offline_too(tau: float) -> None:
    with pytest.raises(InputError, match="tau "):
        exits_at(np.zeros((2, 3), np.float32), tau)


def test_scores_and_thresholds_are_compared_in_the_rule_alone() -> None:
    root = Path(__file__).resolve().parents[2]
    paths = [path for top in ("eeinfer", "training", "export", "bench") for path in (root / top).rglob("*.py")]
    found = [
        f"{path.relative_to(root)}:{node.lineno} {ast.unparse(node)}"
        for path in sorted({path.resolve() for path in paths} - {root / "eeinfer" / "rule.py"})
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], (ast.Gt, ast.GtE, ast.Lt, ast.LtE))
        and "score" in ast.unparse(node.left)
        and any("tau" in ast.unparse(right) for right in node.comparators)
    ]
    assert not found
