"""Runs side by side: what the folders of `eeinfer train` say of themselves, finished or under way."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from eeinfer.errors import CheckpointError, DataError
from eeinfer.progress import Progress, silent
from eeinfer.training.exits.costs import exit_costs
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME, load_checkpoint, read_checkpoint
from eeinfer.training.runs.metrics import METRICS_NAME

_PLACES = ("", "*/", "*/*/")  # of runs below a folder


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run. What only a finished one knows is None before."""

    folder: str  # below the one that was asked for
    state: str  # finished, or where it stands
    problem: str | None = None  # why it cannot be read
    data: str | None = None
    backbone: str | None = None
    method: str | None = None
    regime: str | None = None
    seed: int | None = None
    epochs: int = 0  # in all phases
    seconds: float = 0.0  # of these epochs
    accuracy: tuple[float, ...] | None = None  # of every exit on the test images
    flops: tuple[int, ...] | None = None  # of leaving at each exit
    group: str = ""  # runs that differ in their seed alone share it


def list_runs(folder: Path, progress: Progress = silent) -> list[Run]:
    """Find the runs in ``folder`` and up to two levels below it, in alphabetical order.

    Raises:
        DataError: it is no folder, or holds no run.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; name one that holds runs, or train: eeinfer train")
    places = sorted({path.parent for path in _traces(folder)})
    if not places:
        raise DataError(f"{folder} holds no runs: no {CHECKPOINT_NAME} and no {METRICS_NAME}; train: eeinfer train")
    runs = []
    for done, place in enumerate(places):
        progress("reading runs", done, len(places))
        runs.append(_run(place, str(place.relative_to(folder))))
    progress("reading runs", len(places), len(places))
    return runs


def _traces(folder: Path) -> Iterator[Path]:
    for depth in _PLACES:
        for name in (CHECKPOINT_NAME, METRICS_NAME):
            yield from (path for path in folder.glob(depth + name) if path.is_file())


def _run(place: Path, name: str) -> Run:
    lines = _lines(place / METRICS_NAME)
    seconds = sum(float(line.get("seconds", 0)) for line in lines)
    checkpoint = place / CHECKPOINT_NAME
    if not checkpoint.exists():
        last = lines[-1] if lines else {}
        where = f"phase {last.get('phase')}, epoch {last.get('epoch')}" if last else "before its first epoch"
        return Run(folder=name, state=where, epochs=len(lines), seconds=seconds)
    try:
        found = load_checkpoint(checkpoint)
        facts, flops = found.provenance, _flops(found.model, found.input.tensor.sizes())
    except CheckpointError as error:
        own = _of_own_parts(checkpoint)
        if own is None:
            return Run(folder=name, state="cannot be read", problem=str(error), epochs=len(lines), seconds=seconds)
        facts, flops = own, None
    accuracy = facts.get("test_accuracy")
    return Run(
        folder=name,
        state="untrained" if facts.get("untrained") else "finished",
        data=_named(facts.get("folder") or facts.get("dataset")),
        backbone=_named(facts.get("backbone")),
        method=_named(facts.get("method")),
        regime=str(facts.get("regime")),
        seed=facts.get("seed"),
        epochs=len(lines),
        seconds=seconds,
        accuracy=None if accuracy is None else tuple(accuracy),
        flops=flops,
        group=_group(facts),
    )


def _of_own_parts(checkpoint: Path) -> dict[str, Any] | None:
    """What a run says of itself whose network needs a user's own parts, which nothing here runs; None of others."""
    try:
        content = read_checkpoint(checkpoint)
    except CheckpointError:
        return None
    return dict(content["provenance"]) if content.get("parts") else None


def _named(part: object) -> str:
    """A part's name, without the sum of the file that it is in."""
    return re.sub(r"@[0-9a-f]+:", ":", str(part))


def _lines(path: Path) -> list[dict[str, Any]]:
    """The epochs of a run; a last line that is being written is none."""
    found = []
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:  # noqa: PERF203 - a file of hundreds of lines
                continue
    return [line for line in found if isinstance(line, dict) and "loss" in line]


def _flops(model: torch.nn.Module, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    inner = next((part for part in model.modules() if isinstance(part, EarlyExitModel)), None)
    return None if inner is None else exit_costs(inner, torch.zeros(1, *sizes))


def _group(facts: dict[str, Any]) -> str:
    config = {name: value for name, value in facts.get("config", {}).items() if name not in ("seed", "device")}
    return json.dumps([config, facts.get("folder")], sort_keys=True)
