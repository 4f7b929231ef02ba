"""Runs that stop as a crash would stop them, and what they leave."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eeinfer.training import load_checkpoint


class Killed(Exception):
    pass


class KillAt:
    """Stops a run at its n-th report of one kind, as a crash would."""

    def __init__(self, event: str, count: int) -> None:
        self.event, self.left = event, count

    def _count(self, event: str) -> None:
        self.left -= event == self.event
        if self.left == 0 and event == self.event:
            raise Killed

    def __call__(self, doing: str, done: int = 0, planned: int = 0) -> None:
        kinds = {"is over": "phase", ": loss": "epoch"}
        self._count("batch" if planned else next((kind for part, kind in kinds.items() if part in doing), "other"))


def weights(path: Path) -> dict[str, Tensor]:
    return load_checkpoint(path).model.state_dict()


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def lines(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]
