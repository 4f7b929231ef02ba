"""The choice that tuning made: taken where it fits, left alone where it does not."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import eeinfer
from eeinfer.backends.chosen import (
    Agreement,
    Candidate,
    Choice,
    Pick,
    choice_path,
    expected,
    find_choice,
    how,
    kept_choices,
    library_version,
    save_choice,
)
from eeinfer.backends.ort.process import take_process
from eeinfer.bundle.folder import Bundle
from eeinfer.machine import cache
from eeinfer.machine.versions import version_of

SAME = Agreement(rows=64, taus=(0.5, 0.9), decisions=1.0, predictions=1.0, score_error=1e-6)


def candidate(backend: str, agreement: Agreement | None = None) -> Candidate:
    return Candidate(backend=backend, version=version_of(backend) or "0", agreement=agreement)


def pick(backend: str, ratio: float = 0.9, *, threads: int | None = None, process: bool = False) -> Pick:
    return Pick(
        process=process,
        threads=threads,
        backend=backend,
        settings={"onnxruntime": "parked:1", "openvino": "parked:1"},
        ratios={"onnxruntime": 1.0, "openvino": ratio},
    )


def everywhere(backend: str) -> tuple[Pick, ...]:
    return pick(backend), pick(backend, process=True)


FIRST = candidate("onnxruntime")
CHOICE = Choice(
    bundle="tiny",
    candidates=(FIRST, candidate("openvino", SAME)),
    picks=everywhere("openvino"),
    processor="any",
    created="2026-01-01T00:00:00+00:00",
)
WHY = "eeinfer tune: openvino takes 0.90 of onnxruntime's time, same answers"


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
    assert CHOICE.why(CHOICE.pick()) == WHY
    other = msgspec.structs.replace(SAME, predictions=0.99)
    first = msgspec.structs.replace(
        CHOICE, picks=everywhere("onnxruntime"), candidates=(FIRST, candidate("openvino", other))
    )
    assert first.why(first.pick()) == (
        "eeinfer tune: onnxruntime is taken, openvino takes 0.90 of its time and answers 1.0% otherwise"
    )
    alone = msgspec.structs.replace(first, candidates=(FIRST,))
    assert alone.why(alone.pick()) == "eeinfer tune found onnxruntime alone"


def test_decisions_that_differ_are_told() -> None:
    near = candidate("openvino", msgspec.structs.replace(SAME, decisions=0.9987, score_error=3.2e-5))
    told = msgspec.structs.replace(CHOICE, candidates=(FIRST, near))
    assert told.why(told.pick()).endswith("same classes, 99.87% of decisions, scores within 3e-05")


def test_each_number_of_threads_has_its_own_pick_and_those_between_take_the_next_smaller() -> None:
    found = msgspec.structs.replace(
        CHOICE,
        picks=(*everywhere("onnxruntime"), pick("openvino", threads=1), pick("onnxruntime", threads=4)),
    )
    assert [found.pick(threads).backend for threads in (None, 1, 3, 4, 99)] == [
        *("onnxruntime", "openvino", "openvino", "onnxruntime", "onnxruntime")
    ]
    assert found.pick(1, process=True).backend == "onnxruntime"


@pytest.mark.usefixtures("openvino")
def test_an_engine_takes_what_is_quickest_with_the_threads_that_it_is_asked_for(bundle: Bundle) -> None:
    save_choice(
        bundle, msgspec.structs.replace(CHOICE, picks=(*everywhere("onnxruntime"), pick("openvino", threads=2)))
    )
    for threads, backend in ((None, "onnxruntime"), (1, "onnxruntime"), (2, "openvino"), ("parked:2", "openvino")):
        with eeinfer.load(bundle.path, threads=threads) as engine:
            assert engine.backend == expected(bundle, threads) == backend, threads
    assert how(bundle, "openvino", 2) == f"OpenVINO: {WHY}"


@pytest.mark.usefixtures("openvino")
def test_who_asks_for_a_pool_that_one_library_has_gets_that_library(bundle: Bundle) -> None:
    save_choice(bundle, CHOICE)
    with eeinfer.load(bundle.path, threads="stopping:2") as engine:
        assert engine.backend == expected(bundle, "stopping:2") == "onnxruntime"
    assert "takes" not in how(bundle, "onnxruntime", "stopping:2")


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
        lambda data: data.replace(b'"version": 2', b'"version": 1', 1),
        lambda data: data.replace(b'"backend": "openvino"', b'"backend": "another"', 1),
        lambda data: data.replace(b'"openvino": "parked:1"', b'"another": "parked:1"'),
        lambda data: data.replace(b'"threads": null', b'"threads": 1'),
        lambda data: data.replace(b'"process": true', b'"process": false'),
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
    numpy_picks = tuple(
        msgspec.structs.replace(each, backend="numpy", ratios={"numpy": 1.0}, settings={"numpy": "parked:1"})
        for each in everywhere("numpy")
    )
    save_choice(bundle, msgspec.structs.replace(CHOICE, picks=numpy_picks, candidates=(FIRST, unknown)))
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
    save_choice(bundle, msgspec.structs.replace(CHOICE, picks=everywhere("onnxruntime")))
    take_process(bundle.path, None)
    assert asked == [2, None]
    save_choice(
        bundle,
        msgspec.structs.replace(CHOICE, picks=(*everywhere("openvino"), pick("onnxruntime", threads=1, process=True))),
    )
    for threads in (None, 1, 2):
        take_process(bundle.path, threads)
    assert asked == [2, None, 1, 2]


def test_all_that_is_kept_is_found_and_what_is_damaged_left_out(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    assert kept_choices() == []
    path = save_choice(bundle, CHOICE)
    assert path is not None
    path.with_name("other.json").write_bytes(b"{}")
    with caplog.at_level(logging.WARNING):
        assert kept_choices() == [CHOICE]
    assert "other.json is not used" in caplog.text


@pytest.mark.usefixtures("openvino")
def test_what_holds_for_another_version_is_not_told(bundle: Bundle) -> None:
    old = msgspec.structs.replace(candidate("openvino", SAME), version="0.1")
    save_choice(bundle, msgspec.structs.replace(CHOICE, candidates=(FIRST, old)))
    assert kept_choices() == []


@pytest.mark.usefixtures("openvino")
def test_any_package_of_the_runtime_has_its_version(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime-gpu": "1.26.0", "openvino": version_of("openvino")}
    monkeypatch.setattr("eeinfer.machine.versions.version_of", installed.get)
    assert library_version("onnxruntime") == "1.26.0"
    first = msgspec.structs.replace(FIRST, version="1.26.0")
    choice = msgspec.structs.replace(CHOICE, candidates=(first, CHOICE.candidates[1]))
    save_choice(bundle, choice)
    assert find_choice(bundle) == choice


def test_nothing_is_kept_where_the_cache_is_off(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, cache.OFF)
    assert choice_path(bundle) is None
    assert save_choice(bundle, CHOICE) is None
    assert find_choice(bundle) is None
    assert kept_choices() == []


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
    assert how(bundle, "openvino") == f"OpenVINO: {WHY}"
    assert how(bundle, "native") == "ONNX Runtime, the compiled loop: it was asked for"
