"""The optimised form of a bundle: its segments as ONNX Runtime computes them on one kind of processor.

    engines/onnxruntime-<key>/   in the bundle, or optimised/<key>/ in the cache of a machine
      build.json         what it was made from and for, the segments, and the sums of all files beside it
      segment_00.onnx    one graph per exit ...
      model.onnx, model.bin

docs/bundle.md says it field by field.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from eeinfer.bundle.build_record import BUILD_NAME, FOLDER
from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.contents import check_files
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.graph.external import OPTIMISED
from eeinfer.bundle.manifest import FileHash, Segment
from eeinfer.bundle.manifest_file import check_depth, check_once, is_plain
from eeinfer.bundle.sums import check_sums
from eeinfer.errors import BundleError
from eeinfer.files import read_small

FORMAT_VERSION = 1
LIBRARY: Literal["onnxruntime"] = "onnxruntime"
FORM = 6  # counts up with what the maker does, and with what `check_graphs` refuses: a form vouches for its bundle

_MOST_BYTES = 16 << 20  # of a build.json
_KEY_DIGITS = 32


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an optimised form was made from and for. It is used where all four are the same, and nowhere else."""

    bundle: str  # fingerprint of the bundle: the SHA-256 of its manifest
    library_version: str  # of ONNX Runtime
    form: int = FORM
    instruction_sets: str  # kind of processor and its vector instructions

    @property
    def key(self) -> str:
        """The name under which the form is kept."""
        facts = self.bundle, f"{LIBRARY} {self.library_version}", f"form {self.form}", self.instruction_sets
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:_KEY_DIGITS]

    @property
    def folder(self) -> str:
        """Where the form lies inside its bundle."""
        return f"{FOLDER}/{LIBRARY}-{self.key}"


class OptimisedBuild(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of build.json."""

    format_version: int = FORMAT_VERSION
    library: Literal["onnxruntime"] = LIBRARY
    target: Target
    created: str  # ISO 8601, UTC, to the microsecond: no two forms have the same record
    segments: tuple[Segment, ...]  # as the manifest has them, with what these graphs read and carry
    files: dict[str, FileHash]  # of the folder, but for build.json
    crc32: dict[str, Annotated[int, Meta(ge=0)]]  # likewise; what is compared at each opening


def encode_optimised(build: OptimisedBuild) -> bytes:
    """Return build.json, indented."""
    return msgspec.json.format(msgspec.json.encode(build), indent=2) + b"\n"


def read_record(folder: Path) -> bytes:
    """Return the bytes of the build.json in ``folder``.

    Raises:
        BundleError: it is missing, or no file of its size.
    """
    try:
        return read_small(folder / BUILD_NAME, _MOST_BYTES)
    except OSError as error:
        raise BundleError(f"{folder} has no {BUILD_NAME} that can be read: {error}") from error


def decode_optimised(data: bytes, *, where: Path) -> OptimisedBuild:
    """Parse build.json.

    Raises:
        BundleError: not JSON, truncated, of another format, an unknown or missing field, a value of a wrong type.
    """
    try:
        plain = is_plain(data)
        if not plain:
            check_depth(data)
        build = msgspec.json.decode(data, type=OptimisedBuild)
        if not plain:
            check_once(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BundleError(f"{where / BUILD_NAME} is damaged: {error}") from error
    if build.format_version != FORMAT_VERSION:
        raise BundleError(
            f"{where / BUILD_NAME} has format version {build.format_version}, this eeinfer reads {FORMAT_VERSION}"
        )
    return build


@dataclass(frozen=True, kw_only=True)
class Form:
    """An optimised form as it lies in a folder, its graphs and weights not read yet."""

    path: Path
    record: bytes  # its build.json
    build: OptimisedBuild
    bundle: Bundle  # the segments of this form in the place of the bundle's own

    def check(self) -> None:
        """Compare the files with the sums noted when they were made.

        Raises:
            BundleError: one is missing or damaged.
        """
        check_sums(self.path, self.build.crc32)

    @contextmanager
    def opening(self, *, verify: bool) -> Iterator[None]:
        """Look, when the block has read the files, whether they were those of this form; check them on request.

        Raises:
            BundleError: one is missing or damaged, or another form has taken the place of this one.
        """
        with self.bundle.verifying(self.check) if verify else nullcontext():
            yield
        if read_record(self.path) != self.record:
            raise BundleError(f"{self.path} was replaced")


def read_form(bundle: Bundle, path: Path, record: bytes, *, trusted: bool = False) -> Form:
    """Read what lies at ``path``, with this record, as an optimised form of ``bundle``, whatever it was made for.

    Args:
        bundle: whose form it is.
        path: where it lies.
        record: its build.json.
        trusted: it lies where nobody but this user can write: its sums are compared, its graphs are not looked into.

    Raises:
        BundleError: it is damaged, or no optimised form of this bundle.
    """
    build = decode_optimised(record, where=path)
    if build.crc32.keys() != build.files.keys():
        raise BundleError(f"{path} has files without a sum")
    if build.target.bundle != bundle.fingerprint:
        raise BundleError(f"{path} was made from another state of the bundle")
    manifest = msgspec.structs.replace(bundle.manifest, segments=build.segments, files=build.files)
    check_manifest(manifest, where=path)
    check_files(path, manifest, domains=None if trusted else OPTIMISED)
    return Form(path=path, record=record, build=build, bundle=replace(bundle, path=path, manifest=manifest, seen=()))


@dataclass(frozen=True, kw_only=True)
class FoundForm:
    """A folder of an optimised form: its record, None where it cannot be read; what is wrong with it, or None."""

    folder: str  # inside the bundle
    build: OptimisedBuild | None
    problem: str | None


def survey_forms(bundle: Bundle) -> list[FoundForm]:
    """Look at every optimised form inside ``bundle``, sound or not, whatever it was made for."""
    engines = bundle.file(FOLDER)
    folders = sorted(path for path in engines.glob(f"{LIBRARY}-*") if path.is_dir()) if engines.is_dir() else []
    return [_found(bundle, path) for path in folders]


def _found(bundle: Bundle, path: Path) -> FoundForm:
    folder, build = path.relative_to(bundle.path).as_posix(), None
    try:
        record = read_record(path)
        build = decode_optimised(record, where=path)
        read_form(bundle, path, record).check()
    except (BundleError, OSError) as error:
        return FoundForm(folder=folder, build=build, problem=str(error))
    return FoundForm(folder=folder, build=build, problem=None)
