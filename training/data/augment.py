"""Random changes to training images, a whole batch at a time where the images are small (METHODS 4.7).

Legend: B images, H x W pixels, C channels. `Pixels` work on uint8 images, `Tensors` on prepared ones [B,C,H,W].
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eeinfer.arrays import ImageFiles
from eeinfer.errors import ConfigError, unknown
from eeinfer.training.data.dataset import Dataset

Batch: TypeAlias = Any  # uint8 [B,H,W] or [B,H,W,C], or a list of [H,W,C] of any size
Pixels: TypeAlias = Callable[[Batch, np.random.Generator, tuple[int, int]], Batch]  # ..., size of the network's input
Tensors: TypeAlias = Callable[[Tensor, np.random.Generator], Tensor]

_ERASED_SHARE = 0.1  # of the images lose a rectangle


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What happens to a batch before and after it is prepared."""

    pixels: Sequence[Pixels] = ()
    tensors: Sequence[Tensors] = ()
    any_size: bool = False  # takes a list of images of different sizes
    scales: bool = False  # gives images of the network's own size, which must not be resized again

    def change(self, images: Batch, random: np.random.Generator, size: tuple[int, int]) -> Batch:
        """Return the images [B,...] as the network shall see them, still uint8."""
        for step in self.pixels:
            images = step(images, random, size)
        return images

    def finish(self, x: Tensor, random: np.random.Generator) -> Tensor:
        """Return the prepared batch [B,C,H,W] with what is done to it last."""
        for step in self.tensors:
            x = step(x, random)
        return x


def shift(images: NDArray[np.uint8], random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Move each image by up to an eighth of its height in each direction, black coming in at the border."""
    count, height, width = images.shape[:3]
    reach = max(height // 8, 1)
    edges = [(0, 0), (reach, reach), (reach, reach), *([(0, 0)] if images.ndim == 4 else [])]
    top, left = random.integers(0, 2 * reach + 1, (2, count, 1, 1))
    rows, columns = top + np.arange(height)[:, None], left + np.arange(width)
    moved: NDArray[np.uint8] = np.pad(images, edges)[np.arange(count)[:, None, None], rows, columns]
    return moved


def flip(images: Batch, random: np.random.Generator, size: tuple[int, int]) -> Batch:
    """Mirror every other image, left to right."""
    chosen = random.random(len(images)) < 0.5
    if isinstance(images, list):
        return [image[:, ::-1] if mirrored else image for image, mirrored in zip(images, chosen, strict=True)]
    return np.where(chosen.reshape(-1, *[1] * (images.ndim - 1)), images[:, :, ::-1], images)


def affine(images: NDArray[np.uint8], random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Turn each image by up to 10 degrees and move it by up to an eighth, black coming in at the border."""
    count = len(images)
    angle = np.deg2rad(random.uniform(-10, 10, count))
    moves = random.uniform(-0.25, 0.25, (2, count))  # of half the side, which is 1 in grid coordinates
    theta = np.stack([np.cos(angle), -np.sin(angle), moves[0], np.sin(angle), np.cos(angle), moves[1]], 1)
    planes = torch.from_numpy(np.ascontiguousarray(images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2))).float()
    matrices = torch.from_numpy(theta.reshape(count, 2, 3)).float()
    grid = torch.nn.functional.affine_grid(matrices, list(planes.shape), align_corners=False)
    turned = torch.nn.functional.grid_sample(planes, grid, align_corners=False).round()
    return turned.byte().permute(0, 2, 3, 1).numpy().reshape(images.shape)


def resized_crop(images: Sequence[NDArray[np.uint8]], random: np.random.Generator, size: tuple[int, int]) -> Batch:
    """Cut 8 to 100 % of each image's area, at ratios 3:4 to 4:3, and scale it to the network's input."""
    return np.stack([_cut(np.asarray(image), random, size) for image in images])


def _cut(image: NDArray[np.uint8], random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = image.shape[:2]
    area, ratio = random.uniform(0.08, 1) * height * width, np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    rows, columns = (int(np.clip(round(side), 1, most)) for side, most in (
        (np.sqrt(area / ratio), height), (np.sqrt(area * ratio), width)
    ))  # fmt: skip
    top, left = int(random.integers(0, height - rows + 1)), int(random.integers(0, width - columns + 1))
    box = Image.fromarray(image[top : top + rows, left : left + columns])
    return np.asarray(box.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def trivial(images: Batch, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Apply one random operation of random strength to each image (TrivialAugmentWide, Mueller and Hutter, 2021)."""
    from torchvision.transforms.v2 import TrivialAugmentWide

    operation = TrivialAugmentWide()
    with _torch_seeded(random):
        # Stacked at once: the images of one batch have one size by now.
        planes = torch.from_numpy(np.ascontiguousarray(images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2)))
        changed = torch.stack([operation(plane) for plane in planes])
    return changed.permute(0, 2, 3, 1).numpy().reshape(images.shape)


def erase(x: Tensor, random: np.random.Generator) -> Tensor:
    """Blank a rectangle of 2 to 33 % of the area in a tenth of the images (random erasing, Zhong et al., 2020)."""
    from torchvision.transforms.v2 import RandomErasing

    operation = RandomErasing(p=_ERASED_SHARE)
    with _torch_seeded(random):
        return torch.stack([operation(image) for image in x])


@contextlib.contextmanager
def _torch_seeded(random: np.random.Generator) -> Iterator[None]:
    """Draw torch's random numbers from `random`, leaving its global state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(random.integers(2**63)))
        yield


AUGMENTATIONS = {
    "none": Augmentation(any_size=True),
    "crop": Augmentation(pixels=(shift,)),
    "crop-flip": Augmentation(pixels=(shift, flip)),
    "affine-flip": Augmentation(pixels=(affine, flip)),
    "trivial": Augmentation(pixels=(trivial,), tensors=(erase,)),
    "resized-crop": Augmentation(pixels=(resized_crop, flip, trivial), tensors=(erase,), any_size=True, scales=True),
}


def find_augmentation(name: str, dataset: Dataset) -> Augmentation:
    """Return the augmentation `name` for `dataset`, "auto" being the data set's own.

    Raises:
        ConfigError: an unknown name, or one that needs images of one size where the data set has files of many.
    """
    if name != "auto" and name not in AUGMENTATIONS:
        raise ConfigError(unknown("augmentation", name, ["auto", *AUGMENTATIONS]))
    found = AUGMENTATIONS[dataset.augment if name == "auto" else name]
    if isinstance(dataset.train.images, ImageFiles) and not found.any_size:
        fitting = ", ".join(key for key, entry in AUGMENTATIONS.items() if entry.any_size)
        raise ConfigError(f"augmentation {name!r} needs images of one size; for {dataset.name} choose of: {fitting}")
    return found
