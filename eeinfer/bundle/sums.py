"""Whether the files in a folder are still what was written there: CRC-32, at twice the pace of SHA-256.

For what was made from a bundle, against damage alone: whoever may alter those files may write sums too.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path

from eeinfer.errors import BundleError
from eeinfer.files import read_pieces


def sums(folder: Path) -> dict[str, int]:
    """Return the sums of all files in ``folder``."""
    return {path.name: _crc32(path) for path in sorted(folder.iterdir())}


def check_sums(folder: Path, expected: Mapping[str, int]) -> None:
    """Compare the files in ``folder`` with what ``sums`` returned for them.

    Raises:
        BundleError: one is damaged or missing.
    """
    try:
        damaged = [name for name, sum in expected.items() if _crc32(folder / name) != sum]
    except FileNotFoundError as error:
        raise BundleError(f"{error.filename} is missing") from error
    if damaged:
        raise BundleError(f"{folder}: {', '.join(damaged)} is not what was written there")


def _crc32(path: Path) -> int:
    value = 0
    for piece in read_pieces(path):
        value = zlib.crc32(piece, value)
    return value
