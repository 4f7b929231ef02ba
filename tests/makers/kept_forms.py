"""Optimised forms in the cache, as tests look at them."""

from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE


def runs_optimised(path: Path, *, verify: bool = True) -> bool:
    """Load a bundle: whether its optimised form runs."""
    with eeinfer.load(path, threads=1, verify=verify) as engine:
        return bool(engine.optimised)


def scores(path: Path) -> np.ndarray:
    """What every exit says to five images."""
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(path, threads=1) as engine:
        return engine.all_exits(images).scores


def plain_scores(path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What the segments say as they were exported."""
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        assert not runs_optimised(path)
        return scores(path)


def nobody_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the making of a form fail."""
    monkeypatch.setattr("eeinfer.export.optimise.api._make", None)


def kept(bundle: Path, name: str = "") -> Path:
    """Where the cache keeps the form of a bundle, or a file of it."""
    path = optimised.place(Bundle.open(bundle))
    assert path is not None
    return path / name
