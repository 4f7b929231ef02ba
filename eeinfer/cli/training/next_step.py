"""What to do with a checkpoint."""

import os
import shlex
from pathlib import Path


def next_export(checkpoint: Path, root: str | os.PathLike[str] | None) -> str:
    """Return the line that names the command to go on with; no checkpoint says where its images were."""
    return f"next: eeinfer export {shlex.quote(str(checkpoint))}" + (
        "" if root is None else f" --root {shlex.quote(str(root))}"
    )
