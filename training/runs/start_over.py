"""Starting a run over: only what an earlier run left may be replaced."""

import json
from pathlib import Path

from eeinfer.errors import CheckpointError
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME, is_ours
from eeinfer.training.runs.metrics import METRICS_NAME, TENSORBOARD_NAME
from eeinfer.training.runs.state import STATE_NAME

_EVENTS = "events.out.tfevents.*"  # how TensorBoard names its files


def refuse_foreign(folder: Path) -> None:
    """Refuse to start over where one of the names of a run belongs to a file that no run wrote.

    Raises:
        CheckpointError: naming the file.
    """
    for path, ours in (
        *((folder / name, is_ours) for name in (CHECKPOINT_NAME, STATE_NAME)),
        (folder / METRICS_NAME, _are_metrics),
        (folder / TENSORBOARD_NAME, _are_events),
    ):
        if path.exists() and not ours(path):
            raise CheckpointError(
                f"{path} was not written by eeinfer train, and starting over would replace it: move it away, or "
                "choose another folder (--out)"
            )


def clear_events(folder: Path) -> None:
    """Delete what TensorBoard shows of the run before."""
    for path in (folder / TENSORBOARD_NAME).glob(_EVENTS):
        path.unlink(missing_ok=True)


def _are_metrics(path: Path) -> bool:
    """Say whether the file holds records of epochs; the last line may be cut short."""
    try:
        *lines, _ = path.read_text(encoding="utf-8").split("\n")
        records = [json.loads(line).keys() for line in lines]
        return all({"phase", "epoch"} <= keys or keys == {"test_accuracy"} for keys in records)
    except (OSError, ValueError, AttributeError):
        return False


def _are_events(path: Path) -> bool:
    return path.is_dir() and {*path.iterdir()} == {*path.glob(_EVENTS)}
