"""The bundle: a folder with one ONNX graph per exit, shared weights, and a manifest that vouches for all of it.

    model.eeb/
      manifest.json      what the bundle is (see eeinfer.bundle.manifest), with the SHA-256 of every other file
      model.onnx         one graph with every exit
      segment_00.onnx    one graph per exit ...
      weights.bin        ONNX external data, shared by all graphs

Opening reads the manifest, checks that it holds together (eeinfer.bundle.checks) and that the files are the ones it
was written with. Nothing outside the folder is ever read.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.external import external_files
from eeinfer.bundle.manifest import MANIFEST_NAME, MODEL_NAME, FileHash, Manifest
from eeinfer.bundle.manifest_file import decode_manifest
from eeinfer.errors import BundleError
from eeinfer.files import read_pieces

_SMALL_BYTES = 8 << 20  # hashed within the 5 ms that a thread may wait for its turn in Python


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A folder whose manifest and files have been checked. Make one with ``Bundle.open``."""

    path: Path
    manifest: Manifest
    fingerprint: str  # SHA-256 of the manifest as it was read, which holds those of all other files

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = True) -> "Bundle":
        """Read and check the bundle at ``path``.

        Args:
            path: the folder that ``eeinfer export`` wrote.
            verify: also compare every file with its SHA-256. False skips the hashes and nothing else.

        Raises:
            BundleError: the folder is missing, foreign, damaged or altered, comes from a newer format, names paths
                outside itself, or its segments do not chain.
        """
        folder = Path(path)
        data = _read_manifest(folder)
        manifest = decode_manifest(data, where=folder / MANIFEST_NAME)
        check_manifest(manifest, where=folder)
        check_files(folder, manifest)
        bundle = cls(path=folder, manifest=manifest, fingerprint=hashlib.sha256(data).hexdigest())
        if verify:
            bundle.verify()
        return bundle

    def verify(self) -> None:
        """Compare every file with its SHA-256.

        Raises:
            BundleError: one is missing or was altered.
        """
        for name, expected in self.manifest.files.items():
            _check_size(self.path, name, expected)
            if hash_file(self.file(name)) != expected:
                raise BundleError(f"{self.path}: {name} was altered, its SHA-256 is not the manifest's; copy it again")

    @contextmanager
    def verifying(self, check: Callable[[], None] | None = None) -> Iterator[None]:
        """Compare the files with their SHA-256, or do another check of them, beside what the block does.

        Raises:
            BundleError: one is missing or was altered, which explains whatever went wrong in the block.
        """
        check = check or self.verify
        if self.is_small:
            check()
            yield
            return
        with ThreadPoolExecutor(1) as pool:
            checked = pool.submit(check)
            try:
                yield
            finally:
                checked.result()

    @property
    def is_small(self) -> bool:
        """Whether the files are read before a thread for it has started."""
        return sum(file.bytes for file in self.manifest.files.values()) < _SMALL_BYTES

    def file(self, name: str) -> Path:
        """Return where the file ``name`` of this bundle lies."""
        return self.path / name

    @property
    def model(self) -> Path:
        """The one graph with every exit."""
        return self.path / MODEL_NAME


def _read_manifest(folder: Path) -> bytes:
    if not folder.exists():
        raise BundleError(f"no bundle at {folder}; make one with: eeinfer export checkpoint.pt --out {folder}")
    if not folder.is_dir():
        raise BundleError(f"{folder} is a file; a bundle is the folder that eeinfer export writes")
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST_NAME}; give the folder that export wrote")
    _check_inside(folder, MANIFEST_NAME)
    return path.read_bytes()


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder that has not the files the manifest vouches for, of the sizes it says.

    Raises:
        BundleError: a path that leaves the folder, a file that is missing, of another size or not vouched for.
    """
    graphs = [MODEL_NAME, *(segment.file for segment in manifest.segments)]
    for name in (*manifest.files, *(name for name in graphs if name not in manifest.files)):
        _check_inside(folder, name)
        if name not in manifest.files:
            raise BundleError(f"{folder}: the manifest has no hash for {name}; export it again")
        _check_size(folder, name, manifest.files[name])
    for name in graphs:
        _check_external(folder, name, manifest)


def _check_inside(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    plain = name and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    if not plain or "\\" in name or PureWindowsPath(name).drive:
        raise BundleError(f"{folder}: the manifest names {name!r}; only plain paths inside the bundle are allowed")
    file = folder / name
    if len(path.parts) == 1 and not file.is_symlink():
        return
    if not file.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{folder}: {name} is a link that leaves the bundle; copy the file itself into the folder")


def _check_size(folder: Path, name: str, expected: FileHash) -> None:
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{folder}: {name} is missing; copy the bundle again or export it again")
    size = path.stat().st_size
    if size != expected.bytes:
        raise BundleError(f"{folder}: {name} has {size} bytes, the manifest says {expected.bytes}; copy it again")


def _check_external(folder: Path, name: str, manifest: Manifest) -> None:
    """Weights come from files that the manifest vouches for: a graph could name any other file."""
    for external in external_files((folder / name).read_bytes(), where=folder / name):
        if external not in manifest.files:
            raise BundleError(f"{folder}: {name} reads weights from {external!r}, which the manifest does not list")


def hash_file(path: Path) -> FileHash:
    """Return the SHA-256 and the size of the file at ``path``."""
    digest = hashlib.sha256()
    for piece in read_pieces(path):
        digest.update(piece)
    return FileHash(sha256=digest.hexdigest(), bytes=path.stat().st_size)
