"""Threads that share one engine: what is measured, and that nothing is lost, mixed up or kept."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer import Engine
from eeinfer.bench.callers import CallersConfig, CallersReport, callers_csv, callers_page, measure_callers
from eeinfer.bench.reporting.records import decode
from eeinfer.errors import ConfigError

STATUS = Path("/proc/self/status")


@pytest.fixture(scope="module")
def report(tiny_engine: Engine) -> CallersReport:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    config = CallersConfig(callers=(1, 3), rounds=2, turn_seconds=0.02)
    return measure_callers(tiny_engine, images, config, lambda *_: None, tau=[1, 0, 0])


def test_there_is_a_row_per_number_of_callers(report: CallersReport) -> None:
    assert [row.callers for row in report.rows] == [1, 3]
    assert report.rows[0].speedup == 1
    assert all(row.images_per_second > 0 and row.calls >= 2 * row.callers for row in report.rows)
    assert all(0 < row.p50_ms <= row.p99_ms for row in report.rows)


def test_the_mix_of_exits_stands_beside_the_numbers(report: CallersReport) -> None:
    assert report.taus == (1, 0, 0)
    assert report.shares == (0, 1, 0)


def test_the_report_comes_back_from_json(report: CallersReport) -> None:
    assert decode(report.to_json(), CallersReport, report.schema_version) == report


def test_the_page_and_the_table_hold_every_number_of_callers(report: CallersReport) -> None:
    page, lines = callers_page(report), callers_csv(report).splitlines()
    assert page.count("data-plot=") == 2
    assert " share the engine" in page
    assert len(lines) == 3
    assert lines[0].startswith("callers,images_per_second,least_per_second")


@pytest.mark.parametrize("callers", [(), (0,), (2, -1)])
def test_numbers_below_one_are_refused(callers: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="callers is"):
        CallersConfig(callers=callers)


def test_callers_get_the_answers_to_their_own_images(tiny_engine: Engine) -> None:
    draw = np.random.default_rng(2)
    calls = [draw.integers(0, 256, (int(draw.integers(1, 9)), 8, 8), np.uint8) for _ in range(60)]
    taus = [draw.uniform(0, 1, 3).tolist() for _ in calls]
    expected = [tiny_engine(images, tau=tau) for images, tau in zip(calls, taus, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda call: tiny_engine(call[0], tau=call[1]), [*zip(calls, taus, strict=True)] * 5))
    for wanted, result in zip(expected * 5, found, strict=True):
        for field in ("predictions", "exits", "scores", "logits", "flops"):
            np.testing.assert_array_equal(getattr(result, field), getattr(wanted, field))


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux says how much memory a process holds")
def test_memory_does_not_grow_over_100_000_calls(tiny_bundle: Path) -> None:
    image, batch = np.zeros((1, 1, 8, 8), np.float32), np.zeros((5, 1, 8, 8), np.float32)
    with eeinfer.load(tiny_bundle, threads=1) as engine, ThreadPoolExecutor(4) as pool:

        def call(count: int) -> None:
            for i in range(count):
                engine(batch if i % 10 == 0 else image, tau=0.5)

        list(pool.map(call, [1000] * 4))
        gc.collect()
        before = resident_kb()
        list(pool.map(call, [25_000] * 4))
        gc.collect()
        assert resident_kb() - before < 4096


def resident_kb() -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
