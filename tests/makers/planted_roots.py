"""A checkpoint that says where its images lie, as older ones do and as anybody can write it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from eeinfer.training.runs.sealed import save_sealed


def image_folder(root: Path, classes: str = "abcd", count: int = 6, size: int = 20) -> Path:
    """Write images as the data set `imagefolder` has them."""
    draw = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for k in range(count):
                Image.fromarray(draw.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    return root


def planted(checkpoint: Path, target: Path, root: Path) -> Path:
    """Write the checkpoint with another data set, which lies at `root`."""
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    content["config"]["data"].update(name="imagefolder", root=str(root))
    content["provenance"].update(dataset="imagefolder", config=content["config"])
    save_sealed(target, content)
    return target
