"""`eeinfer serve --degrade`: the floor under overload comes from a bundle that is certified for the files served."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from cli_runs import Run, only_line

from eeinfer.serving.config import ServingConfig


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The settings of the servers that a command would have started."""
    module = pytest.importorskip("eeinfer.serving.web.processes.supervisor")
    found: list[Any] = []

    class Noted:
        def __init__(self, settings: Any) -> None:
            found.append(settings)

        def run(self, ready: Any) -> None:
            ready(module.Addresses(host="127.0.0.1", http=1, grpc=None, metrics=None))

    monkeypatch.setattr(module, "Supervisor", Noted)
    return found


def test_the_floor_is_the_certified_thresholds(run: Run, tiny_bundle: Path, tmp_path: Path, started: list[Any]) -> None:
    sure = shutil.copytree(tiny_bundle, tmp_path / "sure.eeb")
    certificate = certified(sure)
    done = run("serve", str(tiny_bundle), "--degrade", str(sure), "--max-batch", "4")
    assert done.status == 0, done.err
    assert started[0].serving == ServingConfig(max_batch=4, floor=certificate.taus)
    assert "under overload" in done.err
    assert "http://127.0.0.1:1/" in done.err


def test_what_promises_nothing_is_no_floor(
    run: Run, tiny_bundle: Path, scripted_bundle: Path, tmp_path: Path, started: list[Any]
) -> None:
    sure = shutil.copytree(tiny_bundle, tmp_path / "sure.eeb")
    certified(sure)
    for bundles, degrade, text in (
        ([tiny_bundle], tiny_bundle, "has no certificate"),
        ([scripted_bundle], sure, "does not hold for"),
        ([tiny_bundle, scripted_bundle], sure, "--degrade is for one bundle"),
    ):
        done = run("serve", *map(str, bundles), "--degrade", str(degrade))
        assert text in only_line(done.err)
    assert not started
