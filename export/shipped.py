"""Make the bundle and the test images that the package ships: ``python -m eeinfer.export.shipped checkpoint.pt``.

The checkpoint comes from ``eeinfer train fashion_resnet20``. Fashion-MNIST is MIT-licensed (Xiao et al. 2017).
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer import samples
from eeinfer.export.checkpoint import export_checkpoint
from eeinfer.training.data import load_dataset

IMAGES_PER_CLASS = 100


def ship(checkpoint: Path, assets: Path) -> None:
    """Write the bundle of `checkpoint` and 1,000 labelled test images of Fashion-MNIST into `assets`."""
    export_checkpoint(checkpoint, assets / samples.BUNDLE, force=True, progress=_tell)
    test = load_dataset("fashion-mnist").test
    labels = np.asarray(test.labels)
    chosen = _balanced(labels)
    images = np.stack([np.asarray(test.images[i]) for i in chosen]).astype(np.uint8)
    np.savez_compressed(
        assets / samples.IMAGES, images=images.reshape(-1, 28, 28), labels=labels[chosen].astype(np.uint8)
    )


def _tell(doing: str, done: int = 0, planned: int = 0) -> None:
    print(doing)


def _balanced(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """The same number of rows of every class, drawn with a fixed seed, in mixed order."""
    rng = np.random.default_rng(0)
    per_class = [rng.choice(np.flatnonzero(labels == c), IMAGES_PER_CLASS, replace=False) for c in np.unique(labels)]
    return rng.permutation(np.concatenate(per_class))


if __name__ == "__main__":
    ship(Path(sys.argv[1]), Path(samples.__file__).parent / "assets")
