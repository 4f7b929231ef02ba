"""Which images of an undivided set are for testing: decided by their names, so that new images move no old ones."""

import hashlib

from eeinfer.labelled.photos import Photos

_SHARE = 5  # every fifth, about


def held_out(photos: Photos) -> list[int]:
    """Return the positions of the test images: about a fifth, at least one of every class with two images or more.

    An image belongs to them by the hash of its path inside the folder. Training leaves them out, and whoever is given
    the same folder later finds the same images, wherever it lies by then.
    """
    hashes = [_hash(photos, row) for row in range(len(photos))]
    names = photos.names or ("",) * len(photos)
    chosen = {row for row, value in enumerate(hashes) if value % _SHARE == 0}
    for name in sorted(set(names)):
        rows = [row for row, other in enumerate(names) if other == name]
        some = chosen & set(rows)
        if not some and len(rows) > 1:
            chosen.add(min(rows, key=lambda row: hashes[row]))
        elif len(some) == len(rows):
            chosen.discard(max(rows, key=lambda row: hashes[row]))
    return sorted(chosen)


def _hash(photos: Photos, row: int) -> int:
    path, top = photos.paths[row], photos.place if photos.place.is_dir() else photos.place.parent
    name = path.relative_to(top).as_posix() if path.is_relative_to(top) else path.name
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
