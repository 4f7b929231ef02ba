"""Starting over, and disks that take no more: what a run left is kept until there is something in its place."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from disks import full_disk
from killed_runs import KillAt, Killed, assert_same, lines, weights

from eeinfer.errors import CheckpointError, ConfigError, DataError, InputError
from eeinfer.training import TrainConfig, train
from eeinfer.training.runs.untrained import save_untrained


def test_starting_over_replaces_the_run(tiny: TrainConfig, tmp_path: Path) -> None:
    joint = replace(tiny, regime="-+-")
    with pytest.raises(Killed):
        train(tiny, tmp_path, progress=KillAt("epoch", 1))
    train(joint, tmp_path, resume=False)
    assert [record.get("phase") for record in lines(tmp_path)] == [2, 2, None]  # and the test images


def test_starting_over_keeps_a_finished_run_until_the_new_settings_hold(tiny: TrainConfig, tmp_path: Path) -> None:
    before = train(replace(tiny, regime="joint"), tmp_path).read_bytes()
    files = {path.name for path in tmp_path.rglob("*")}
    for wrong in ({"exits": (99,)}, {"backbone": replace(tiny.backbone, name="resnet21x")}):
        with pytest.raises(ConfigError):
            train(replace(tiny, **wrong), tmp_path, resume=False)  # type: ignore[arg-type]  # settings by name
    with pytest.raises(DataError):
        train(replace(tiny, data=replace(tiny.data, name="nope")), tmp_path, resume=False)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert {path.name for path in tmp_path.rglob("*")} == files


def test_a_new_run_that_was_killed_goes_on_and_then_replaces_the_old_one(tiny: TrainConfig, tmp_path: Path) -> None:
    old = train(replace(tiny, regime="joint"), tmp_path).read_bytes()
    with pytest.raises(Killed):
        train(tiny, tmp_path, resume=False, progress=KillAt("epoch", 1))
    assert (tmp_path / "checkpoint.pt").read_bytes() == old
    train(tiny, tmp_path)
    whole = train(tiny, tmp_path / "whole")
    assert_same(weights(tmp_path / "checkpoint.pt"), weights(whole))
    assert lines(tmp_path) == lines(tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("checkpoint.pt", b"mine"),
        ("state.pt", b"mine"),
        ("metrics.jsonl", b'{"accuracy": 1}\n'),
        ("metrics.jsonl", b"mine\n"),
        ("tensorboard/notes.txt", b"mine"),
    ],
)
def test_starting_over_touches_no_file_that_a_run_did_not_write(
    tiny: TrainConfig, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"was not written by eeinfer train.*move it away"):
        train(tiny, tmp_path, resume=False)
    assert (tmp_path / name).read_bytes() == content


def test_weights_of_another_kind_are_not_replaced(tiny: TrainConfig, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="was not written by eeinfer train"):
        train(tiny, tmp_path, resume=False)


def test_a_disk_that_fills_up_is_a_sentence_and_the_run_goes_on_later(tiny: TrainConfig, tmp_path: Path) -> None:
    whole = train(tiny, tmp_path / "whole")
    with pytest.raises(Killed):
        train(tiny, tmp_path / "run", progress=KillAt("epoch", 1))
    before = (tmp_path / "run" / "state.pt").read_bytes()
    with full_disk(len(before) // 2), pytest.raises(InputError, match=r"state\.pt cannot be written.*make room"):
        train(tiny, tmp_path / "run")
    assert (tmp_path / "run" / "state.pt").read_bytes() == before
    assert_same(weights(train(tiny, tmp_path / "run")), weights(whole))


def test_a_folder_that_cannot_be_made_is_a_sentence(tiny: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"the run cannot be written to .*file.run"):
        train(tiny, tmp_path / "file" / "run")
    with pytest.raises(InputError, match=r"the network cannot be written to .*file.run"):
        save_untrained(tiny, tmp_path / "file" / "run")
