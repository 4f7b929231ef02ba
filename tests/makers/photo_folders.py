"""Image files as users have them: in one folder per class, flat, and in a list."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def photo_folder(folder: Path, classes: Iterable[str] = ("class 0", "class 1"), count: int = 10, side: int = 8) -> Path:
    """Write COUNT images of each class, which differ in how bright they are."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            pixels = draw.integers(low := 40 * number % 190, low + 60, (side, side + 2, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.png")
    return folder


def flat_folder(folder: Path, count: int = 3) -> Path:
    """Write images without classes."""
    folder.mkdir(parents=True)
    for k in range(count):
        Image.new("RGB", (9, 8), (60 * k, 0, 0)).save(folder / f"{k}.png")
    return folder


def listed(file: Path, folder: Path, header: str = "path,label") -> Path:
    """Write a list of the images in a folder of classes, beside it."""
    rows = [f"{path.relative_to(file.parent)},{path.parent.name}" for path in sorted(folder.rglob("*.png"))]
    file.write_text("\n".join([header, *rows]) + "\n")
    return file
