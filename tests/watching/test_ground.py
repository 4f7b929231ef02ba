"""Whether a certificate still has ground: false alarms at the stated rate, and changes noticed."""

import math

import numpy as np
import pytest
from certificates import CERTIFICATE
from msgspec.structs import replace

from eeinfer.bench.thresholds.populations import POPULATIONS
from eeinfer.errors import InputError
from eeinfer.rule import exits_at
from eeinfer.thresholds import choose
from eeinfer.watching import Watch, ground
from eeinfer.watching.ground import shares_p_value
from eeinfer.watching.tally import Tally


def a_watch(counts: tuple[int, ...]) -> Watch:
    tally = Tally(len(counts))
    tally.add(np.repeat(np.arange(len(counts)), counts), np.full(sum(counts), 0.9, np.float32), own=True)
    return tally.watch("net", CERTIFICATE.files_sha256, CERTIFICATE.taus)


def test_like_shares_have_ground_and_moved_ones_have_none() -> None:
    same, moved = (ground(a_watch(counts), CERTIFICATE) for counts in ((410, 340, 250), (250, 340, 410)))
    assert same.holds
    assert same.p_value is not None
    assert same.p_value > 0.5
    assert (same.certified, same.seen) == ((40, 35, 25), (410, 340, 250))
    assert not moved.holds
    assert moved.p_value is not None
    assert moved.p_value < 0.01
    assert moved.reason == "rows leave elsewhere than the certificate's did: exit 2 has 41.0% of them, and had 25.0%"


def test_other_thresholds_have_no_ground() -> None:
    found = ground(replace(a_watch((40, 35, 25)), taus=(0.5, 0.3, 0.0)), CERTIFICATE)
    assert (found.holds, found.p_value) == (False, None)
    assert "other thresholds" in found.reason


def test_the_last_threshold_is_not_looked_at() -> None:
    assert ground(replace(a_watch((40, 35, 25)), taus=(0.5, 0.25, 1.0)), CERTIFICATE).holds


@pytest.mark.parametrize(
    ("watch", "false_alarms", "reason"),
    [
        (replace(a_watch((1, 1, 1)), files_sha256="ef" * 32), 0.01, "other graphs or weights"),
        (a_watch((0, 0, 0)), 0.01, "has counted no rows"),
        (a_watch((1, 1, 1)), 0.0, "false_alarms is 0"),
        (a_watch((1, 1, 1)), 1.0, "false_alarms is 1"),
        (a_watch((1, 1, 1)), math.nan, "false_alarms is nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(watch: Watch, false_alarms: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ground(watch, CERTIFICATE, false_alarms=false_alarms)


@pytest.mark.parametrize("rows", [(20, 15), (30, 400)])
def test_false_alarms_keep_their_rate(rows: tuple[int, int]) -> None:
    random, shares, draws, rate = np.random.default_rng(1), [0.7, 0.2, 0.07, 0.03], 1500, 0.1
    tables = [tuple(map(tuple, (random.multinomial(n, shares).tolist() for n in rows))) for _ in range(draws)]
    alarms = np.mean([shares_p_value(one, other, 199, seed) <= rate for seed, (one, other) in enumerate(tables)])
    assert alarms <= rate + 3 * math.sqrt(rate * (1 - rate) / draws)
    assert alarms > rate / 3  # and are not kept by saying nothing


def test_p_values_are_those_of_the_exact_test() -> None:
    """Fisher's exact test of two by two, ordered by chi-squared: 1/70 + 1/70 for the two extreme tables."""
    assert shares_p_value((4, 0), (0, 4), 200_000) == pytest.approx(2 / 70, abs=0.002)


def test_more_rows_than_can_be_drawn_are_compared() -> None:
    assert shares_p_value((500, 300, 200), (5 * 10**11, 3 * 10**11, 2 * 10**11), 99) > 0.5
    assert shares_p_value((500, 300, 200), (3 * 10**11, 5 * 10**11, 2 * 10**11), 99) == 0.01


def test_thresholds_that_were_chosen_on_the_same_rows_raise_no_more_alarms() -> None:
    population, random, rate, draws = POPULATIONS["smooth"](), np.random.default_rng(2), 0.1, 300
    alarms = []
    for seed in range(draws):
        drawn, field = population.draw(300, random), population.draw(2000, random)
        found = choose(drawn.scores, drawn.predictions, drawn.labels, max_loss=0.06, per_exit=False, seed=seed).found
        if found is not None:
            seen = np.bincount(exits_at(field.scores, found.taus), minlength=len(found.taus))
            alarms.append(shares_p_value(found.exits, tuple(seen.tolist()), 199, seed) <= rate)
    assert len(alarms) > 100
    assert np.mean(alarms) <= rate + 3 * math.sqrt(rate * (1 - rate) / len(alarms))
