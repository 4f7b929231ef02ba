"""What is kept of a bundle in the machine's cache: the optimised form, or what OpenVINO compiled."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import eeinfer
from eeinfer.backends.openvino import kept

NO_FORM = {"None": "False", "openvino": "None"}  # what `optimised` is where no form runs
PARTS = ("one", "many")  # what OpenVINO compiles for one row, and for batches
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)


def scores(path: Path, *, form: bool) -> np.ndarray:
    """What all exits say; ``form``: whether the optimised form must run, or what OpenVINO compiled be kept."""
    with eeinfer.load(path, threads=1) as engine:
        found = engine.all_exits(IMAGES).scores
        assert is_kept(engine) is form
        return found


def is_kept(engine: eeinfer.Engine) -> bool | None:
    if engine.backend != "openvino":
        return engine.optimised
    assert engine.optimised is None
    return all(path is not None and path.is_file() for path in (kept.place(engine.bundle, name) for name in PARTS))


def entries(cache: Path) -> list[Path]:
    """Everything that is kept, half written things, locks and refusals too."""
    return [*cache.glob("optimised/*"), *cache.glob(f"{kept.KIND}/*")]


def raising(error: BaseException) -> Callable[..., object]:
    def raise_it(*_: object, **__: object) -> object:
        raise error

    return raise_it
