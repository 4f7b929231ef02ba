"""The compiled loop as a backend: settings, errors, and the same bits as the loop in Python."""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import form_faults
import numpy as np
import pytest
from altered_bundles import edit, swap
from closing import closed_under_callers

import eeinfer
from eeinfer import BundleError, ConfigError, samples
from eeinfer.backends.native import library
from eeinfer.bundle.folder import Bundle
from eeinfer.export.optimise.api import optimise
from eeinfer.machine import cache

FIELDS = ("predictions", "exits", "scores", "logits", "flops", "valid", "near_tau")


@pytest.fixture(autouse=True)
def named(native_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))


@pytest.fixture
def both() -> Iterator[tuple[eeinfer.Engine, eeinfer.Engine]]:
    with eeinfer.load(backend="native", threads=1) as one, eeinfer.load(backend="onnxruntime", threads=1) as other:
        yield one, other


@pytest.mark.parametrize("tau", [0.0, 0.5, 0.8, 0.95, 1.0, [0.9, 0.6, 0.99, 0.0]])
@pytest.mark.parametrize("rows", [1, 7, 32])
def test_the_two_loops_give_the_same_bits(
    both: tuple[eeinfer.Engine, eeinfer.Engine], tau: float | list[float], rows: int
) -> None:
    images = samples.images()[0][:rows]
    one, other = (engine(images, tau=tau) for engine in both)
    for field in FIELDS:
        assert getattr(one, field).tobytes() == getattr(other, field).tobytes(), field
    every, twin = (engine.all_exits(images) for engine in both)
    assert (every.logits.tobytes(), every.scores.tobytes()) == (twin.logits.tobytes(), twin.scores.tobytes())


def test_a_row_that_cannot_be_answered_leaves_its_neighbours_alone(
    both: tuple[eeinfer.Engine, eeinfer.Engine],
) -> None:
    rows = np.random.default_rng(0).normal(0, 1, (9, 1, 28, 28)).astype(np.float32)
    rows[[2, 5], 0, 3, 3] = np.nan, np.inf
    results = []
    for engine in both:
        with pytest.warns(eeinfer.NonFiniteWarning, match="2 of 9 rows"):
            results.append(engine(rows, tau=0.7))
    for field in FIELDS:
        assert getattr(results[0], field).tobytes() == getattr(results[1], field).tobytes(), field
    assert results[0].exits[[2, 5]].tolist() == [-1, -1]


