"""Who is told how training goes: nobody by default, a terminal by choice."""

from typing import Any

Record = dict[str, Any]  # one line of metrics.jsonl


class Progress:
    """Told of every step of a run; this one stays silent, and a subclass overrides what it wants to hear."""

    def phase_started(self, phase: int, epochs: int, done: int) -> None:
        """Phase 1, 2 or 3 starts or goes on: `done` of at most `epochs` epochs are behind it."""

    def batch_done(self, done: int, total: int) -> None:
        """`done` of the epoch's `total` batches are behind it."""

    def epoch_done(self, record: Record) -> None:
        """An epoch is evaluated, and its state and metrics are on disk."""

    def phase_done(self, summary: Record) -> None:
        """A phase has ended and its best weights are restored."""


class RichProgress(Progress):
    """A progress bar and one line per epoch, on stderr. Use as a context manager."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # in a log only the lines are wanted, not an empty one where the bar was
        )
        self._task = self._bars.add_task("training", total=1)
        self._phase, self._epoch, self._epochs = 0, 0, 0

    def __enter__(self) -> "RichProgress":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def phase_started(self, phase: int, epochs: int, done: int) -> None:
        """Start the bar of the phase."""
        self._phase, self._epoch, self._epochs = phase, done, epochs

    def batch_done(self, done: int, total: int) -> None:
        """Move the bar of the epoch."""
        text = f"phase {self._phase}, epoch {self._epoch + 1}/{self._epochs}"
        self._bars.update(self._task, description=text, completed=done, total=total)

    def epoch_done(self, record: Record) -> None:
        """Print the epoch's line."""
        self._epoch = record["epoch"]
        accuracies = " ".join(f"{100 * accuracy:.1f}" for accuracy in record["val_accuracy"])
        shown = f"val accuracy {accuracies} %" if accuracies else "no validation"
        mark = " *" if record["best"] else ""
        self._bars.console.print(
            f"phase {record['phase']} epoch {record['epoch']:3d}: loss {record['loss']:.4f}, {shown}, "
            f"{record['seconds']:.0f} s{mark}",
            highlight=False,
        )
