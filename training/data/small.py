"""Data sets that need no files: scikit-learn's digits, and a synthetic one for trying things out."""

from pathlib import Path

import numpy as np

from eeinfer.training.data.dataset import Dataset, Split
from eeinfer.training.data.split import stratified
from eeinfer.training.seeds import generator


def load_digits(root: str | Path | None) -> Dataset:
    """Read the 1,797 digits of 8x8 pixels that scikit-learn ships; a fixed, stratified fifth are the test images."""
    from sklearn.datasets import load_digits as load

    bunch = load()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    everything = Split(images=images, labels=bunch.target.astype(np.int64))
    train, test = stratified(everything.labels, 0.2, seed=0)
    return Dataset(
        name="digits",
        train=everything.take(train),
        test=everything.take(test),
        classes=tuple(str(digit) for digit in range(10)),
        channels=1,
        size=(8, 8),
        mean=(0.305,),
        std=(0.376,),
        augment="crop",
    )


def load_synthetic(root: str | Path | None) -> Dataset:
    """Draw 512 colour images of 16x16 pixels, four textures under noise, and 128 more for testing."""
    random = generator(0, "synthetic")
    patterns = random.integers(40, 216, (4, 16, 16, 3))
    labels = np.arange(640) % 4
    noisy = patterns[labels] + random.normal(0, 60, (640, 16, 16, 3))
    images = np.clip(noisy, 0, 255).astype(np.uint8)
    return Dataset(
        name="synthetic",
        train=Split(images=images[:512], labels=labels[:512]),
        test=Split(images=images[512:], labels=labels[512:]),
        classes=("one", "two", "three", "four"),
        channels=3,
        size=(16, 16),
        mean=(0.5, 0.5, 0.5),
        std=(0.3, 0.3, 0.3),
        augment="crop-flip",
    )
