"""One image at a time through TensorRT plans, at all four levels, on a CUDA that enforces its contract."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fake_cuda import FakeCuda
from hypothesis import given, settings
from hypothesis import strategies as st
from native_engines import LEVELS, native, with_plans

import eeinfer
from eeinfer import Engine, NonFiniteWarning

NAN = -1.0  # the scripted bundle turns a negative score into NaN
SCORES = [0.0, 0.25, 0.5, float(np.nextafter(np.float32(0.5), np.float32(1))), 0.9, 1.0]

scripts = st.lists(st.sampled_from([*SCORES, NAN]), min_size=2, max_size=2)
taus = st.lists(st.sampled_from(SCORES), min_size=3, max_size=3)


@pytest.fixture(scope="module")
def scripted(scripted_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_plans(scripted_bundle, tmp_path_factory.mktemp("plans"))


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_plans(tiny_bundle, tmp_path_factory.mktemp("plans"))


@pytest.fixture(scope="module", params=LEVELS)
def engine(scripted: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with native(scripted, FakeCuda(), level=request.param) as engine:
        yield engine


def row(*scores: float, name: int = 500) -> np.ndarray:
    return np.array([[*scores, name]], np.float32)


def same(answer: eeinfer.Result, expected: eeinfer.Result, *, exact: bool = True) -> None:
    for field in ("exits", "predictions", "flops", "valid"):
        np.testing.assert_array_equal(getattr(answer, field), getattr(expected, field))
    for field in ("scores", "logits"):
        compare = np.testing.assert_array_equal if exact else np.testing.assert_allclose
        compare(getattr(answer, field), getattr(expected, field), **({} if exact else {"rtol": 1e-5, "atol": 1e-5}))


@settings(deadline=None)  # the machine may be busy
@given(scores=scripts, tau=taus, name=st.integers(0, 999))
def test_every_level_answers_as_the_cpu_does(
    engine: Engine, scripted_engine: Engine, scores: list[float], tau: list[float], name: int
) -> None:
    x = row(*scores, 0.4, name=name)
    same(engine(x, tau=tau), scripted_engine(x, tau=tau))


@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_network_answers_as_on_the_cpu_however_far_the_device_has_got(
    tiny: Path, tiny_engine: Engine, level: str, schedule: str
) -> None:
    rng = np.random.default_rng(0)
    images = (rng.normal(0, 1, (20, 1, 8, 8)) * rng.uniform(0, 0.4, (20, 1, 1, 1))).astype(np.float32)
    tau = [0.5, 0.95, 1.0]
    assert set(tiny_engine(images, tau=tau).exits) == {0, 1, 2}
    with native(tiny, FakeCuda(schedule=schedule), level=level) as engine:
        for image in images:
            same(engine(image, tau=tau), tiny_engine(image, tau=tau), exact=False)


def test_the_highest_level_is_the_default(scripted: Path) -> None:
    cuda = FakeCuda()
    with native(scripted, cuda) as engine:
        engine(row(0.1, 0.2, 0.3), tau=0.5)
        launches, waits = cuda.launches, cuda.waits
        assert engine(row(0.1, 0.9, 0.3), tau=0.5).exits.tolist() == [1]
        assert (cuda.launches - launches, cuda.waits - waits) == (1, 1)


def test_what_comes_after_the_exit_never_runs_on_the_device(scripted: Path) -> None:
    cuda = FakeCuda()
    with native(scripted, cuda) as engine:
        for x, segments in ((row(0.9, 0.9, 0.9), 1), (row(0.1, 0.9, 0.9), 2), (row(0.1, 0.1, 0.9), 3)):
            cuda.ran.clear()
            engine(x, tau=0.5)
            assert cuda.ran.count("engine") == segments


def test_thresholds_change_without_another_capture(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with native(scripted, FakeCuda()) as engine:
        monkeypatch.setattr(FakeCuda, "begin_capture", None)
        x = row(0.3, 0.6, 0.9)
        assert [engine(x, tau=tau).exits.item() for tau in (0.0, 0.3, 0.59, 0.6, 1.0)] == [0, 1, 1, 2, 2]
        assert engine(x, tau=[1.0, 0.5, 1.0]).exits.tolist() == [1]


def test_the_device_compares_strictly_and_in_float32(scripted: Path) -> None:
    with native(scripted, FakeCuda(), level="3") as engine:
        assert engine(row(0.9, 0.9, 0.1), tau=0.9).exits.tolist() == [2]
        above = float(np.nextafter(np.float32(0.9), np.float32(1)))
        assert engine(row(0.9, above, 0.1), tau=0.9).exits.tolist() == [1]


def test_a_nan_never_passes(engine: Engine) -> None:
    assert engine(row(NAN, 0.9, 0.1), tau=0.5).exits.tolist() == [1]
    with pytest.warns(NonFiniteWarning, match="1 of 1 rows"):
        result = engine(row(NAN, NAN, NAN), tau=0)
    assert (result.exits.tolist(), result.predictions.tolist(), result.valid.tolist()) == ([2], [-1], [False])


def test_decisions_close_to_tau_are_reported_also_where_the_device_made_them(
    engine: Engine, scripted_engine: Engine
) -> None:
    near = float(np.float32(0.5) - np.float32(1e-7))
    for x in (row(near, 0.9, 0.1), row(0.1, near, 0.1), row(0.1, 0.9, near), row(0.1, 0.2, near)):
        assert engine(x, tau=0.5).near_tau.tolist() == scripted_engine(x, tau=0.5).near_tau.tolist()


def test_a_deadline_is_kept_by_the_host(engine: Engine) -> None:
    assert engine(row(0.1, 0.2, 0.3), tau=0.5, deadline_ms=0).exits.tolist() == [0]
    assert engine(row(0.1, 0.2, 0.3), tau=0.5, deadline_ms=1e6).exits.tolist() == [2]
    assert engine(row(0.1, 0.9, 0.3), tau=0.5).exits.tolist() == [1]


def test_anytime_answers_exit_after_exit_while_the_engine_does_other_work(engine: Engine) -> None:
    under_way = engine.anytime(row(0.1, 0.9, 0.3))
    first = next(under_way)
    engine(row(0.7, 0.8, 0.9, name=7), tau=0.75)
    rest = list(under_way)
    assert [answer.score for answer in (first, *rest)] == pytest.approx([0.1, 0.9, 0.3])
    assert [answer.prediction for answer in (first, *rest)] == [500] * 3


def test_an_answer_does_not_change_when_the_lane_is_used_again(engine: Engine) -> None:
    first = engine(row(0.1, 0.9, 0.3, name=11), tau=0.5)
    engine(row(0.9, 0.9, 0.3, name=12), tau=0.5)
    engine(row(0.1, 0.9, 0.3, name=13), tau=0.5)
    assert (first.predictions.tolist(), first.logits[0, 0]) == ([11], 11)


def test_the_next_segment_is_under_way_before_the_host_waits(scripted: Path) -> None:
    cuda = FakeCuda(schedule="lazy")
    with native(scripted, cuda, level="2") as engine:
        engine(row(0.1, 0.1, 0.1), tau=1)  # nothing is left in the stream
        cuda.ran.clear()
        launches = cuda.launches
        assert engine(row(0.9, 0.1, 0.1), tau=0.5).exits.tolist() == [0]
        assert cuda.launches - launches == 2
        assert cuda.ran.count("engine") == 1  # the second is dropped: nobody waits for it
        assert engine(row(0.1, 0.9, 0.1, name=3), tau=0.5).predictions.tolist() == [3]


def test_a_bucket_larger_than_one_serves_one_image(
    scripted_bundle: Path, scripted_engine: Engine, tmp_path: Path
) -> None:
    with native(with_plans(scripted_bundle, tmp_path, batches=(4,)), FakeCuda()) as engine:
        x = row(0.1, 0.9, 0.3)
        same(engine(x, tau=0.5), scripted_engine(x, tau=0.5))


@pytest.mark.parametrize("exit", [0, 1, 2])
def test_the_device_times_the_way_to_any_exit(engine: Engine, exit: int) -> None:
    cuda, x = engine._running().backend._cuda, row(0.1, 0.2, 0.3)
    engine._running().backend.device_ms({"input": x}, exit)
    cuda.ran.clear()
    assert 0 < engine._running().backend.device_ms({"input": x}, exit) < 1000
    assert cuda.ran.count("engine") == exit + 1
    assert engine(row(0.1, 0.9, 0.3, name=8), tau=0.5).predictions.tolist() == [8]


@pytest.mark.parametrize("level", LEVELS)
def test_threads_have_lanes_of_their_own(scripted: Path, level: str) -> None:
    def work(engine: Engine, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            scores, name = rng.choice(np.float32(SCORES), 3), int(rng.integers(1000))
            result = engine(row(*scores, name=name), tau=0.5)
            leaves = [*np.flatnonzero(scores[:2] > 0.5), 2][0]
            assert (result.exits.item(), result.predictions.item()) == (leaves, name)

    with native(scripted, FakeCuda(), level=level) as engine, ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work, engine, seed) for seed in range(3)]:
            future.result()


@pytest.mark.parametrize(
    ("refuses", "level"),
    [("end_capture", 0), ("instantiate", 0), ("branch", 2), ("condition", 2), ("begin_branch", 2)],
)
def test_where_a_capture_is_refused_a_lower_level_runs_and_the_log_says_why(
    scripted: Path, caplog: pytest.LogCaptureFixture, refuses: str, level: int
) -> None:
    with caplog.at_level(logging.WARNING), native(scripted, FakeCuda(refuses=[refuses])) as engine:
        assert engine._running().backend.level == level
        assert engine(row(0.1, 0.9, 0.3), tau=0.5).exits.tolist() == [1]
    assert f"{refuses} failed" in caplog.text.replace("cudaStreamEndCapture", "end_capture")


def test_an_engine_may_be_closed_by_another_thread(scripted: Path) -> None:
    with native(scripted, FakeCuda()) as engine:
        engine(row(0.1, 0.9, 0.3), tau=0.5)
        thread = threading.Thread(target=engine.close)
        thread.start()
        thread.join()


def test_a_graph_that_answers_wrongly_is_not_used(
    scripted: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeCuda, "_enter_branch", lambda *arguments: None)
    with caplog.at_level(logging.WARNING), native(scripted, FakeCuda()) as engine:
        assert engine._running().backend.level == 2
        assert engine(row(0.1, 0.9, 0.3), tau=0.5).exits.tolist() == [1]
    assert "answers differently: exit 1 of 2" in caplog.text
