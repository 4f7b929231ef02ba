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


def one_bit(path: Path) -> None:
    """Turn over the last bit of a file."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


# What can be wrong with the files of a bundle of three segments: every backend refuses it, in the same words.
DAMAGE: dict[str, Callable[[Path], object]] = {
    "altered weights": lambda bundle: one_bit(bundle / "weights.bin"),
    "altered model": lambda bundle: one_bit(bundle / "model.onnx"),
    "no graph": lambda bundle: swap(bundle, "segment_01.onnx", b"\x00no graph"),
    "cut off": lambda bundle: (bundle / "segment_00.onnx").write_bytes(b""),
    "missing": lambda bundle: (bundle / "weights.bin").unlink(),
    "another file": lambda bundle: (bundle / "notes.txt").write_text("mine"),
}
