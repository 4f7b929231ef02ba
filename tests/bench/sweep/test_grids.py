import math

import numpy as np
import pytest

import eeinfer
from eeinfer.bench.sweep.grids import are_multiples, family_for, log_grid, make_grid, patience_grid
from eeinfer.bench.sweep.points import sweep
from eeinfer.errors import InputError
from eeinfer.rule import exits_at
from eeinfer.training.methods.branchynet import entropy_tau
from eeinfer.training.methods.pabee import patience_tau

RUNS = np.array([[1, 2, 3, 4], [1, 1, 2, 3], [1, 2, 1, 1], [1, 1, 1, 1]], np.float32) / np.float32(4)


def test_entropies_become_scores_as_worked_out_by_hand() -> None:
    grid = log_grid(8, 2, 10)  # six entropies from 1e-4 to 10, a factor of ten apart; 10 nats are above ln 10
    scores = [0, *(1 - T / 2.302585 for T in (1, 0.1, 0.01, 1e-3, 1e-4)), 1]
    assert grid.taus[:, 0] == pytest.approx(scores, abs=1e-6)
    assert grid.points == pytest.approx([math.log(10), 1, 0.1, 0.01, 1e-3, 1e-4, 0], abs=1e-6)
    assert (grid.taus[:, 1] == grid.taus[:, 0]).all()


def test_an_entropy_of_the_grid_leaves_as_branchynets_own_threshold_does() -> None:
    grid = log_grid(50, 1, 7)
    assert grid.taus[:, 0] == pytest.approx([entropy_tau(max(T, 0), 7) for T in grid.points], abs=1e-6)


@pytest.mark.parametrize(("count", "classes"), [(2, 10), (3, 10), (100, 2), (100, 1000)])
def test_the_log_grid_rises_strictly_from_0_to_1(count: int, classes: int) -> None:
    taus = log_grid(count, 3, classes).taus[:, 0]
    assert (np.diff(taus.astype(np.float32)) > 0).all()
    assert (taus[0], taus[-1]) == (0, 1)
    assert len(taus) <= count


def test_patience_leaves_where_more_than_t_exits_agree() -> None:
    """METHODS 3.4: t = 0 leaves at the first exit, t = H - 1 runs to the end; one row per run of RUNS."""
    grid = patience_grid(4)
    assert grid.points.tolist() == [0, 1, 2, 3, 4]
    exits = [exits_at(RUNS, tau).tolist() for tau in grid.taus]
    assert exits == [[0, 0, 0, 0], [1, 2, 1, 3], [2, 3, 3, 3], [3, 3, 3, 3], [3, 3, 3, 3]]


def test_patience_does_not_hang_on_how_a_device_rounds() -> None:
    for scores in (np.nextafter(RUNS, np.float32(2)), np.nextafter(RUNS, np.float32(0))):
        for tau in patience_grid(4).taus:
            assert exits_at(scores, tau).tolist() == exits_at(RUNS, tau).tolist()


def test_patience_is_that_of_the_method() -> None:
    assert patience_grid(6).taus[:-1, 0].tolist() == [patience_tau(t, 6, "benchmark") for t in range(6)]


def test_run_lengths_are_recognised_in_float32() -> None:
    for exits in (1, 3, 7, 12):
        lengths = np.arange(exits + 1, dtype=np.float32)
        assert are_multiples(np.tile(lengths[:, None] / np.float32(exits), (1, exits)))
        assert are_multiples(np.tile(lengths[:, None] * (np.float32(1) / np.float32(exits)), (1, exits)))
    assert not are_multiples(np.array([[0.25, 0.5, 0.75, 0.26]], np.float32))
    assert not are_multiples(np.full((2, 3), np.nan, np.float32))
    assert are_multiples(np.array([[0.5, np.nan]], np.float32))


@pytest.mark.parametrize(
    ("score", "scores", "family"),
    [
        ("max_softmax", RUNS, "linspace"),
        ("margin", RUNS, "linspace"),
        ("entropy", RUNS, "log"),
        ("own", RUNS, "patience"),
        ("own", RUNS * np.float32(0.9), "linspace"),
    ],
)
def test_the_score_chooses_the_family(score: str, scores: np.ndarray, family: str) -> None:
    assert family_for("auto", score, scores) == family
    for any_score in ("linspace", "budget", family):
        assert family_for(any_score, score, scores) == any_score


@pytest.mark.parametrize(("wish", "score"), [("log", "max_softmax"), ("patience", "max_softmax"), ("patience", "own")])
def test_a_family_that_says_nothing_about_the_scores_is_refused(wish: str, score: str) -> None:
    with pytest.raises(InputError, match=rf"'{wish}' is .* take linspace"):
        family_for(wish, score, RUNS * np.float32(0.9))


@pytest.mark.parametrize("family", ["linspace", "log", "patience", "budget"])
def test_the_engine_leaves_where_the_sweep_says_at_every_point(
    family: str, tiny_engine: eeinfer.Engine, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits
    every = tiny_engine.all_exits(images)
    grid = make_grid(family, every.scores[:20], count=9, classes=5)
    found = sweep(every.scores, every.predictions, labels, [1, 2, 3], grid.taus)
    assert len(np.unique(found.exits)) > 1
    for t, taus in enumerate(grid.taus):
        assert tiny_engine(images, tau=taus).exits.tolist() == found.exits[t].tolist()
