"""Which exits pay: on times that are made up, and that a bundle can be measured."""

from pathlib import Path

import numpy as np

from eeinfer.bench import BenchConfig
from eeinfer.bench.thresholds.paying import exits_that_pay, mean_ms, worth_keeping

SCORES = np.float32([[0.9, 0.9, 0.9], [0.1, 0.9, 0.9], [0.1, 0.1, 0.9], [0.1, 0.1, 0.9]])
TAUS = np.array([0.5, 0.5, 0.0])
SESSION = np.array([1.0, 2.0, 3.0])


def test_the_mean_counts_the_cut_network_and_the_exits_passed_by() -> None:
    cost = np.array([0.1, 0.2, 0.0])
    assert mean_ms(SCORES, TAUS, SESSION, cost, [0, 1, 2]) == np.mean([1.0, 2.1, 3.3, 3.3])
    assert mean_ms(SCORES, TAUS, SESSION, cost, [1, 2]) == np.mean([2.0, 2.0, 3.2, 3.2])
    assert mean_ms(SCORES, TAUS, SESSION, cost, [2]) == 3.0


def test_cheap_exits_stay_and_dear_ones_go() -> None:
    assert worth_keeping(SCORES, TAUS, SESSION, np.array([0.1, 0.1, 0.0])).keep == (0, 1, 2)
    assert worth_keeping(SCORES, TAUS, SESSION, np.array([0.1, 2.0, 0.0])).keep == (0, 2)
    found = worth_keeping(SCORES, TAUS, SESSION, np.array([5.0, 5.0, 0.0]))
    assert found.keep == (2,)
    assert found.after_ms == 3.0 < found.before_ms


def test_of_two_exits_that_do_the_same_one_stays() -> None:
    scores = np.float32([[0.9, 0.9, 0.9], [0.9, 0.9, 0.9], [0.1, 0.1, 0.9]])
    found = worth_keeping(scores, TAUS, np.array([1.0, 1.01, 10.0]), np.array([0.5, 0.5, 0.0]))
    assert found.keep == (0, 2)


def test_a_bundle_is_measured(tiny_bundle: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    fast = BenchConfig(rounds=1, min_seconds=0, max_seconds=0.1, warmup=0, pairs=1, threads=1, latency_samples=4)
    found = exits_that_pay(tiny_bundle, images, np.arange(24) % 5, threads=1, timing=fast)
    assert found.keep[-1] == 2
    assert 0 < found.after_ms <= found.before_ms
    assert len(found.cost_ms) == 3
