"""The images that thresholds are chosen and certified on: as the bench takes them, but labels are not always needed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.bench.data import BenchData, bench_data, given_images, labels_or_zeros
from eeinfer.bundle.manifest import Manifest
from eeinfer.preprocess import prepare_inputs

Array = NDArray[Any]

_CHUNK = 64


def threshold_data(
    bundle: Path, data: str | None, *, needs_labels: bool, root: Path | None = None
) -> tuple[BenchData, bool]:
    """Find the images, and say whether their labels are known; where they are not, all labels are 0.

    Args:
        bundle: the .eeb folder.
        data: as `eeinfer.bench.bench_data`.
        needs_labels: whether images without labels are refused.
        root: as `eeinfer.bench.bench_data`.

    Raises:
        DataError: as `bench_data`.
    """
    if needs_labels:
        return bench_data(bundle, data, root=root), True
    found = given_images(bundle, data, root=root)
    return BenchData(name=found.name, images=found.images, labels=labels_or_zeros(found)), found.labels is not None


def data_digest(images: Any, rows: Array, labels: Array | None, manifest: Manifest) -> str:
    """Return the SHA-256 of some images as docs/bundle.md says: of what the network is given of them, and the labels.

    Args:
        images: as `eeinfer.bench.measure`.
        rows: [n] positions of those that count.
        labels: [n] of these; None where they are not known.
        manifest: of the bundle.
    """
    sums = [hashlib.sha256() for _ in manifest.inputs]
    for part in np.array_split(rows, -(-len(rows) // _CHUNK)):
        given = prepare_inputs(take(images, part), manifest)
        for digest, input in zip(sums, manifest.inputs, strict=True):
            digest.update(np.ascontiguousarray(given[input.tensor.name]).tobytes())
    texts = [digest.hexdigest() for digest in sums]
    if labels is not None:
        texts.append(hashlib.sha256(np.asarray(labels, np.int64).tobytes()).hexdigest())
    return hashlib.sha256("".join(texts).encode()).hexdigest()
