"""Whether a file of torch's is whole."""

import zipfile
import zlib
from pathlib import Path


def is_sound(path: Path) -> bool:
    """Say whether what torch.save wrote to `path` is whole and unaltered: torch.load does not check its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
        return False
