"""Changing a written bundle so that its sums are right again: what a reader has to notice is then the change itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.manifest_file import with_checksum

Json = dict[str, Any]


def edit(folder: Path, change: Callable[[Json], object]) -> None:
    """Alter manifest.json in place."""
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_bytes(with_checksum(json.dumps(data).encode()))


def rehash(folder: Path, name: str) -> None:
    """Let the manifest vouch for what the file is now."""
    hashes = hash_file(folder / name)
    edit(folder, lambda data: data["files"].update({name: {"sha256": hashes.sha256, "bytes": hashes.bytes}}))


def swap(folder: Path, name: str, data: bytes) -> None:
    """Give a file another content and let the manifest vouch for it."""
    (folder / name).write_bytes(data)
    rehash(folder, name)
