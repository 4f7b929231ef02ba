"""A run that MLflow is told of: nothing unasked, aloud where it cannot, and one run for a training that goes on."""

import logging
from pathlib import Path
from typing import Any

import pytest

from eeinfer.errors import ConfigError
from eeinfer.training.runs import tracking
from eeinfer.training.runs.tracking import VARIABLE, tracked

RECORD: Any = {"phase": 1, "epoch": 0, "loss": 0.5, "lr": 0.1, "val_accuracy": [0.25, 0.75]}
SETTINGS = {"seed": 3, "data.name": "digits"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(VARIABLE, (tmp_path / "tracked").as_uri())
    return tmp_path


def test_a_run_that_goes_on_stays_one_run(place: Path) -> None:
    from mlflow import MlflowClient

    (folder := place / "mixed-0").mkdir()
    first = tracked(folder, SETTINGS, resumed=False)
    assert first is not None
    first.add(RECORD, 0)
    again = tracked(folder, SETTINGS, resumed=True)
    assert again is not None
    again.add(RECORD, 1)
    again.finish([0.5, 0.9])
    client = MlflowClient()
    experiment = client.get_experiment_by_name("eeinfer")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "mixed-0"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "3", "data.name": "digits"}
    assert run.data.metrics["test_accuracy_1"] == 0.9
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "val_accuracy_0")] == [0, 1]


def test_what_fails_later_ends_the_tracking_and_not_the_training(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tracked(place, SETTINGS, resumed=False)
    assert run is not None

    def lost(*_: object, **__: object) -> None:
        raise OSError("the net is gone")

    monkeypatch.setattr(run._client, "log_metric", lost)
    run.add(RECORD, 0)
    run.finish([0.5])
    assert caplog.text.count("MLflow is told no more of this run: OSError: the net is gone") == 1


def test_a_place_that_does_not_answer_is_refused_before_training(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "nowhere://user:secret@here")
    with pytest.raises(ConfigError, match=f"as {VARIABLE} says .*unsetting that variable"):
        tracked(place, SETTINGS, resumed=False)


def test_nothing_is_told_unasked_and_a_missing_package_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert tracked(tmp_path, SETTINGS, resumed=False) is None
    assert caplog.text == ""
    monkeypatch.setenv(VARIABLE, "http://localhost:1")
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert tracked(tmp_path, SETTINGS, resumed=False) is None
    assert "pip install 'eeinfer[mlflow]'" in caplog.text
