"""``eeinfer tune``."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer.backends.onnx_runtime import library
from eeinfer.backends.profile import find_profile
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))


def test_it_shows_what_it_found_and_keeps_it(run: Run, tiny_bundle: Path) -> None:
    done = run("tune", tiny_bundle, "--rounds", 1)
    assert done.status == 0
    assert "eeinfer.load takes" in done.out
    assert "kept for later runs: " in done.err
    found = find_profile(Bundle.open(tiny_bundle), library())
    assert found is not None
    assert found.bundle == "tiny"


def test_a_report_is_written_where_one_is_asked_for(run: Run, tiny_bundle: Path) -> None:
    done = run("tune", tiny_bundle, "--rounds", 1, "--out", "tuned")
    assert "report: tuned/tune.html" in done.err
    page, lines = Path("tuned/tune.html").read_text(), Path("tuned/tune.csv").read_text().splitlines()
    assert page.count("data-plot=") == 2
    profiles = json.loads(Path("tuned/tune.json").read_text())["profiles"]
    assert len(lines) == 1 + sum(len(profile["trials"]) for profile in profiles.values())


def test_json_is_the_profile_and_nothing_is_kept_where_the_cache_is_off(
    run: Run, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    done = run("tune", tiny_bundle, "--rounds", 1, "--json")
    assert json.loads(done.out)["choice"]["bundle"] == "tiny"
    assert "EEINFER_CACHE is off" in done.err


def test_a_missing_bundle_is_one_line(run: Run) -> None:
    done = run("tune", "none.eeb")
    assert done.status == 1
    assert "no bundle at none.eeb" in only_line(done.err)


def test_no_rounds_are_refused(run: Run, tiny_bundle: Path) -> None:
    assert "rounds is 0" in only_line(run("tune", tiny_bundle, "--rounds", 0).err)
