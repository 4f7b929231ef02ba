"""Counting beside the calls: every call once, whoever asks meanwhile."""

import math
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer.watching import Watch
from eeinfer.watching.record import SCORE_BINS, TIME_EDGES_MS
from eeinfer.watching.tally import MOST_CALLS, Tally

Logging = Callable[[Tally], None]


def watched(tally: Tally) -> Watch:
    return tally.watch("net", "ab" * 32, (0.5, 0.5, 0.0))


def test_calls_of_one_image_and_of_several_are_counted_alike() -> None:
    tally = Tally(3)
    tally.log.append((0, 0.93, 2.0, True))
    tally.log.append((2, 1.0 + 1e-6, 4.0, True))  # a softmax may round up
    tally.add(np.array([0, 1, 1]), np.array([0.93, 0.0, 0.5], np.float32), own=True)
    seen = watched(tally)
    assert seen.rows == (2, 2, 1)
    assert [exit.scores[18] for exit in seen.exits] == [2, 0, 0]
    assert (seen.exits[1].scores[0], seen.exits[1].scores[10], seen.exits[2].scores[SCORE_BINS - 1]) == (1, 1, 1)
    assert [exit.calls for exit in seen.exits] == [1, 0, 1]
    assert (seen.exits[2].mean_ms, seen.exits[2].max_ms, seen.exits[1].mean_ms) == (4.0, 4.0, 0.0)


def test_rows_of_calls_with_thresholds_of_their_own_and_without_answer_stand_apart() -> None:
    tally = Tally(3)
    tally.log.append((0, 0.9, 1.0, False))
    tally.log.append((2, math.nan, 1.0, True))
    tally.add(np.array([-1, 1]), np.array([math.nan, 0.9], np.float32), own=False)
    seen = watched(tally)
    assert (seen.rows, seen.other_rows, seen.unanswered) == ((0, 0, 0), 2, 2)
    assert all(math.isnan(share) for share in seen.shares)


def test_asking_begins_anew() -> None:
    tally = Tally(3)
    tally.log.append((0, 0.9, 1.0, True))
    first = watched(tally)
    second = watched(tally)
    assert (sum(first.rows), sum(second.rows)) == (1, 0)
    assert second.since == first.until


def test_percentiles_are_the_upper_edge_of_their_bucket() -> None:
    tally, times = Tally(1), np.random.default_rng(0).lognormal(1, 0.7, 4000)
    for ms in times.tolist():
        tally.log.append((0, 0.9, ms, True))
    [exit] = watched(tally).exits
    for percentile in (0, 50, 99, 99.9, 100):
        exact = float(np.percentile(times, percentile, method="inverted_cdf"))
        assert exact <= exit.percentile_ms(percentile) <= exact * 2**0.25 * (1 + 1e-12)
    assert exit.mean_ms == pytest.approx(times.mean())


def test_times_beyond_all_edges_are_counted() -> None:
    tally = Tally(1)
    for ms in (0.0, float(TIME_EDGES_MS[-1]) * 2):
        tally.log.append((0, 0.9, ms, True))
    [exit] = watched(tally).exits
    assert (exit.calls, exit.times[0], exit.times[-1]) == (2, 1, 1)
    assert exit.percentile_ms(99) == exit.max_ms


def test_every_call_is_counted_once_while_threads_log_and_ask() -> None:
    tally, threads, calls = Tally(2), 4, 5 * MOST_CALLS
    found: list[Watch] = []

    def log() -> None:
        for i in range(calls):
            tally.log.append((i % 2, 0.5, 1.0, True))
            if len(tally.log) >= MOST_CALLS:
                tally.count()
            if i % 700 == 0:
                found.append(tally.watch("net", "", (0.5, 0.0)))

    workers = [threading.Thread(target=log) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found.append(tally.watch("net", "", (0.5, 0.0)))
    counted = np.sum([seen.rows for seen in found], axis=0)
    assert counted.tolist() == [threads * calls // 2] * 2


@pytest.mark.parametrize("backend", ["onnxruntime", None])
def test_an_engine_watches_calls_and_streams(tiny_bundle: Path, backend: str | None) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, tau=0.2, backend=backend, threads=1) as engine:
        assert sum(engine.watch().rows) == 0
        exits = [engine(images[[i]]).exits[0] for i in range(9)]
        exits += engine(images).exits.tolist()
        exits += [left.exit for left in engine.stream(images) for _ in left.rows]
        engine(images, tau=1.0)
        engine(images[:1], deadline_ms=1e9)
        engine.all_exits(images)
        list(engine.anytime(images[0]))
        seen = engine.watch()
    assert seen.rows == tuple(np.bincount(exits, minlength=3))
    assert sum(exit.calls for exit in seen.exits) == 9
    assert (seen.other_rows, seen.unanswered, seen.taus) == (10, 0, (0.2, 0.2, 0.2))
    assert seen.bundle == engine.manifest.name


@pytest.mark.filterwarnings("ignore::eeinfer.NonFiniteWarning")
def test_an_engine_counts_rows_that_nobody_can_answer(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        bad = np.full((2, *engine.manifest.input.tensor.sizes()), np.nan, np.float32)
        engine(bad[:1])
        engine(bad)
        list(engine.stream(bad))
        assert engine.watch().unanswered == 5
