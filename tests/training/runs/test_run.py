import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_runs import KillAt, Killed, assert_same, lines, weights
from torch import Tensor

from eeinfer.errors import CheckpointError, ConfigError, DataError
from eeinfer.training import BackboneConfig, DataConfig, PhaseConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.calibration.observe import Images
from eeinfer.training.runs import run as run_module


@pytest.fixture(scope="module")
def all_phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("all_phases")
    train(all_phases_config(), folder)
    return folder


def all_phases_config() -> TrainConfig:
    """Every phase, with dropout-like noise from augmentation and an early stop in phase 2."""
    quick = PhaseConfig(epochs=2, lr=0.05)
    return TrainConfig(
        data=DataConfig(name="synthetic", batch_size=128),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        regime="+++",
        phase1=quick,
        phase2=replace(quick, epochs=3, optimizer="adamw", lr=1e-6, patience=1),
        phase3=replace(quick, scheduler="none", clip=1.0, label_smoothing=0.1),
        device="cpu",
    )


def test_the_same_command_twice_gives_the_same_weights(all_phases: Path, tmp_path: Path) -> None:
    train(all_phases_config(), tmp_path)
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(all_phases / "checkpoint.pt"))
    assert lines(tmp_path) == lines(all_phases)


def test_another_seed_gives_other_weights(all_phases: Path, tmp_path: Path) -> None:
    path = train(replace(all_phases_config(), seed=1), tmp_path)
    ours, theirs = weights(path), weights(all_phases / "checkpoint.pt")
    assert not torch.equal(ours["backbone.conv1.weight"], theirs["backbone.conv1.weight"])


def test_training_leaves_the_global_random_state_alone(tiny: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(replace(tiny, regime="-+-"), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_a_run_records_its_phases(all_phases: Path) -> None:
    provenance = load_checkpoint(all_phases / "checkpoint.pt").provenance
    assert [summary["phase"] for summary in provenance["phases"]] == [1, 2, 3]
    assert provenance["phases"][1]["epochs"] < 3, "patience ended phase 2 early"
    assert provenance["regime"] == "+++"
    assert len(provenance["test_accuracy"]) == 3
    assert json.loads(json.dumps(provenance)) == provenance
    *epochs, last = lines(all_phases)
    assert [record["phase"] for record in epochs] == [1, 1, *[2] * provenance["phases"][1]["epochs"], 3, 3]
    assert last == {"test_accuracy": provenance["test_accuracy"]}
    assert not (all_phases / "state.pt").exists()


@pytest.mark.parametrize(
    ("event", "count"),
    [("batch", 2), ("batch", 6), ("epoch", 1), ("epoch", 2), ("phase", 1), ("epoch", 3), ("phase", 2), ("batch", 18)],
)
def test_a_killed_run_resumes_to_the_same_weights(all_phases: Path, tmp_path: Path, event: str, count: int) -> None:
    with pytest.raises(Killed):
        train(all_phases_config(), tmp_path, progress=KillAt(event, count))
    train(all_phases_config(), tmp_path)
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(all_phases / "checkpoint.pt"))
    assert lines(tmp_path) == lines(all_phases)


def test_a_run_killed_again_and_again_resumes_to_the_same_weights(all_phases: Path, tmp_path: Path) -> None:
    for _ in range(30):
        try:
            train(all_phases_config(), tmp_path, progress=KillAt("epoch", 1))
            break
        except Killed:
            continue
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(all_phases / "checkpoint.pt"))
    assert lines(tmp_path) == lines(all_phases)


def test_a_run_killed_between_state_and_metrics_loses_and_doubles_nothing(
    all_phases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_module.MetricsLog, "add", fail)
        with pytest.raises(Killed):
            train(all_phases_config(), tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"phase": 1, "ep')  # a line cut short
    train(all_phases_config(), tmp_path)
    assert lines(tmp_path) == lines(all_phases)


def test_a_run_killed_before_its_checkpoint_finishes_from_the_state(
    all_phases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "save_checkpoint", fail)
        with pytest.raises(Killed):
            train(all_phases_config(), tmp_path)
    train(all_phases_config(), tmp_path)
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(all_phases / "checkpoint.pt"))


SCRIPT = """
import sys, torch
torch.set_num_threads(1)  # as the other runs of this file: the number decides the last bits
sys.path[:0] = sys.argv[2:]
from test_run import all_phases_config
from eeinfer.training import train
train(all_phases_config(), sys.argv[1])
"""


