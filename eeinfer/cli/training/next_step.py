"""What to do with a checkpoint."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path


def next_export(
    checkpoint: Path, root: str | os.PathLike[str] | None, parts: Iterable[str | os.PathLike[str]] = ()
) -> str:
    """Return the line that names the command to go on with.

    No checkpoint says where its images were, and none runs the files that its parts are in.
    """
    given = [*([] if root is None else [("--root", root)]), *(("--part", part) for part in parts)]
    words = ["eeinfer", "export", checkpoint, *(word for pair in given for word in pair)]
    return f"next: {shlex.join(map(str, words))}"
