"""The choice that tuning made: taken where it fits, left alone where it does not."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from choices import BROKEN, CHOICE, FIRST, SAME, WHY, break_openvino, candidate, everywhere, pick

import eeinfer
from eeinfer.backends.chosen import (
    by_itself,
    choice_path,
    find_choice,
    how,
    kept_choices,
    library_version,
    save_choice,
)
from eeinfer.bundle.folder import Bundle
from eeinfer.machine import cache
from eeinfer.machine.versions import version_of


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
            assert engine.backend == by_itself(bundle, threads)[0] == backend, threads
    assert how(bundle, "openvino", 2, named=False) == f"OpenVINO: {WHY}"


@pytest.mark.usefixtures("openvino")
def test_who_asks_for_a_pool_that_one_library_has_gets_that_library(bundle: Bundle) -> None:
    save_choice(bundle, CHOICE)
    with eeinfer.load(bundle.path, threads="stopping:2") as engine:
        assert engine.backend == by_itself(bundle, "stopping:2")[0] == "onnxruntime"
    assert "takes" not in how(bundle, "onnxruntime", "stopping:2", named=False)


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
        assert by_itself(bundle)[0] == engine.backend == "onnxruntime"


@pytest.mark.usefixtures("openvino")
def test_what_runs_and_why_is_a_sentence(bundle: Bundle) -> None:
    loop = "ONNX Runtime, the loop in Python: EEINFER_NATIVE is off"
    assert by_itself(bundle) == ("onnxruntime", how(bundle, "onnxruntime", named=False))
    assert how(bundle, "onnxruntime", named=False).startswith(loop)
    save_choice(bundle, CHOICE)
    assert by_itself(bundle) == ("openvino", f"OpenVINO: {WHY}")
    assert how(bundle, "openvino", named=False) == f"OpenVINO: {WHY}"
    assert how(bundle, "onnxruntime", named=False) == "ONNX Runtime, the loop in Python: openvino was passed over"


@pytest.mark.usefixtures("openvino")
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "native"])
def test_of_a_backend_that_was_named_it_is_said_that_it_was_asked_for(bundle: Bundle, backend: str) -> None:
    save_choice(bundle, CHOICE)
    assert how(bundle, backend, named=True).endswith(": it was asked for")


@pytest.mark.usefixtures("openvino")
def test_the_record_is_read_once_to_say_why(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    path = save_choice(bundle, CHOICE)
    assert path is not None
    path.write_bytes(b"{}")
    with caplog.at_level(logging.WARNING):
        how(bundle, "onnxruntime", named=False)
    assert caplog.text.count(f"{path} is not used") == 1


@pytest.mark.usefixtures("openvino")
def test_of_damage_and_a_setting_that_is_none_the_damage_is_told_tuned_or_not(bundle_copy: Path) -> None:
    save_choice(Bundle.open(bundle_copy), CHOICE)
    with pytest.raises(eeinfer.ConfigError, match="nonsense"):
        eeinfer.load(bundle_copy, threads="nonsense")
    segment = bundle_copy / "segment_01.onnx"
    segment.write_bytes(bytes(segment.stat().st_size))  # the size is looked at before all else
    with pytest.raises(eeinfer.BundleError, match="segment_01"):
        eeinfer.load(bundle_copy, threads="nonsense")


@pytest.mark.usefixtures("openvino")
def test_a_chosen_library_that_no_longer_loads_is_passed_over_and_told(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_choice(bundle, CHOICE)
    break_openvino(monkeypatch, tmp_path)
    with eeinfer.load(bundle.path) as engine:
        assert engine.backend == by_itself(bundle)[0] == "onnxruntime"
    assert f"eeinfer tune chose openvino; openvino is installed but does not load ({BROKEN})" in how(
        bundle, "onnxruntime", named=False
    )
