import gc
import itertools
from collections import Counter

import numpy as np
import pytest

from eeinfer.bench.timing import clock as timing
from eeinfer.bench.timing.clock import BLOCK, Call, Pair, Schedule, summarise, time_pairs, time_turns


def ignore(_done: int, _planned: int) -> None:
    """No progress."""


def recorder(log: list[tuple[str, int]], name: str) -> Call:
    return lambda batch: log.append((name, batch))


def test_every_variant_sees_every_batch_in_every_round() -> None:
    log: list[tuple[str, int]] = []
    variants = {name: recorder(log, name) for name in "abc"}
    times = time_turns(variants, Schedule(batches=2 * BLOCK + 3, rounds=2, min_seconds=0, seed=0), ignore)
    assert {name: values.shape for name, values in times.items()} == dict.fromkeys("abc", (2, 2 * BLOCK + 3))
    untimed = Counter({(name, start): 2 for name in "abc" for start in (0, BLOCK, 2 * BLOCK)})
    assert Counter(log) == untimed + Counter({(name, i): 2 for name in "abc" for i in range(2 * BLOCK + 3)})


def test_variants_take_turns_within_a_round_in_a_changing_order() -> None:
    log: list[tuple[str, int]] = []
    variants = {name: recorder(log, name) for name in "abc"}
    time_turns(variants, Schedule(batches=6 * BLOCK, rounds=1, min_seconds=0, seed=0), ignore)
    turns = [log[start][0] for start in range(0, len(log), BLOCK + 1)]
    orders = ["".join(turns[start : start + 3]) for start in range(0, len(turns), 3)]
    assert all(sorted(order) == list("abc") for order in orders)
    assert len(set(orders)) > 1


def test_rounds_go_on_until_the_least_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])

    def second(_: int) -> None:
        clock[0] += 1

    times = time_turns({"a": second}, Schedule(batches=1, rounds=1, min_seconds=4.5, seed=0, turn=1), ignore)
    assert times["a"].shape == (5, 1)


def test_slow_variants_take_turns_call_by_call_without_untimed_ones() -> None:
    log: list[tuple[str, int]] = []
    variants = {name: recorder(log, name) for name in "ab"}
    time_turns(variants, Schedule(batches=3, rounds=1, min_seconds=0, seed=0, turn=1), ignore)
    assert [batch for _, batch in log] == [0, 0, 1, 1, 2, 2]
    assert Counter(log) == Counter({(name, i): 1 for name in "ab" for i in range(3)})


def test_progress_never_exceeds_what_is_planned_and_ends_there() -> None:
    seen: list[tuple[int, int]] = []
    schedule = Schedule(batches=3, rounds=2, min_seconds=0, seed=0)
    time_turns({"a": lambda _: None}, schedule, lambda *at: seen.append(at))
    assert all(done <= planned for done, planned in seen)
    assert seen[-1] == (2, 2)


def test_garbage_is_not_collected_while_timing_and_is_afterwards() -> None:
    seen = []
    time_turns(
        {"a": lambda _: seen.append(gc.isenabled())}, Schedule(batches=1, rounds=1, min_seconds=0, seed=0), ignore
    )
    assert not any(seen)
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_variant_failed() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("broken variant")

    with pytest.raises(RuntimeError, match="broken variant"):
        time_turns({"a": fail}, Schedule(batches=1, rounds=1, min_seconds=0, seed=0), ignore)
    assert gc.isenabled()


def test_pairs_run_back_to_back_on_the_same_batch_with_the_order_alternating() -> None:
    log: list[tuple[str, int]] = []
    pair = Pair(name="p", subject=recorder(log, "s"), reference=recorder(log, "r"), batches=[4, 7])
    times = time_pairs([pair], 5, 60.0, ignore)
    assert times["p"].shape == (5, 2)
    assert log[:2] == [("s", 4), ("r", 4)]  # untimed
    timed = [(log[i], log[i + 1]) for i in range(2, len(log), 2)]
    assert all({first[0], second[0]} == {"s", "r"} and first[1] == second[1] for first, second in timed)
    assert [first[0] for first, _ in timed] == ["s", "r", "s", "r", "s"]
    assert [first[1] for first, _ in timed] == [4, 7, 4, 7, 4]


def test_no_pair_always_runs_after_the_same_other_one() -> None:
    log: list[tuple[str, int]] = []
    pairs = [Pair(name=name, subject=recorder(log, name), reference=lambda _: None, batches=[0]) for name in "pq"]
    time_pairs(pairs, 15, 60.0, ignore)
    blocks = [name for name, same in itertools.groupby(name for name, _ in log) for _ in range(len([*same]) // 6)]
    assert blocks == ["p", "q", "q", "p", "p", "q"]  # a call untimed and five timed in each


def test_a_sixth_of_the_pairs_is_enough_when_time_is_up() -> None:
    pair = Pair(name="p", subject=lambda _: None, reference=lambda _: None, batches=[0])
    assert len(time_pairs([pair], 60, 0.0, ignore)["p"]) == 10


def test_the_mean_is_over_batches_and_each_batch_is_the_median_of_its_rounds() -> None:
    times = np.array([[1.0, 10.0], [2.0, 20.0], [900.0, 30.0]])  # a disturbance hit the first batch once
    found = summarise(times)
    assert found.mean_ms == (2 + 20) / 2
    assert (found.min_ms, found.median_ms, found.calls, found.rounds) == (1, 15, 6, 3)
    assert found.p99_ms <= 900
