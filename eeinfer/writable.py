"""Looking whether a result can be written, before the work that it is the result of."""

import contextlib
import os
import tempfile
from pathlib import Path

from eeinfer.errors import InputError


def check_folder(folder: str | os.PathLike[str], what: str, hint: str = "choose another place with --out") -> None:
    """Refuse a folder that files cannot be written to; what is created for trying is removed again.

    Args:
        folder: need not exist; its parents neither.
        what: is to be written there, such as "the report".
        hint: ends the message.

    Raises:
        InputError: it cannot be made, is no folder, or is not to be written to.
    """
    target = Path(folder)
    made: list[Path] = []
    try:
        for missing in reversed(_missing(target)):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryFile(dir=target):
            pass
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{what} cannot be written to {target}: {reason}; {hint}") from error
    finally:
        with contextlib.suppress(OSError):  # somebody put something there meanwhile
            for path in reversed(made):
                path.rmdir()


def _missing(folder: Path) -> list[Path]:
    """The folders that do not exist yet, from ``folder`` upwards."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    return missing
