"""The choice that tuning made: taken where it fits, left alone where it does not."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import eeinfer
from eeinfer.backends.chosen import Candidate, Choice, choice_path, expected, find_choice, how, save_choice
from eeinfer.backends.ort.process import take_process
from eeinfer.bundle.folder import Bundle
from eeinfer.machine import cache
from eeinfer.machine.versions import version_of


def candidate(backend: str, ratio: float = 1.0, agreement: float = 1.0) -> Candidate:
    version = version_of(backend) or "0"
    return Candidate(
        backend=backend,
        version=version,
        threads="parked:1",
        ms=(1.0,),
        ratio=ratio,
        agreement=agreement,
        score_error=0.0,
    )


FIRST = candidate("onnxruntime")
CHOICE = Choice(
    bundle="tiny",
    backend="openvino",
    candidates=(FIRST, candidate("openvino", 0.9)),
    processor="any",
    created="2026-01-01T00:00:00+00:00",
)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


@pytest.fixture
def openvino() -> None:
    pytest.importorskip("openvino")


@pytest.mark.usefixtures("openvino")
def test_it_comes_back_and_is_what_an_engine_runs(bundle: Bundle) -> None:
    assert find_choice(bundle) is None
    path = save_choice(bundle, CHOICE)
    assert path is not None
    assert [*path.parent.iterdir()] == [path]
    assert find_choice(bundle) == CHOICE
    with eeinfer.load(bundle.path) as engine, eeinfer.load(bundle.path, backend="onnxruntime") as named:
        assert (engine.backend, named.backend) == ("openvino", "onnxruntime")


def test_it_says_why() -> None:
    assert CHOICE.why == "eeinfer tune: openvino takes 0.90 of onnxruntime's time, same answers"
    other = msgspec.structs.replace(
        CHOICE, backend="onnxruntime", candidates=(FIRST, candidate("openvino", 0.9, agreement=0.99))
    )
    assert other.why == "eeinfer tune: onnxruntime is taken, openvino takes 0.90 of its time and answers 1.0% otherwise"
    assert msgspec.structs.replace(other, candidates=(FIRST,)).why == "eeinfer tune found onnxruntime alone"


@pytest.mark.usefixtures("openvino")
@pytest.mark.parametrize("which", [0, 1])
def test_another_version_of_any_candidate_makes_it_void(bundle: Bundle, which: int) -> None:
    candidates = [*CHOICE.candidates]
    candidates[which] = msgspec.structs.replace(candidates[which], version="0.1")
    save_choice(bundle, msgspec.structs.replace(CHOICE, candidates=tuple(candidates)))
    assert find_choice(bundle) is None
    with eeinfer.load(bundle.path) as engine:
        assert engine.backend == "onnxruntime"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:50],
        lambda data: b"\xff" + data,
        lambda data: data.replace(b'"version": 1', b'"version": 2', 1),
        lambda data: data.replace(b'"backend": "openvino"', b'"backend": "another"', 1),
        lambda data: b"[" * 100_000,
        lambda data: data + b" " * (1 << 17),
    ],
)
def test_a_damaged_one_is_named_and_not_used(
    bundle: Bundle, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = save_choice(bundle, CHOICE)
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert find_choice(bundle) is None
    assert f"{path} is not used" in caplog.text
    with eeinfer.load(bundle.path) as engine:
        assert engine.backend == "onnxruntime"


def test_a_backend_that_this_version_does_not_know_is_passed_over(bundle: Bundle) -> None:
    unknown = msgspec.structs.replace(FIRST, backend="numpy", version=version_of("numpy") or "")
    save_choice(bundle, msgspec.structs.replace(CHOICE, backend="numpy", candidates=(FIRST, unknown)))
    with eeinfer.load(bundle.path) as engine:
        assert engine.backend == "onnxruntime"


@pytest.mark.usefixtures("openvino")
def test_a_chosen_backend_that_does_not_open_the_bundle_is_passed_over(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_choice(bundle, CHOICE)
    monkeypatch.setattr("eeinfer.backends.openvino.backend._NOT_HERE", ("fp32",))
    with eeinfer.load(bundle.path) as engine:
        assert engine.backend == "onnxruntime"


@pytest.mark.usefixtures("openvino")
def test_a_process_whose_bundle_another_library_runs_gets_no_pool(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr("eeinfer.backends.ort.process.share_threads", asked.append)
    save_choice(bundle, CHOICE)
    for threads in (None, 2):
        take_process(bundle.path, threads)
    take_process(bundle.path, 2, "openvino")
    assert asked == []
    take_process(bundle.path, 2, "native")
    assert asked == [2]
    save_choice(bundle, msgspec.structs.replace(CHOICE, backend="onnxruntime"))
    take_process(bundle.path, None)
    assert asked == [2, None]


def test_nothing_is_kept_where_the_cache_is_off(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, cache.OFF)
    assert choice_path(bundle) is None
    assert save_choice(bundle, CHOICE) is None
    assert find_choice(bundle) is None


@pytest.mark.usefixtures("openvino")
def test_what_is_expected_is_what_an_engine_runs_in_a_process_with_one_pool_too(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_choice(bundle, CHOICE)
    monkeypatch.setattr("eeinfer.backends.chosen.shared_threads", lambda: 1)
    with eeinfer.load(bundle.path) as engine:
        assert expected(bundle) == engine.backend == "onnxruntime"


@pytest.mark.usefixtures("openvino")
def test_what_runs_and_why_is_a_sentence(bundle: Bundle) -> None:
    assert expected(bundle) == "onnxruntime"
    assert how(bundle, "onnxruntime").startswith("ONNX Runtime, the loop in Python: EEINFER_NATIVE is off")
    assert how(bundle, "openvino") == "OpenVINO: it was asked for"
    save_choice(bundle, CHOICE)
    assert expected(bundle) == "openvino"
    assert how(bundle, "openvino") == f"OpenVINO: {CHOICE.why}"
    assert how(bundle, "native") == "ONNX Runtime, the compiled loop: it was asked for"