def test_a_run_killed_by_the_system_resumes_to_the_same_weights(all_phases: Path, tmp_path: Path) -> None:
    here = Path(__file__).parent
    folders = map(str, (here, here.parents[1] / "makers"))
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), *folders])
    metrics = tmp_path / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if metrics.exists() and metrics.read_text().count("\n") >= 2:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    process.wait()
    assert metrics.read_text().count("\n") >= 2
    train(all_phases_config(), tmp_path)
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(all_phases / "checkpoint.pt"))
    assert lines(tmp_path) == lines(all_phases)


def test_a_finished_run_is_not_repeated(all_phases: Path) -> None:
    before = (all_phases / "checkpoint.pt").stat().st_mtime_ns
    assert train(all_phases_config(), all_phases, progress=KillAt("batch", 1)) == all_phases / "checkpoint.pt"
    assert (all_phases / "checkpoint.pt").stat().st_mtime_ns == before


def test_a_finished_run_of_another_config_is_refused(all_phases: Path, tiny: TrainConfig) -> None:
    with pytest.raises(CheckpointError, match=r"other settings .*phase2.epochs 3 there, 2 here.*choose another"):
        train(tiny, all_phases)


def test_the_state_of_another_config_is_refused_and_kept(tiny: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tiny, tmp_path, progress=KillAt("epoch", 1))
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(CheckpointError, match=r"phase1\.lr 0\.05 there, 0\.01 here"):
        train(replace(tiny, phase1=replace(tiny.phase1, lr=0.01)), tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_a_damaged_state_is_refused(tiny: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(CheckpointError, match=r"cut short.*delete it"):
        train(tiny, tmp_path)


def test_a_divergent_run_stops_with_advice(tiny: TrainConfig, tmp_path: Path) -> None:
    wild = PhaseConfig(epochs=40, lr=9e3, momentum=0.0, scheduler="none")
    with pytest.raises(ConfigError, match=r"diverged.*lower lr"):
        train(replace(tiny, regime="-+-", phase2=wild), tmp_path)


def test_unknown_names_are_refused_before_anything_is_written(tiny: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(DataError, match="unknown data set 'nope': known are digits, fashion-mnist"):
        train(replace(tiny, data=replace(tiny.data, name="nope")), out)
    assert not out.exists()


def test_exits_that_do_not_fit_the_network_leave_no_folder(tiny: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        train(replace(tiny, exits=(99,)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_batch_larger_than_the_training_set_has_all_of_its_images(
    tiny: TrainConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def trained(batch_size: int) -> dict[str, Tensor]:
        config = replace(tiny, regime="joint", data=replace(tiny.data, batch_size=batch_size))
        return weights(train(config, tmp_path / str(batch_size)))

    assert_same(trained(512), trained(460))
    assert caplog.messages == ["batch_size 512: every batch has all 460 training images"]


def test_training_without_validation_keeps_the_last_epoch(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, data=replace(tiny.data, val_share=0.0), regime="-+-")
    provenance = load_checkpoint(train(config, tmp_path)).provenance
    assert provenance["phases"][0]["best_epoch"] == 2
    assert provenance["phases"][0]["val_mean"] is None


def test_the_backbone_alone_can_be_trained(tiny: TrainConfig, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(train(replace(tiny, regime="+--", exits=()), tmp_path))
    assert checkpoint.exit_modules == ("classifier",)
    assert len(checkpoint.model(torch.zeros(1, 3, 16, 16))) == 1


def test_the_best_epoch_is_restored_at_the_end_of_a_phase(
    tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eeinfer.training.runs import phase

    scores = iter([(0.2, 0.2, 0.2), (0.9, 0.9, 0.9), (0.5, 0.5, 0.5)])
    seen: list[dict[str, Tensor]] = []

    def scripted(fabric: Any, module: torch.nn.Module, batches: Any) -> tuple[float, ...]:
        seen.append({name: value.clone() for name, value in module.state_dict().items()})
        return next(scores)

    monkeypatch.setattr(phase, "accuracies", scripted)
    config = replace(tiny, regime="-+-", phase2=replace(tiny.phase2, epochs=3))
    path = train(config, tmp_path)
    best = {name.removeprefix("_forward_module.").removeprefix("_original_module."): v for name, v in seen[1].items()}
    assert_same(weights(path), best)


def test_a_limit_on_images_holds_with_validation_included(tiny: TrainConfig, tmp_path: Path) -> None:
    data = replace(tiny.data, max_images=100, val_share=0.2, batch_size=16)
    config = replace(tiny, data=data, regime="joint", phase2=replace(tiny.phase2, epochs=1))
    trained = load_checkpoint(train(config, tmp_path))
    feed = Images.of(trained).feed
    assert (len(feed.train), len(feed.validation), len(feed.test)) == (80, 20, 128)
