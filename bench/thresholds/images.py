"""The images that thresholds are chosen and certified on: as the bench takes them, but labels are not always needed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import ImageFiles, count_rows, images_below, images_by_class, read_arrays, take
from eeinfer.bench.data import BenchData, bench_data
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Manifest
from eeinfer.preprocess import prepare_inputs

Array = NDArray[Any]

_CHUNK = 64


def threshold_data(bundle: Path, data: str | None, *, needs_labels: bool) -> tuple[BenchData, bool]:
    """Find the images, and say whether their labels are known; where they are not, all labels are 0.

    Args:
        bundle: the .eeb folder.
        data: as `eeinfer.bench.bench_data`.
        needs_labels: whether images without labels are refused.

    Raises:
        DataError: as `bench_data`.
    """
    found = None if needs_labels or data is None else _unlabelled(Bundle.open(bundle, verify=False), Path(data))
    return (bench_data(bundle, data), True) if found is None else (found, False)


def _unlabelled(bundle: Bundle, path: Path) -> BenchData | None:
    """Return the images at ``path`` where they have no labels."""
    if path.suffix == ".npz":
        names = [input.tensor.name for input in bundle.manifest.inputs]
        wanted = ["images"] if len(names) == 1 else names
        arrays = read_arrays(path, [*wanted, "labels"], ask="give --data with an .npz file that holds 'images'")
        if "labels" in arrays or any(name not in arrays for name in wanted):
            return None
        images: Any = arrays["images"] if len(names) == 1 else arrays
    elif path.is_dir() and not images_by_class(path) and images_below(path):
        images = ImageFiles(images_below(path), bundle.manifest.input.tensor.sizes()[0])
    else:
        return None
    return BenchData(name=path.stem, images=images, labels=np.zeros(count_rows(images), np.int64))


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