@pytest.mark.parametrize("fault", form_faults.FAULTS)
@pytest.mark.parametrize("into", ["cache", "bundle"])
def test_a_form_that_opens_and_does_not_run_is_not_used_and_one_line_says_so(
    bundle_copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    into: str,
    fault: str,
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    form = optimise(Bundle.open(bundle_copy), into)
    assert form is not None
    if into == "bundle":
        monkeypatch.setenv(cache.VARIABLE, "off")
    sound = {path: path.read_bytes() for path in form.iterdir()}
    form_faults.FAULTS[fault](form)
    with eeinfer.load(bundle_copy, backend="native", threads=1) as engine:
        assert not engine.optimised
    [told] = caplog.messages
    assert f"{form} is not used, the segments run as they are" in told
    for path, data in sound.items():
        path.write_bytes(data)
    with eeinfer.load(bundle_copy, backend="native", threads=1) as engine:
        assert engine.optimised


@pytest.mark.parametrize(
    ("threads", "count"), [(None, 1), (1, 1), (2, 2), ("parked:2", 2), ("stopping:2", 2), ("spinning:1", 1)]
)
def test_threads_are_as_in_python(tiny_bundle: Path, threads: int | str | None, count: int) -> None:
    with eeinfer.load(tiny_bundle, threads=threads) as engine:
        assert (engine.backend, engine.threads) == ("native", count)


@pytest.mark.parametrize("threads", [0, 1.5, True, "4", "parked:x", "parked:1,2", "shared:1,2,1"])
def test_senseless_settings_are_refused_in_the_same_words(tiny_bundle: Path, threads: int) -> None:
    said = []
    for backend in ("native", "onnxruntime", None):
        with pytest.raises(ConfigError, match=r"threads is .*; give 1 or more") as caught:
            eeinfer.load(tiny_bundle, threads=threads, backend=backend)
        said.append(str(caught.value))
    assert len(set(said)) == 1


def test_it_has_no_options_and_runs_on_no_gpu(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="backend 'native' has no options, got level"):
        eeinfer.load(tiny_bundle, backend="native", options={"level": "1"})
    with pytest.raises(ConfigError, match="'native' runs on the CPU and device is 'cuda'"):
        eeinfer.load(tiny_bundle, backend="native", device="cuda")


def test_an_error_of_the_bundle_has_the_words_of_the_python_reader(bundle_copy: Path) -> None:
    edit(bundle_copy, lambda data: data["segments"][1]["inputs"][0].update(name="nobody"))
    said = []
    for backend in ("native", "onnxruntime", None):
        with pytest.raises(BundleError, match="nobody") as caught:
            eeinfer.load(bundle_copy, backend=backend)
        said.append(str(caught.value))
    assert len(set(said)) == 1


def test_what_it_cannot_open_is_tried_with_the_other_backend(bundle_copy: Path) -> None:
    swap(bundle_copy, "segment_01.onnx", b"\x00no graph")
    with pytest.raises(BundleError, match=r"segment_01\.onnx"):
        eeinfer.load(bundle_copy)


def test_precisions_that_a_cpu_has_not_are_refused(bundle_copy: Path) -> None:
    edit(bundle_copy, lambda data: data.update(precision="bf16"))
    with pytest.raises(BundleError, match="in bf16, which ONNX Runtime does not compute on a CPU"):
        eeinfer.load(bundle_copy, backend="native")


def test_the_machine_s_profile_is_heeded(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eeinfer.backends.onnx_runtime import library as name
    from eeinfer.backends.profile import profile_path
    from eeinfer.bundle.folder import Bundle
    from eeinfer.machine import cache

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    path = profile_path(Bundle.open(tiny_bundle), name())
    assert path is not None
    cache.make_folder(path.parent)
    profile = {
        **{"version": 1, "bundle": "tiny", "threads": "parked:2", "process": "shared:2", "exits": [0], "trials": []},
        **{"sizes": [1, 2], "segment_ms": [[1.0, 2.0]] * 3, "move_ms": 0.1, "bytes_per_ms": 1e6},
        **{"created": "2026-01-01T00:00:00+00:00", "cores": 2},
    }
    path.write_text(json.dumps(profile))
    for backend in ("native", "onnxruntime"):
        with eeinfer.load(tiny_bundle, backend=backend) as engine:
            assert engine.threads == 2, backend


def test_many_threads_call_one_engine(both: tuple[eeinfer.Engine, eeinfer.Engine]) -> None:
    images = samples.images()[0][:64]
    one, other = both
    expected = other(images, tau=0.8)

    def ask(worker: int) -> bool:
        part = slice(worker, None, 8)
        alone = [one(image, tau=0.8) for image in images[part]]
        together = one(images[part], tau=0.8)
        return [int(result.predictions[0]) for result in alone] == expected.predictions[part].tolist() and (
            together.predictions.tolist() == expected.predictions[part].tolist()
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


def test_closing_lets_calls_under_way_finish_and_memory_go(tiny_bundle: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    done = closed_under_callers(
        lambda: eeinfer.load(tiny_bundle, threads=1),
        images,
        lambda engine: (len(engine(images, tau=0.9)) for _ in range(50)),
        lambda engine: engine._running().backend._open,  # type: ignore[union-attr]  # the library's engine
    )
    assert done.answered <= {40}
    assert done.streamed <= 40
    gc.collect()
    assert done.held() is None


def test_batches_that_nobody_ends_are_ended(tiny_bundle: Path) -> None:
    images = np.random.default_rng(0).normal(0, 1, (8, 1, 8, 8)).astype(np.float32)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        steps = engine._running()
        for _ in range(200):
            batch = steps.start({"input": images}, list(range(8)), steps.never)
            steps.step(batch)
        del batch
        assert engine(images, tau=0).exits.tolist() == [0] * 8


def run(code: str, *arguments: object) -> str:
    """Run code in a Python of its own, where no pool was made yet."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


IN_THE_POOL = """
import sys, numpy as np, eeinfer
eeinfer.share_threads(2)
engine = eeinfer.load(sys.argv[1])
print(engine.backend, engine.threads, engine(np.zeros((3, 8, 8), np.uint8), tau=1).exits.tolist())
"""
COUNTS_RUNTIMES = """
with open("/proc/self/maps") as maps:
    print(sorted({line.split("/")[-1].split(".")[0] for line in maps if "onnxruntime" in line and "r-xp" in line}
          - {"libonnxruntime_providers_shared"}))
"""


def test_it_runs_in_the_one_pool_of_the_process(tiny_bundle: Path) -> None:
    assert run(IN_THE_POOL, tiny_bundle) == "native 2 [2, 2, 2]"


def test_other_threads_than_those_of_the_pool_have_no_effect_and_it_says_so(tiny_bundle: Path) -> None:
    code = """
import sys, warnings, eeinfer
eeinfer.share_threads(2)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(eeinfer.load(sys.argv[1], threads="stopping:1").threads)
print(said[0].message)
"""
    threads, said = run(code, tiny_bundle).splitlines()
    assert threads == "2"
    assert said == "threads=stopping:1 has no effect: this process has one pool for all sessions"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not say what a process has loaded")
def test_where_onnxruntime_is_imported_already_no_second_one_is_loaded(tiny_bundle: Path) -> None:
    eeinfer.load(tiny_bundle).close()  # made for this machine, which would import it
    load = "import sys, eeinfer; engine = eeinfer.load(sys.argv[1]); assert engine.backend == 'native'"
    assert run(load + COUNTS_RUNTIMES, tiny_bundle) == "['libonnxruntime']"
    assert run("import onnxruntime;" + load + COUNTS_RUNTIMES, tiny_bundle) == "['onnxruntime_pybind11_state']"


def test_both_backends_of_one_process_share_its_arena(tiny_bundle: Path) -> None:
    code = """
import sys, numpy as np, onnxruntime, eeinfer
for backends in (["native", "onnxruntime", "native"], ["onnxruntime", "native"]):
    engines = [eeinfer.load(sys.argv[1], backend=backend, threads=1) for backend in backends]
    print(len({engine(np.zeros((8, 8), np.uint8)).scores.tobytes() for engine in engines}))
"""
    assert run(code, tiny_bundle).splitlines() == ["1", "1"]


def test_a_runtime_that_is_named_brings_a_pool_of_its_own_and_is_not_taken_unasked(tiny_bundle: Path) -> None:
    runtime = library.onnxruntime_file()
    if runtime is None:
        pytest.skip("there is no onnxruntime package whose library could be named")
    code = f"""
import os, sys, eeinfer
os.environ["EEINFER_ONNXRUNTIME"] = {str(runtime)!r}
first = eeinfer.load(sys.argv[1])
eeinfer.share_threads(2)
print(first.backend, eeinfer.load(sys.argv[1]).backend)
try:
    eeinfer.load(sys.argv[1], backend="native")
except eeinfer.ConfigError as error:
    print(error)
"""
    backends, error = run(code, tiny_bundle).splitlines()
    assert backends == "native onnxruntime"
    assert "open the engine that asks for it first" in error
