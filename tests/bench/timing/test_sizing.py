import numpy as np
import pytest

import eeinfer
from eeinfer.bench import BenchConfig
from eeinfer.bench.timing.clock import BLOCK
from eeinfer.bench.timing.sizing import Size, fit, path_ms, shared_runs
from eeinfer.errors import InputError

SHARES = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
CONFIG = BenchConfig(latency_samples=60, rounds=5, max_seconds=20)


def test_a_fast_network_gets_what_it_was_asked_for() -> None:
    assert fit(CONFIG, SHARES, np.array([0.1, 0.2]), 1000) == Size(batches=60, rounds=5, shared=False, turn=BLOCK)


def test_a_slower_network_is_timed_on_fewer_images() -> None:
    size = fit(CONFIG, SHARES, np.array([20.0, 60.0]), 1000)
    assert 8 <= size.batches < 60
    assert (size.rounds, size.shared, size.turn) == (5, False, 1)


def test_a_slow_network_runs_no_threshold_twice_that_sends_every_image_the_same_way() -> None:
    size = fit(CONFIG, np.tile(SHARES, (34, 1)), np.array([10.0, 30.0]), 1000)
    assert size.shared
    assert size.batches >= 8


def test_a_very_slow_network_is_timed_once_on_eight_images() -> None:
    assert fit(CONFIG, SHARES, np.array([3e3, 9e3]), 1000) == Size(batches=8, rounds=1, shared=True, turn=1)


def test_there_are_no_more_batches_than_images_for_them() -> None:
    assert fit(BenchConfig(batch=4), SHARES, np.array([0.1, 0.2]), 10).batches == 2


def test_large_batches_are_timed_more_than_once_where_there_are_images() -> None:
    assert fit(BenchConfig(batch=100), SHARES, np.array([0.1, 0.2]), 1000).batches == 4
    assert fit(BenchConfig(batch=100), SHARES, np.array([3e3, 9e3]), 1000).batches == 2
    assert fit(BenchConfig(batch=100), SHARES, np.array([0.1, 0.2]), 150).batches == 1


def test_thresholds_share_a_run_only_where_every_timed_row_leaves_at_the_same_exit() -> None:
    exits = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [0, 1]])
    assert shared_runs(exits).tolist() == [0, 0, 2, 3, 2]


def test_a_batch_larger_than_the_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="batch is 64 and there are 10 images"):
        fit(BenchConfig(batch=64), SHARES, np.array([0.1, 0.2]), 10)


def test_each_exit_is_probed(tiny_engine: eeinfer.Engine) -> None:
    probed = path_ms(tiny_engine, np.zeros((1, 1, 8, 8), np.float32))
    assert probed.shape == (3,)
    assert (probed > 0).all()
