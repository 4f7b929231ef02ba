"""The shift report: what a network in reduced precision answers on real images, against float32."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import accuracy
from eeinfer.bundle.manifest import ExitShift, Input, Manifest, Shift, TauShift
from eeinfer.errors import ExportError
from eeinfer.export.precision.real_images import Part, RealImages
from eeinfer.export.reference import Exit
from eeinfer.rule import exits_at

TAUS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)

Array = NDArray[Any]
Run = Callable[[Array], list[Exit]]  # a batch [B, ...] to every exit's answers


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What every exit answered to N images."""

    scores: Array  # [N, E] float32
    predictions: Array  # [N, E] int64


def seen(run: Run, part: Part, input: Input, rows: int) -> Seen:
    """Run `part` through all exits, `rows` images at a time.

    Raises:
        ExportError: a score is not finite.
        InputError: the network does not take such images.
    """
    exits = [run(batch) for batch in part.batches(input, rows)]
    scores, predictions = (
        np.concatenate([np.stack([exit[name] for exit in batch], axis=1) for batch in exits])
        for name in ("score", "prediction")
    )
    lost = ~np.isfinite(scores)
    if lost.any():
        raise ExportError(
            f"exit {int(lost.any(axis=0).argmax())} has no finite score for {int(lost.any(axis=1).sum())} of "
            f"{len(scores)} images: values leave the range of this precision; take --precision bf16 or fp32"
        )
    return Seen(scores=scores, predictions=predictions)


def report(before: Seen, after: Seen, manifest: Manifest, images: RealImages, *, calibrated: bool, how: str) -> Shift:
    """Compare the answers of two networks to the report's images.

    Args:
        before: in float32.
        after: in reduced precision.
        manifest: gives default thresholds and costs.
        images: what both answered to.
        calibrated: whether ranges were found on the other part of the images.
        how: how `after` was computed.
    """
    labels = images.report.labels
    exits = len(manifest.segments)
    return Shift(
        data=images.name,
        images=len(images.report),
        calibration_images=len(images.calibration) if calibrated else 0,
        computed=how,
        exits=tuple(_exit(before, after, k, labels) for k in range(exits)),
        taus=tuple(_at(before, after, taus, manifest, labels) for taus in _choices(manifest)),
    )


def _choices(manifest: Manifest) -> list[tuple[float, ...]]:
    """The bundle's own thresholds, then TAUS for all exits alike."""
    alike = [(tau,) * len(manifest.taus) for tau in TAUS]
    return [manifest.taus, *(taus for taus in alike if taus != manifest.taus)]


def _exit(before: Seen, after: Seen, k: int, labels: Array | None) -> ExitShift:
    moved = np.abs(after.scores[:, k] - before.scores[:, k])
    return ExitShift(
        accuracy_before=_accuracy(before.predictions[:, k], labels),
        accuracy_after=_accuracy(after.predictions[:, k], labels),
        predictions_equal=float((before.predictions[:, k] == after.predictions[:, k]).mean()),
        max_score_shift=float(moved.max()),
        mean_score_shift=float(moved.mean()),
    )


def _at(before: Seen, after: Seen, taus: Sequence[float], manifest: Manifest, labels: Array | None) -> TauShift:
    costs = np.array([segment.cumulative_flops for segment in manifest.segments], np.float64)
    old, new = exits_at(before.scores, taus), exits_at(after.scores, taus)
    rows = np.arange(len(old))
    return TauShift(
        taus=tuple(taus),
        moved=float((old != new).mean()),
        mean_exit_before=float(old.mean()),
        mean_exit_after=float(new.mean()),
        flops_before=float(costs[old].mean()),
        flops_after=float(costs[new].mean()),
        accuracy_before=_accuracy(before.predictions[rows, old], labels),
        accuracy_after=_accuracy(after.predictions[rows, new], labels),
    )


def _accuracy(predictions: Array, labels: Array | None) -> float | None:
    return None if labels is None else accuracy(predictions, labels)
