"""Metrics on disk: one JSON line per epoch and one for the test images, TensorBoard's log where it
is installed, and MLflow where it is asked for."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eeinfer.files import write_atomically
from eeinfer.training.runs.state import Record
from eeinfer.training.runs.tracking import tracked

METRICS_NAME = "metrics.jsonl"
TENSORBOARD_NAME = "tensorboard"


def epoch_line(record: Record) -> str:
    """Return what people are told of an epoch; a star marks the best so far."""
    accuracies = " ".join(f"{100 * accuracy:.1f}" for accuracy in record["val_accuracy"])
    shown = f"val accuracy {accuracies} %" if accuracies else "no validation"
    return (
        f"phase {record['phase']} epoch {record['epoch']:3d}: loss {record['loss']:.4f}, {shown}, "
        f"{record['seconds']:.0f} s{' *' if record['best'] else ''}"
    )


class MetricsLog:
    """Writes the records of a run. On resuming, what an interrupted run left is brought in line with its state.

    Args:
        folder: where the run lives.
        history: the records that are behind the run; the file is made to hold exactly these.
        settings: of the run, by name.

    Raises:
        ConfigError: as `tracked`.
    """

    def __init__(self, folder: Path, history: Sequence[Record], settings: Mapping[str, Any]) -> None:
        self.path = folder / METRICS_NAME
        text = "".join(json.dumps(record) + "\n" for record in history)
        write_atomically(self.path, lambda file: file.write(text.encode()))
        self._board = _tensorboard(folder / TENSORBOARD_NAME, purge_from=len(history))
        self._count, self._settings = len(history), settings
        self._tracked = tracked(folder, settings, resumed=bool(history))

    def add(self, record: Record) -> None:
        """Append one epoch."""
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        if self._board is not None:
            self._add_to_board(record)
        if self._tracked is not None:
            self._tracked.add(record, self._count)
        self._count += 1

    def finish(self, test_accuracy: Sequence[float]) -> None:
        """Add the accuracy on test images per exit, in TensorBoard beside the settings of the run (its hparams)."""
        with self.path.open("a") as file:
            file.write(json.dumps({"test_accuracy": list(test_accuracy)}) + "\n")
        if self._board is not None:
            shown = {
                name: value if isinstance(value, bool | int | float) else str(value)
                for name, value in self._settings.items()
            }
            exits = {f"test_accuracy/{exit}": accuracy for exit, accuracy in enumerate(test_accuracy)}
            self._board.add_hparams(shown, exits, run_name=".")
        if self._tracked is not None:
            self._tracked.finish(test_accuracy)

    def close(self) -> None:
        """Finish TensorBoard's log."""
        if self._board is not None:
            self._board.close()

    def _add_to_board(self, record: Record) -> None:
        self._board.add_scalar("loss", record["loss"], self._count)
        self._board.add_scalar("lr", record["lr"], self._count)
        for exit, accuracy in enumerate(record["val_accuracy"]):
            self._board.add_scalar(f"phase{record['phase']}/val_accuracy/{exit}", accuracy, self._count)
        self._board.flush()


def _tensorboard(folder: Path, *, purge_from: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge_from)
