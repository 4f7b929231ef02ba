"""Tuning of the tiny bundle, quick and rough."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

import eeinfer
from eeinfer.backends.chosen import find_choice
from eeinfer.backends.onnx_runtime import library
from eeinfer.backends.profile import Profile, find_profile
from eeinfer.backends.threads import as_threads
from eeinfer.bench.tune import TuneConfig, Tuned, render_tuned, save_tuned, tune
from eeinfer.bench.tune.candidates import candidates, combined
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, ConfigError
from eeinfer.machine import cache

QUICK = TuneConfig(rounds=1, turn_seconds=0.01, sizes=(1, 2, 4), passes=2)


@pytest.fixture(scope="module")
def steps() -> list[str]:
    return []


@pytest.fixture(scope="module")
def tuned(tiny_bundle: Path, steps: list[str]) -> Tuned:
    return tune(tiny_bundle, QUICK, lambda doing, _done, _planned: steps.append(doing))


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def profile(tuned: Tuned, request: pytest.FixtureRequest) -> Profile:
    if request.param in tuned.left_out:
        pytest.skip(f"{request.param}: {tuned.left_out[request.param]}")
    return tuned.profiles[request.param]


def test_every_setting_is_tried_at_every_exit(profile: Profile) -> None:
    assert profile.exits == (0, 1, 2)
    assert {"parked:1"} <= {trial.threads for trial in profile.trials}
    assert all(len(trial.ms) == 3 and min(trial.ms) > 0 for trial in profile.trials)
    assert [trial.ratio for trial in profile.trials] == sorted(trial.ratio for trial in profile.trials)
    assert profile.trials[0].ratio >= 1


def test_a_process_with_other_things_to_do_gets_no_shared_pool(profile: Profile) -> None:
    assert not profile.threads.startswith("shared")
    assert profile.process == profile.trials[0].threads


def test_the_table_of_costs_is_filled(profile: Profile) -> None:
    assert profile.sizes == (1, 2, 4)
    assert [len(segment) for segment in profile.segment_ms] == [3, 3, 3]
    assert all(ms > 0 for segment in profile.segment_ms for ms in segment)
    assert profile.bytes_per_ms > 0


def test_what_was_found_is_what_is_read_back(
    tuned: Tuned, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    bundle = Bundle.open(tiny_bundle)
    save_tuned(bundle, tuned)
    assert find_profile(bundle, library()) == tuned.profiles["onnxruntime"]
    assert find_choice(bundle) == tuned.choice


def test_the_next_engine_runs_what_was_chosen(
    tuned: Tuned, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    bundle = Bundle.open(tiny_bundle)
    for backend in tuned.profiles:
        picks = tuple(msgspec.structs.replace(pick, backend=backend) for pick in tuned.choice.picks)
        save_tuned(bundle, replace(tuned, choice=msgspec.structs.replace(tuned.choice, picks=picks)))
        with eeinfer.load(tiny_bundle) as engine:
            assert engine.backend == backend
            assert engine.threads == max(as_threads(tuned.profiles[backend].threads, [1] * 3).counts)
        with eeinfer.load(tiny_bundle, backend="onnxruntime") as engine:
            assert engine.backend == "onnxruntime"


def test_the_terminal_shows_settings_costs_and_break_even(tuned: Tuned, tiny_bundle: Path) -> None:
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(render_tuned(tuned, Bundle.open(tiny_bundle)))
    text = capture.get()
    for expected in (
        "parked:1",
        "never leaving",
        "eeinfer.load takes",
        "segment 2",
        "before",
        tuned.choice.why(tuned.choice.pick()),
    ):
        assert expected in text


def test_progress_is_told(tuned: Tuned, steps: list[str]) -> None:
    assert {"opening onnxruntime", "taking turns", "what rows cost"} <= set(steps)


def test_large_batches_that_take_too_long_are_left_out(tiny_bundle: Path) -> None:
    config = TuneConfig(rounds=1, turn_seconds=0.01, sizes=(1, 2, 4), passes=1, size_seconds=0.0)
    found = tune(tiny_bundle, config, lambda *_: None)
    assert {profile.sizes for profile in found.profiles.values()} == {(1,)}


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        tune(tmp_path / "none.eeb", QUICK, lambda *_: None)


@pytest.mark.parametrize("name", ["rounds", "most_exits", "passes"])
def test_settings_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        TuneConfig(**{name: 0})


def test_one_core_has_nothing_to_share() -> None:
    assert candidates(1, [10**9]) == ["parked:1"]


def test_many_cores_are_tried_in_steps() -> None:
    found = candidates(12, [10**9, 10**9])
    counts = {int(setting.partition(":")[2]) for setting in found}
    assert counts == {1, 2, 4, 8, 12}
    assert {"shared:12", "stopping:4", "parked:8"} <= set(found)
    assert not any(setting.startswith("spinning") for setting in found)


def test_the_usual_mixture_for_small_segments_is_tried() -> None:
    assert any("," in setting for setting in candidates(8, [10**6, 10**9]))


def test_segments_that_are_quicker_alone_get_one_thread() -> None:
    assert combined([0.1, 5.0], [0.2, 3.0], "parked", 2) == "parked:1,2"
    assert combined([1.0, 5.0], [0.6, 3.0], "parked", 2) is None
