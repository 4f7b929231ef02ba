"""Whether the files in a folder are still what was written there: CRC-32, at twice the pace of SHA-256.

For what this machine keeps for itself, against damage alone: whoever may alter those files may write sums too.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from eeinfer.errors import BundleError
from eeinfer.files import read_pieces, replace_file

SUMS_NAME = "crc32.json"


def write_sums(folder: Path) -> None:
    """Note the sums of all files in ``folder`` beside them."""
    sums = {path.name: _crc32(path) for path in sorted(folder.iterdir()) if path.name != SUMS_NAME}
    replace_file(folder / SUMS_NAME, msgspec.json.encode(sums))


def check_sums(folder: Path, names: Iterable[str]) -> None:
    """Compare the files ``names`` in ``folder`` with the sums that ``write_sums`` noted.

    Raises:
        BundleError: one is damaged, or has no sum.
    """
    try:
        sums = msgspec.json.decode((folder / SUMS_NAME).read_bytes(), type=dict[str, int])
        damaged = [name for name in names if _crc32(folder / name) != sums.get(name)]
    except (OSError, ValueError) as error:  # not JSON, not UTF-8, not sums
        raise BundleError(f"{folder} cannot be checked: {error}") from error
    if damaged:
        raise BundleError(f"{folder}: {', '.join(damaged)} is not what was written there")


def _crc32(path: Path) -> int:
    value = 0
    for piece in read_pieces(path):
        value = zlib.crc32(piece, value)
    return value
