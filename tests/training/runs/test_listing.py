import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli_runs import tiny_recipe

from eeinfer.errors import DataError
from eeinfer.training import train
from eeinfer.training.runs.listing import list_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        train(replace(tiny_recipe(), seed=seed), folder / f"seed{seed}")
    (folder / "deep" / "under-way").mkdir(parents=True)
    line = json.dumps({"phase": 2, "epoch": 3, "loss": 1.0, "seconds": 2.5})
    (folder / "deep" / "under-way" / "metrics.jsonl").write_text(f"{line}\n{line[:9]}")
    (folder / "broken").mkdir()
    (folder / "broken" / "checkpoint.pt").write_bytes(b"PK damaged")
    return folder


def test_finished_runs_tell_accuracy_and_flops_of_every_exit(runs: Path) -> None:
    found = {run.folder: run for run in list_runs(runs)}
    one = found["seed1"]
    assert (one.state, one.regime, one.data, one.backbone, one.seed) == ("finished", "mixed", "synthetic", "resnet8", 1)
    assert one.accuracy is not None
    assert one.flops is not None
    assert len(one.accuracy) == len(one.flops) == 2
    assert one.flops[0] < one.flops[1]
    assert one.epochs == 2
    assert one.group == found["seed0"].group != ""


def test_a_run_under_way_and_a_damaged_one_are_told_too(runs: Path) -> None:
    found = {run.folder: run for run in list_runs(runs)}
    assert found["deep/under-way"].state == "phase 2, epoch 3"
    assert found["deep/under-way"].seconds == 2.5
    assert found["broken"].state == "cannot be read"
    assert "checkpoint.pt" in (found["broken"].problem or "")


def test_a_run_itself_may_be_named(runs: Path) -> None:
    assert [run.folder for run in list_runs(runs / "seed0")] == ["."]


def test_a_folder_without_runs_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no runs: .* train: eeinfer train"):
        list_runs(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        list_runs(tmp_path / "nowhere")


def test_the_command_shows_the_deviation_over_seeds(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from eeinfer.cli.training.runs import runs as command

    command(runs)
    text = capsys.readouterr().out
    assert "mean of 2 seeds" in text
    assert "±" in text
    command(runs, json_output=True)
    assert len(json.loads(capsys.readouterr().out)) == 4
