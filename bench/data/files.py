"""Images of a user's own for a bundle: arrays in a file, a folder, a list. Reads no image yet."""

from pathlib import Path

from eeinfer.arrays import ImageFiles, read_arrays
from eeinfer.bench.data.images import ASK, GivenImages
from eeinfer.bench.data.raw import channels
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError
from eeinfer.labelled import Photos, class_numbers, held_out, parts_of, photos_in, photos_listed

FOLDER, HELD_OUT = "folder", "held_out"  # in the provenance: name of the folder trained on, whether it was divided here


def from_arrays(path: Path, bundle: Bundle) -> GivenImages:
    """Read an .npz file.

    Raises:
        DataError: it is missing or damaged, or lacks an array of images.
    """
    inputs = [input.tensor.name for input in bundle.manifest.inputs]
    names = ["images"] if len(inputs) == 1 else inputs
    arrays = read_arrays(path, [*names, "labels"], ask=ASK)
    missing = next((name for name in names if name not in arrays), None)
    if missing is not None:
        raise DataError(f"{path} holds no array {missing!r}; save {', '.join([*names, 'labels'])} with numpy.savez")
    labels = arrays.pop("labels", None)
    return GivenImages(name=path.stem, images=arrays["images"] if len(inputs) == 1 else arrays, labels=labels)


def from_list(path: Path, bundle: Bundle) -> GivenImages:
    """Find the images that a CSV file names; those of them that training left out, if it is the bundle's own list."""
    return _given(*_unseen(photos_listed(path), bundle, str(path)), bundle)


def from_folder(folder: Path, bundle: Bundle) -> GivenImages:
    """Find the images of a folder: of its test part, if it has one, or what training left out of it."""
    parts = parts_of(folder)
    if parts is not None:
        return _given(photos_in(parts[1]), f"the images in {parts[1]}", bundle)
    return _given(*_unseen(photos_in(folder), bundle, f"the images in {folder}"), bundle)


def _unseen(photos: Photos, bundle: Bundle, name: str) -> tuple[Photos, str]:
    facts = bundle.manifest.provenance
    if photos.names is None or not facts.get(HELD_OUT) or facts.get(FOLDER) != photos.place.resolve().name:
        return photos, name
    left = photos.take(held_out(photos))
    return left, f"{name}: the {len(left)} of {len(photos)} that training left out"


def _given(photos: Photos, name: str, bundle: Bundle) -> GivenImages:
    manifest = bundle.manifest
    whose = f"the bundle {manifest.name!r}"
    labels = None if photos.names is None else class_numbers(photos, manifest.classes, whose)
    return GivenImages(name=name, images=ImageFiles(photos.paths, channels(manifest)), labels=labels)
