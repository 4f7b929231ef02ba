"""Images that a user gives for a calibration, in place of those of the run: one half fits, the other half tells."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import ImageFiles, read_arrays
from eeinfer.errors import DataError
from eeinfer.labelled import Photos, class_numbers, held_out, parts_of, photos_in, photos_listed
from eeinfer.training.data.dataset import Split
from eeinfer.training.data.split import stratified
from eeinfer.training.runs.checkpoint import Checkpoint

_FEWEST = 2  # of a class's images there have to be for both halves to know it
_ASK = "give a folder of class folders, a .csv file with the columns path,label, or an .npz file with images and labels"


def given_halves(trained: Checkpoint, data: str | Path, seed: int) -> tuple[Split, Split]:
    """Return the images of ``data`` in two random halves, each with as many of every class.

    Args:
        trained: the checkpoint, whose classes the labels are of.
        data: a folder with one folder per class, or with parts, of which the test part is taken; a .csv file with the
            columns path,label; an .npz file with the arrays ``images`` (uint8 [N,H,W] or [N,H,W,C]) and ``labels`` [N].
            Of a folder or list that training divided itself, the images that it held out are taken.
        seed: of the halves.

    Raises:
        DataError: it is missing or damaged, has no labels or unknown ones, or is too small to be halved.
    """
    found = _found(trained, Path(data))
    fits, tells = stratified(found.labels, 0.5, seed=seed)
    if min(len(fits), len(tells)) == 0 or len(found) < _FEWEST * len(set(found.labels.tolist())):
        raise DataError(f"{data} holds {len(found)} images, too few to fit on one half and to tell on the other")
    return found.take(fits), found.take(tells)


def _found(trained: Checkpoint, path: Path) -> Split:
    if path.suffix.lower() == ".npz":
        return _arrays(path, len(trained.classes))
    if path.suffix.lower() != ".csv" and not path.is_dir():
        raise DataError(f"there is no folder or file {path}; {_ASK}")
    photos = photos_listed(path) if path.suffix.lower() == ".csv" else _folder(path)
    if photos.names is None:
        raise DataError(f"{path} holds images without classes, and a calibration needs to know them; {_ASK}")
    facts = trained.provenance
    if facts.get("held_out") and facts.get("folder") == photos.place.resolve().name:
        photos = photos.take(held_out(photos))
    labels = class_numbers(photos, trained.classes, "the checkpoint")
    return Split(images=ImageFiles(photos.paths), labels=labels)


def _folder(path: Path) -> Photos:
    parts = parts_of(path)
    return photos_in(path if parts is None else parts[1])


def _arrays(path: Path, classes: int) -> Split:
    arrays = read_arrays(path, ["images", "labels"], ask=_ASK)
    missing = next((name for name in ("images", "labels") if name not in arrays), None)
    if missing is not None:
        raise DataError(f"{path} holds no array {missing!r}; save images, labels with numpy.savez")
    images, labels = arrays["images"], arrays["labels"]
    _check(path, images, labels, classes)
    return Split(images=images, labels=labels.astype(np.int64))


def _check(path: Path, images: NDArray[np.generic], labels: NDArray[np.generic], classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise DataError(f"images in {path} are {images.dtype} {list(images.shape)}; give uint8 [N,H,W] or [N,H,W,C]")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise DataError(f"labels in {path} are {labels.dtype} {list(labels.shape)}; give {len(images)} whole numbers")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise DataError(f"labels in {path} are {labels.min()} to {labels.max()}; the checkpoint has 0 to {classes - 1}")
