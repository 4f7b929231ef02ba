"""The optimised form of a bundle: its segments as ONNX Runtime computes them on one kind of processor.

    engines/onnxruntime-<key>/   in the bundle, or optimised/<key>/ in the cache of a machine
      build.json         what it was made from and for, the segments, and the sums of all files beside it
      segment_00.onnx    one graph per exit ...
      model.onnx, model.bin

docs/bundle.md says it field by field.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from eeinfer.bundle.build_record import BUILD_NAME, FOLDER
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import FileHash, Segment
from eeinfer.errors import BundleError
from eeinfer.files import read_small

FORMAT_VERSION = 1
LIBRARY: Literal["onnxruntime"] = "onnxruntime"
FORM = 5  # counts up with what the maker does

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
        build = msgspec.json.decode(data, type=OptimisedBuild)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{where / BUILD_NAME} is damaged: {error}") from error
    if build.format_version != FORMAT_VERSION:
        raise BundleError(
            f"{where / BUILD_NAME} has format version {build.format_version}, this eeinfer reads {FORMAT_VERSION}"
        )
    return build


def optimised_folders(bundle: Bundle) -> list[Path]:
    """Return where optimised forms lie inside ``bundle``, whatever they were made for."""
    engines = bundle.file(FOLDER)
    return sorted(path for path in engines.glob(f"{LIBRARY}-*") if path.is_dir()) if engines.is_dir() else []
