"""The bundle: a folder with one ONNX graph per exit, shared weights, and a manifest that vouches for all of it.

    model.eeb/
      manifest.json      what the bundle is (see eeinfer.bundle.manifest), with the SHA-256 of every other file
      model.onnx         one graph with every exit
      segment_00.onnx    one graph per exit ...
      weights.bin        ONNX external data, shared by all graphs

Opening reads the manifest, checks that it holds together (eeinfer.bundle.checks), that the files are the ones it was
written with, and that nobody replaced them meanwhile (eeinfer.bundle.contents). Nothing outside the folder is read.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.contents import (
    Stamp,
    check_files,
    check_graph,
    check_graphs,
    check_nothing_else,
    check_size,
    read_manifest,
    stamp,
)
from eeinfer.bundle.graph.external import STANDARD
from eeinfer.bundle.manifest import MANIFEST_NAME, MODEL_NAME, FileHash, Manifest
from eeinfer.bundle.manifest_file import decode_manifest
from eeinfer.errors import BundleError, EeinferError, ReplacedError
from eeinfer.files import read_pieces

Opened = TypeVar("Opened")

_MORE_TRIES = 3  # where the bundle is replaced while it is opened
_SMALL_BYTES = 8 << 20  # hashed within the 5 ms that a thread may wait for its turn in Python


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A folder whose manifest and files have been checked. Make one with ``Bundle.open``."""

    path: Path
    manifest: Manifest
    fingerprint: str  # SHA-256 of the manifest as it was read, which holds those of all other files
    seen: Stamp = ()  # of the folder and all its files, before any of them was read

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = True, graphs: bool = True) -> "Bundle":
        """Read and check the bundle at ``path``.

        Args:
            path: the folder that ``eeinfer export`` wrote.
            verify: also compare every file with its SHA-256. False skips the hashes and nothing else.
            graphs: also look into the graph of every segment. False leaves that to who opens them: see ``opening``.

        Raises:
            BundleError: the folder is missing, foreign, damaged or altered, comes from a newer format, names paths
                outside itself, or its segments do not chain.
        """
        return unless_replaced(partial(cls._open, Path(path), verify=verify, graphs=graphs))

    @classmethod
    def _open(cls, folder: Path, *, verify: bool, graphs: bool) -> "Bundle":
        before = stamp(folder, [MANIFEST_NAME])
        try:
            return cls._read(folder, before, verify=verify, graphs=graphs)
        except BundleError as error:
            if stamp(folder, [MANIFEST_NAME]) == before:
                raise
            raise ReplacedError(f"{folder} was replaced while it was opened; open it again") from error

    @classmethod
    def _read(cls, folder: Path, before: Stamp, *, verify: bool, graphs: bool) -> "Bundle":
        data = read_manifest(folder)
        manifest = decode_manifest(data, where=folder / MANIFEST_NAME)
        check_manifest(manifest, where=folder)
        seen = (*before, *stamp(folder, manifest.files)[1:])
        check_files(folder, manifest, domains=STANDARD if graphs else None)
        check_nothing_else(folder, manifest)
        bundle = cls(path=folder, manifest=manifest, fingerprint=hashlib.sha256(data).hexdigest(), seen=seen)
        if verify:
            bundle.verify()
        bundle.check_unchanged()
        return bundle

    def verify(self) -> None:
        """Compare every file with its SHA-256.

        Raises:
            BundleError: one is missing or was altered.
        """
        for name, expected in self.manifest.files.items():
            check_size(self.path, name, expected)
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
            try:
                finish: Callable[[], object] = pool.submit(check).result
            except RuntimeError:  # no thread can be started, as under a limit of processes
                finish = check
            try:
                yield
            finally:
                finish()

    @contextmanager
    def opening(self, *, verify: bool) -> Iterator[Callable[..., None]]:
        """Let the block read the files; whatever it made of them does not count if they were replaced meanwhile.

        Args:
            verify: also compare the files with their SHA-256, beside what the block does.

        Yields:
            What checks the graphs and begins with the hashes, however often it is called. It need not be called where
            somebody else does both; where something goes wrong in the block, that is done here, to explain it.
            With ``vouched=True``, from somebody whom this user trusts, graphs with these SHA-256 were checked before:
            then the hashes of a small bundle are enough, which are compared before the block goes on.

        Raises:
            ReplacedError: the files are not those that were there when the bundle was opened, which explains whatever
                went wrong in the block.
            BundleError: as ``verifying``, or a graph that no bundle has.
        """
        checks = _Checks(self, verify=verify)
        try:
            with checks:
                yield checks.begin
        except EeinferError as error:
            self.check_unchanged(error)
            with checks:
                checks.begin()
            raise
        self.check_unchanged()

    def check_unchanged(self, cause: Exception | None = None) -> None:
        """Refuse what was read, or explain ``cause``, where another bundle has taken the place of this one.

        Raises:
            ReplacedError: the folder or a file in it is another one than when the bundle was opened.
        """
        if self.seen and stamp(self.path, (MANIFEST_NAME, *self.manifest.files)) != self.seen:
            raise ReplacedError(f"{self.path} was replaced or altered while it was read; open it again") from cause

    @property
    def is_small(self) -> bool:
        """Whether the files are read before a thread for it has started."""
        return sum(file.bytes for file in self.manifest.files.values()) < _SMALL_BYTES

    def check_plain(self) -> None:
        """Refuse files that are links: the onnx package reads no weights by way of one.

        Raises:
            BundleError: the bundle lies in a hub's cache.
        """
        if any(self.file(name).is_symlink() for name in self.manifest.files):
            raise BundleError(f"{self.path} is made of links, as a hub keeps it; copy it: cp -rL {self.path} copy.eeb")

    def file(self, name: str) -> Path:
        """Return where the file ``name`` of this bundle lies."""
        return self.path / name

    @property
    def model(self) -> Path:
        """The one graph with every exit, looked at now.

        Raises:
            BundleError: it reads anything but the bundle's weights, or is no graph.
        """
        check_graph(self.path, MODEL_NAME, self.manifest.files)
        return self.path / MODEL_NAME


class _Checks(ExitStack):
    """Looks into the graphs and compares the hashes of a bundle's files, once, when somebody asks for it."""

    def __init__(self, bundle: Bundle, *, verify: bool) -> None:
        super().__init__()
        self._bundle, self._verify, self._begun = bundle, verify, False

    def begin(self, *, vouched: bool = False) -> None:
        if not self._begun:
            self._begun = True
            # A large bundle's hashes are compared while sessions open: these must not read what nobody looked at.
            if not (self._verify and self._bundle.is_small and vouched):
                check_graphs(self._bundle.path, self._bundle.manifest)
            if self._verify:
                self.enter_context(self._bundle.verifying())


def unless_replaced(opening: Callable[[], Opened]) -> Opened:
    """Open something of a bundle, and again where another bundle took its place meanwhile.

    Raises:
        ReplacedError: it was replaced each time.
    """
    for _ in range(_MORE_TRIES):
        try:
            return opening()
        except ReplacedError:  # noqa: PERF203 - each try takes milliseconds
            continue
    return opening()


def hash_file(path: Path) -> FileHash:
    """Return the SHA-256 and the size of the file at ``path``."""
    digest = hashlib.sha256()
    for piece in read_pieces(path):
        digest.update(piece)
    return FileHash(sha256=digest.hexdigest(), bytes=path.stat().st_size)
