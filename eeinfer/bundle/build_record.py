"""build.json: what a folder of TensorRT plans says about itself, and what its files are called.

    model.eeb/engines/tensorrt_rtx-sm86/
      segment_00.engine  one plan per segment ...
      build.json         what they were built from, with what, and for what, with the SHA-256 of each

As in the manifest, one integer is raised when an older reader would go wrong, and unknown fields are refused.
"""

import platform
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eeinfer.bundle.manifest import Segment
from eeinfer.errors import BundleError

FORMAT_VERSION = 1
FOLDER = "engines"
BUILD_NAME = "build.json"
SUFFIX = ".engine"
TENSORRT, RTX = "tensorrt", "tensorrt_rtx"  # the import names; RTX builds without a GPU and runs on RTX GPUs

_DTYPES = {"FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "FP8": "float8_e4m3fn"}  # the others: alike
_MACHINES = {"AMD64": "x86_64", "arm64": "aarch64"}  # what other systems call the same processors

_Count = Annotated[int, Meta(ge=1)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of build.json has in common."""


class Plan(_Record, frozen=True, kw_only=True):
    """One segment's plan."""

    file: str
    sha256: str
    bytes: int
    onnx_sha256: str  # of the segment's graph and the weights it reads (eeinfer.bundle.builds.source_sha256)
    seconds: float  # what building it took


class Build(_Record, frozen=True, kw_only=True):
    """The whole of build.json."""

    format_version: int = FORMAT_VERSION
    library: Annotated[str, Meta(pattern=r"^tensorrt(_rtx)?\Z")]
    library_version: str
    target: Annotated[str, Meta(pattern=r"^sm\d{2,3}\Z")]  # the GPU's compute capability: sm86 is 8.6
    platform: str  # where it was built
    flags: dict[str, bool | int]  # what the builder was told
    batches: Annotated[tuple[_Count, ...], Meta(min_length=1)]  # one optimisation profile each, in this order
    created: str  # ISO 8601, UTC
    plans: tuple[Plan, ...]  # one per segment, in order

    @property
    def folder(self) -> str:
        """Where the plans lie inside the bundle."""
        return folder_name(self.library, self.target)


def dtype_name(dtype: Any) -> str:
    """Return what manifests call a dtype of TensorRT's, which has no types itself."""
    name: str = dtype.name
    return _DTYPES.get(name, name.lower())


def folder_name(library: str, target: str) -> str:
    """Return where plans for ``target`` lie inside a bundle."""
    return f"{FOLDER}/{library}-{target}"


def target_name(capability: tuple[int, int]) -> str:
    """Return ``sm86`` for (8, 6)."""
    return f"sm{capability[0]}{capability[1]}"


def plan_name(segment: Segment) -> str:
    """Return what the plan of ``segment`` is called."""
    return Path(segment.file).stem + SUFFIX


def platform_name() -> str:
    """Return this machine's system and processor: ``linux_x86_64``."""
    machine = platform.machine()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def encode_build(build: Build) -> bytes:
    """Return build.json, indented."""
    return msgspec.json.format(msgspec.json.encode(build), indent=2) + b"\n"


class _Version(msgspec.Struct):
    format_version: int


def decode_build(data: bytes, *, where: Path, remedy: str) -> Build:
    """Parse build.json, refusing another format before anything else about it.

    Args:
        data: its bytes.
        where: its place, for messages.
        remedy: what to do where it is unusable, for messages.

    Raises:
        BundleError: not JSON, truncated, another format, an unknown or missing field, a value of a wrong type.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if version != FORMAT_VERSION:
            way = "get a newer one with: pip install --upgrade eeinfer" if version > FORMAT_VERSION else remedy
            raise BundleError(
                f"{where} has format version {version}, this eeinfer reads version {FORMAT_VERSION}; {way}"
            )
        return msgspec.json.decode(data, type=Build)
    except msgspec.ValidationError as error:
        raise BundleError(f"{where} is not of format {FORMAT_VERSION}: {error}; {remedy}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{where} is truncated or not JSON: {error}; {remedy}") from error
