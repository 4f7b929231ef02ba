"""Where data sets are looked for, and sets of image files in one folder per class."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eeinfer.arrays import SUFFIXES, ImageFiles, images_by_class
from eeinfer.errors import DataError
from eeinfer.files import meant_path
from eeinfer.labelled import Photos, held_out, parts_of, photos_in, photos_listed
from eeinfer.labelled.folders import TESTS, TRAIN
from eeinfer.training.data.dataset import Dataset, Pixels, Split

VARIABLE = "EEINFER_DATA"
SIDES = (32, 64, 96, 128, 160, 224)  # that networks read
_SMALL = 64  # images up to this size are scaled whole, without a crop
_LOOKED_AT = 200  # images whose size is asked
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def search_roots(root: str | Path | None) -> list[Path]:
    """Return the folders in which a data set may lie: `root` alone if given, else $EEINFER_DATA, ./data, the system's.

    Raises:
        DataError: `root` is given and is no folder.
    """
    if root is not None:
        if not Path(root).is_dir():
            near = meant_path(Path(root))
            raise DataError(
                f"the data folder {root} does not exist{near}; give the folder that holds the data set's files"
            )
        return [Path(root)]
    named = os.environ.get(VARIABLE)
    return [*([Path(named)] if named else []), Path("data"), Path("/usr/share/datasets")]


def find_folder(roots: Sequence[Path], names: Sequence[str], advice: str) -> Path:
    """Return the first existing folder among `names` below `roots`; a root that bears such a name counts itself.

    Raises:
        DataError: none exists; the message ends with `advice`.
    """
    for root in roots:
        candidates = [root / name for name in names] + ([root] if root.name in names else [])
        for folder in candidates:
            if folder.is_dir():
                return folder
    looked = ", ".join(str(root / names[0]) for root in roots)
    raise DataError(f"no {names[0]} in {looked}: {advice}; or set {VARIABLE} to the folder that holds it")


def load_imagefolder(root: str | Path | None) -> Dataset:
    """Read images of a user's own: ``root/train/CLASS/*.jpg`` and ``root/test`` (or ``val``) in the same layout, or
    ``root/CLASS/*.jpg`` or a .csv file with the columns path,label, of which a fifth is held out for testing.
    """
    if root is None:
        raise DataError(
            "imagefolder needs a root: --root (data.root) with a folder that holds CLASS/image.jpg, or "
            "train/CLASS/image.jpg and test/CLASS/image.jpg, or with a .csv file with the columns path,label"
        )
    path = Path(root)
    if path.suffix.lower() == ".csv":
        return _undivided(photos_listed(path))
    folder = search_roots(root)[0]
    if parts_of(folder) is None and not any((folder / part).is_dir() for part in (TRAIN, *TESTS)):
        return _undivided(photos_in(folder))
    return _sized(replace(_from_folders("imagefolder", folder, {}), folder=folder.resolve().name))


def _undivided(photos: Photos) -> Dataset:
    if photos.names is None or len(set(photos.names)) < 2:
        what = "images without classes" if photos.names is None else f"images of {photos.names[0]!r} alone"
        raise DataError(f"{photos.place} holds {what}; put them into one folder per class, of two classes or more")
    classes = tuple(sorted(set(photos.names)))
    number = {name: place for place, name in enumerate(classes)}
    every = Split(images=ImageFiles(photos.paths), labels=np.array([number[name] for name in photos.names]))
    rows = np.arange(len(photos))
    test = np.isin(rows, held_out(photos))
    found = _photos("imagefolder", every.take(rows[~test]), every.take(rows[test]), classes)
    return _sized(replace(found, folder=photos.place.resolve().name, held_out=True))


def load_imagenette(root: str | Path | None) -> Dataset:
    """Read Imagenette as fast.ai packs it, at any of its sizes."""
    advice = (
        "download imagenette2-320.tgz from https://github.com/fastai/imagenette and unpack it there, "
        "giving imagenette2-320/train/n01440764/... and imagenette2-320/val/..."
    )
    names = ("imagenette2-320", "imagenette2-160", "imagenette2", "imagenette")
    return _from_folders("imagenette", find_folder(search_roots(root), names, advice), IMAGENETTE_CLASSES)


def _from_folders(name: str, folder: Path, titles: dict[str, str]) -> Dataset:
    tests = [folder / part for part in ("test", "val", "validation") if (folder / part).is_dir()]
    if not (folder / "train").is_dir() or not tests:
        raise DataError(f"{folder} is no {name}: it needs train/CLASS/image.jpg and test/CLASS/image.jpg (or val)")
    train, test = images_by_class(folder / "train"), images_by_class(tests[0])
    classes = [*train]
    if len(classes) < 2:
        found = (
            f"images in {len(classes)} class folders" if classes else f"no images ({', '.join(SUFFIXES)}) in folders"
        )
        raise DataError(f"{folder / 'train'} holds {found}; a classifier needs two classes or more")
    return _photos(
        name,
        _split(folder / "train", train, classes),
        _split(tests[0], test, classes),
        tuple(titles.get(label, label) for label in classes),
    )


def _photos(name: str, train: Split, test: Split, classes: tuple[str, ...]) -> Dataset:
    return Dataset(
        name=name,
        train=train,
        test=test,
        classes=classes,
        channels=3,
        size=(SIDES[-1], SIDES[-1]),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        augment="resized-crop",
        resize_ratio=256 / 224,
    )


def _sized(dataset: Dataset) -> Dataset:
    """Let networks read images of about the size that these have."""
    side = _side(dataset.train.images)
    return replace(dataset, size=(side, side), resize_ratio=dataset.resize_ratio if side > _SMALL else None)


def _side(images: Pixels | ImageFiles) -> int:
    """The largest usual size that half of the images have, by some of them; a damaged one tells nothing."""
    from PIL import Image

    assert isinstance(images, ImageFiles)
    shorter = []
    for path in images.paths[:: max(1, len(images) // _LOOKED_AT)]:
        with contextlib.suppress(Exception), Image.open(path) as image:
            shorter.append(min(image.size))
    middle = float(np.median(shorter)) if shorter else SIDES[-1]
    return max((side for side in SIDES if side <= middle), default=SIDES[0])


def _split(folder: Path, found: Mapping[str, Sequence[Path]], classes: Sequence[str]) -> Split:
    strange = [name for name in found if name not in classes]
    if strange:
        raise DataError(f"{folder} holds the class {strange[0]!r}, which the training images do not have")
    if not found:
        raise DataError(f"{folder} holds no images ({', '.join(SUFFIXES)}) in folders named after the classes")
    labelled = [(path, label) for label, name in enumerate(classes) for path in found.get(name, ())]
    return Split(images=ImageFiles([path for path, _ in labelled]), labels=np.array([label for _, label in labelled]))
