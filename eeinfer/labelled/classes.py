"""From the class names that a user's images have to the numbers that a network gives its classes."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import DataError
from eeinfer.labelled.photos import Photos

_FEW = 10  # classes that a message names


def class_numbers(photos: Photos, classes: Sequence[str], whose: str) -> NDArray[np.int64]:
    """Return the class [N] of every image, which has to have a name.

    A name may be written as a file system allows it (``T-shirt-top`` is ``T-shirt/top``), and a list may have numbers.

    Args:
        photos: images with names.
        classes: of the network, in its order.
        whose: what knows these classes, for the message.

    Raises:
        DataError: a name is none of ``classes``.
    """
    assert photos.names is not None
    known = _spellings(classes)
    numbered = all(name.isdecimal() and int(name) < len(classes) for name in photos.names)
    if numbered and not all(_plain(name) in known for name in photos.names):
        return np.array([int(name) for name in photos.names])
    unknown = next((name for name in photos.names if _plain(name) not in known and name not in classes), None)
    if unknown is not None:
        some = f"{', '.join(classes[:_FEW])}{', ...' if len(classes) > _FEW else ''}"
        raise DataError(
            f"{photos.place} holds images of {unknown!r}, which {whose} does not know; its classes are {some}: "
            + ("name the folder right above folders of these names" if photos.place.is_dir() else "give these labels")
        )
    exact = {name: number for number, name in enumerate(classes)}
    return np.array([exact.get(name, known.get(_plain(name), 0)) for name in photos.names])


def _spellings(classes: Sequence[str]) -> dict[str, int]:
    """Class numbers by plain spelling, without those that two classes share."""
    plain = [_plain(name) for name in classes]
    return {name: number for number, name in enumerate(plain) if plain.count(name) == 1}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().casefold()
