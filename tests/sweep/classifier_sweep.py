"""One classifier of timm or torchvision with three exits, from random weights to a bundle that is held against torch.

Used by the short form in the test suite and by the long form, `tests/sweep/long.py`.
"""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import eeinfer
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import EXIT_OUTPUTS, bytes_in_front
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.errors import EeinferError
from eeinfer.export import export_bundle
from eeinfer.export.reference import Chain
from eeinfer.machine import cache
from eeinfer.training import BackboneConfig, TrainConfig
from eeinfer.training.build import build_model
from eeinfer.training.methods import exit_logits
from eeinfer.training.runs.untrained import estimate_statistics

BATCHES = (1, 2, 7, 32)
SIDES = (64, 96, 128, 160, 224, 240, 256)  # of the images, in pixels: the smallest that the network reads
EXITS = (0.3, 0.6)  # shares of the network's FLOPs
CLASSES = 10
LEAVING = (1, 4)  # rows of a batch of seven that leave behind every segment in turn
TOLERANCE = 1e-3  # of a logit, relative to the exit's largest one

Array = NDArray[Any]


def sweep_one(name: str, folder: Path, *, batches: Sequence[int] = BATCHES) -> dict[str, Any]:
    """Export `name` with two exits and its own classifier, and compare every opening with torch.

    Args:
        name: ``timm:NAME`` or ``torchvision:NAME``.
        folder: an empty one, for bundle and cache.
        batches: sizes to compare at.

    Returns:
        The row of the table: ``outcome`` is "agreed", "differs" or "refused", with the sentence or the errors.
    """
    start = time.perf_counter()
    row: dict[str, Any] = {"name": name}
    try:
        model, modules, side = network(name)
        row |= {"side": side, "modules": modules}
        path = export_bundle(model, torch.randn(1, 3, side, side), folder / "model.eeb", modules=[*modules, "last"])
    except EeinferError as error:
        return {**row, "outcome": "refused", "why": str(error), "seconds": round(time.perf_counter() - start)}
    row |= _facts(Bundle.open(path))
    inputs = [images(rows, side) for rows in batches]
    row["errors"], row["optimised"] = _openings(model, path, inputs, folder)
    row["errors"]["rows leave"] = _rows_leave(model, path, side)
    agrees = all(error <= TOLERANCE for error in row["errors"].values())
    return {**row, "outcome": "agreed" if agrees else "differs", "seconds": round(time.perf_counter() - start)}


def network(name: str) -> tuple[nn.Module, tuple[str, ...], int]:
    """Return the network with heads and random weights, the modules of its exits, and the side of its images.

    Raises:
        EeinferError: it reads images of none of SIDES.
    """
    for side in SIDES:
        spec = TensorSpec(name="input", dtype="float32", shape=(3, side, side))
        config = TrainConfig(backbone=BackboneConfig(name=name), exits=EXITS, regime="joint")
        try:
            built = build_model(config, Input(tensor=spec), CLASSES)
        except EeinferError:
            if side == SIDES[-1]:
                raise
            continue
        _wake(built.model)
        estimate_statistics(built.model, images(16, side))  # or activations fade from block to block
        return built.model.eval(), built.modules, side
    raise AssertionError("SIDES is empty")


def _wake(model: nn.Module) -> None:
    """Move what starts at or near zero: a scaled-down branch or a zero classifier would hide a wrong cut."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.abs().max() < 1e-2 and not name.endswith("bias"):
                scale = 0.3 if value.squeeze().ndim < 2 else 0.5 / math.sqrt(value[0].numel())
                value.copy_(scale * torch.randn(value.shape, generator=random))


def _facts(bundle: Bundle) -> dict[str, Any]:
    costs = [segment.cumulative_flops for segment in bundle.manifest.segments]
    return {
        "mflops": round(costs[-1] / 1e6, 1),
        "shares": [round(cost / costs[-1], 3) for cost in costs],
        "carried_bytes": bytes_in_front(bundle.manifest)[1:],
        "carried": [[(spec.name, spec.shape) for spec in part.carried] for part in bundle.manifest.segments[:-1]],
    }


def _openings(model: nn.Module, path: Path, inputs: Sequence[Tensor], folder: Path) -> tuple[dict[str, float], bool]:
    """Return the largest error without a cache, at the first opening and at the second; whether it was optimised."""
    errors, wanted = {}, [_torch_logits(model, x) for x in inputs]
    kept = str(folder / "cache")
    optimised = False
    for opening, place in (("plain", "off"), ("first", kept), ("second", kept)):
        with _cache(place), eeinfer.load(path, threads=1) as engine:
            found = [engine.all_exits(x.numpy()).logits for x in inputs]
            optimised = engine.optimised
        errors[opening] = max(map(_error, found, wanted))
    return errors, optimised


def _rows_leave(model: nn.Module, path: Path, side: int) -> float:
    """Largest error where rows are taken out of what is carried between the segments."""
    x, segments = images(7, side), Bundle.open(path).manifest.segments
    wanted = _torch_logits(model, x)
    error, chain = 0.0, Chain(path, segments)
    for last in range(len(segments) - 1):
        live, rows = {"input": x.numpy()}, np.arange(7)
        for k, (segment, session) in enumerate(zip(segments, chain.sessions, strict=True)):
            names = [*EXIT_OUTPUTS, *(spec.name for spec in segment.carried)]
            live |= dict(zip(names, session.run(names, {s.name: live[s.name] for s in segment.inputs}), strict=True))
            error = max(error, _error(live["logits"][:, None], wanted[rows, k : k + 1]))
            if k == last:
                stay = np.setdiff1d(np.arange(7), LEAVING)
                live, rows = {key: value[stay] for key, value in live.items()}, rows[stay]
    return error


@contextmanager
def _cache(place: str) -> Iterator[None]:
    before = os.environ.get(cache.VARIABLE)
    os.environ[cache.VARIABLE] = place
    try:
        yield
    finally:
        os.environ.pop(cache.VARIABLE)
        if before is not None:
            os.environ[cache.VARIABLE] = before


def images(rows: int, side: int) -> Tensor:
    """Return random prepared images [rows,3,side,side]."""
    return torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(rows))


def _torch_logits(model: nn.Module, x: Tensor) -> Array:
    """Every exit's logits [B,E,K] in torch."""
    with torch.no_grad():
        return torch.stack(list(exit_logits(model(x))), 1).numpy()


def _error(found: Array, wanted: Array) -> float:
    """Largest difference of logits [B,E,K], relative to the exit's largest logit."""
    scale = np.abs(wanted).max((0, 2), keepdims=True)
    error = float((np.abs(found - wanted) / scale).max())
    return error if math.isfinite(error) else math.inf
