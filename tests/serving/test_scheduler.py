"""The scheduler with its thread: many callers at once, draining, and what it refuses."""

import threading
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer import Engine
from eeinfer.errors import BundleError, ConfigError, InputError, OverloadError
from eeinfer.serving import Scheduler, ServingConfig


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Engine:
    return eeinfer.load(tiny_bundle, threads=1, backend="onnxruntime", tau=0.6)


def test_many_callers_get_the_answers_of_single_calls(tiny: Engine) -> None:
    images = np.random.default_rng(3).integers(0, 256, (240, 8, 8), np.uint8)
    found = {}

    def call(first: int) -> None:
        for i in range(first, len(images), 4):
            found[i] = scheduler.submit(images[i], client=str(first))

    with Scheduler(tiny, ServingConfig(max_batch=8)) as scheduler:
        threads = [threading.Thread(target=call, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait(found.values(), timeout=30)
    for i, ticket in found.items():
        alone, served = tiny(images[i]), ticket.result(0)
        assert (served.predictions[0], served.exits[0]) == (alone.predictions[0], alone.exits[0])
        np.testing.assert_allclose(served.logits, alone.logits, atol=1e-5)
        assert 0 <= served.queue_ms <= served.latency_ms


def test_rows_that_are_answered_at_once_beside_others_get_the_same_answers(tiny: Engine) -> None:
    images = np.random.default_rng(5).normal(0, 1, (200, 1, 1, 8, 8)).astype(np.float32)
    found: dict[int, tuple[int, int]] = {}
    at_once = []

    def call(first: int) -> None:
        for i in range(first, len(images), 4):
            served = scheduler.at_once({"input": images[i]})
            if served is not None:
                at_once.append(i)
            else:
                served = scheduler.submit(images[i]).result(30)
            found[i] = int(served.predictions[0]), int(served.exits[0])

    with Scheduler(tiny, ServingConfig(max_batch=8)) as scheduler:
        assert scheduler.idle
        threads = [threading.Thread(target=call, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert at_once
    for i, answer in found.items():
        alone = tiny(images[i])
        assert answer == (alone.predictions[0], alone.exits[0])
    assert len(found) == len(images)
    assert not scheduler.idle
    assert scheduler.at_once({"input": images[0]}) is None


def test_what_is_not_one_prepared_row_is_not_answered_at_once(tiny: Engine, words_bundle: Path) -> None:
    one = np.zeros((1, 1, 8, 8), np.float32)
    with Scheduler(tiny, ServingConfig(max_batch=2)) as scheduler:
        assert scheduler.at_once({"input": one}, tau=0.3, deadline_ms=1000) is not None
        for images in (
            {"input": np.zeros((2, 1, 8, 8), np.float32)},
            {"input": one.astype(np.float64)},
            {"input": np.zeros((1, 8, 8), np.uint8)},
            {"other": one},
            {"input": one, "other": one},
            {},
        ):
            assert scheduler.at_once(images) is None
        with pytest.raises(InputError, match="tau is 2"):
            scheduler.at_once({"input": one}, tau=2.0)
        with pytest.raises(InputError, match="deadline_ms is -1"):
            scheduler.at_once({"input": one}, deadline_ms=-1)
    words = eeinfer.load(words_bundle, threads=1, backend="onnxruntime")
    with Scheduler(words, ServingConfig(max_batch=2)) as scheduler:
        assert scheduler.at_once({"ids": np.zeros((1, 4), np.int64)}) is None
        assert scheduler.at_once({"ids": np.array(3)}) is None


def test_draining_waits_for_a_row_that_is_answered_at_once(tiny: Engine) -> None:
    begun, go_on, found = threading.Event(), threading.Event(), []

    def later(_: Any) -> None:
        begun.set()
        go_on.wait(20)

    scheduler = Scheduler(tiny, ServingConfig(max_batch=2))
    one = {"input": np.zeros((1, 1, 8, 8), np.float32)}
    thread = threading.Thread(target=lambda: found.append(scheduler.at_once(one, later=later)))
    thread.start()
    assert begun.wait(20)
    ticket = scheduler.submit(one["input"])  # waits for its turn
    assert not scheduler.drain(timeout_s=0.05)
    assert not ticket.done()
    go_on.set()
    assert scheduler.drain(timeout_s=20)
    thread.join(20)
    assert len(ticket.result(0)) == len(found[0]) == 1


def test_a_defect_met_by_a_row_at_once_ends_serving_for_all(tiny: Engine) -> None:
    scheduler = Scheduler(tiny, ServingConfig(max_batch=2))

    def defect(*_: object) -> None:
        raise RuntimeError("a defect")

    with pytest.raises(BundleError, match=r"serving has stopped: .*a defect"):
        scheduler.at_once({"input": np.zeros((1, 1, 8, 8), np.float32)}, later=defect)
    assert scheduler.closed
    assert scheduler.drain(timeout_s=20)
    with pytest.raises(OverloadError, match="shutting down"):
        scheduler.submit(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("where", ["_started", "_hand_out", "_hold"])
def test_a_defect_in_a_turn_is_told_to_whoever_waits(tiny: Engine, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(tiny, ServingConfig(max_batch=2))

    def defect(*_: object) -> None:
        raise MemoryError("a defect")

    monkeypatch.setattr(scheduler._core, where, defect)
    ticket = scheduler.submit(np.zeros((2, 8, 8), np.uint8))  # in no queue any more when it happens
    with pytest.raises(BundleError, match=r"serving has stopped: .*a defect"):
        ticket.result(5)
    assert scheduler.closed
    assert scheduler.drain(timeout_s=20)


def test_closing_answers_what_was_taken_in_and_refuses_the_rest(tiny: Engine) -> None:
    images = np.zeros((50, 8, 8), np.uint8)
    scheduler = Scheduler(tiny, ServingConfig(max_batch=4))
    tickets = [scheduler.submit(images) for _ in range(4)]
    assert not scheduler.closed
    assert scheduler.drain(timeout_s=30)
    assert scheduler.closed
    assert all(len(ticket.result(0)) == 50 for ticket in tickets)
    with pytest.raises(OverloadError, match="shutting down"):
        scheduler.submit(images)


def test_it_refuses_what_it_cannot_serve(tiny: Engine, words_bundle: Path) -> None:
    with Scheduler(tiny, ServingConfig(max_batch=2)) as scheduler:
        with pytest.raises(InputError, match="priority is 7"):
            scheduler.submit(np.zeros((8, 8), np.uint8), priority=7)
        with pytest.raises(InputError, match="deadline_ms is -1"):
            scheduler.submit(np.zeros((8, 8), np.uint8), deadline_ms=-1)
    with pytest.raises(ConfigError, match="floor has 2 thresholds for 3 exits"):
        Scheduler(tiny, ServingConfig(floor=(0.1, 0.1)))
    with pytest.raises(ConfigError, match="queue is 0"):
        ServingConfig(queue=0)


def test_texts_of_different_lengths_are_served_beside_one_another(words_bundle: Path) -> None:
    engine = eeinfer.load(words_bundle, threads=1, backend="onnxruntime", tau=0.5)
    rng, calls = np.random.default_rng(1), []
    with Scheduler(engine, ServingConfig(max_batch=4)) as scheduler:
        for length in rng.integers(2, 12, 30):
            mask = np.ones((1, length), np.bool_)
            given = {"ids": rng.integers(0, 20, (1, length)), "mask": mask, "scale": np.ones(1, np.float32)}
            calls.append((given, scheduler.submit(given)))
    for given, ticket in calls:
        alone, served = engine(given), ticket.result(0)
        assert (served.predictions[0], served.exits[0]) == (alone.predictions[0], alone.exits[0])
