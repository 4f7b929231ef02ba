"""Manifests of formats 1 and 2: what they looked like, and what they are today.

They had one ``input``, fixed sizes, no checksum, and said in a tensor's name whose memory it lies in: ``carried_00@1``
is overwritten by ``carried_00``. Version 2 added ``precision``, ``device`` and ``shift``.
"""

from typing import Any

import msgspec

from eeinfer.bundle.manifest import FileHash, Flops, Input, Manifest, Parity, Preprocess, Segment, Shift, TensorSpec

OLDEST_VERSION = 1

_SHARES = "@"


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of an earlier manifest has in common."""


class _Tensor(_Record, frozen=True, kw_only=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Input(_Record, frozen=True, kw_only=True):
    tensor: _Tensor
    preprocess: Preprocess | None = None


class _Segment(_Record, frozen=True, kw_only=True):
    file: str
    inputs: tuple[_Tensor, ...]
    carried: tuple[_Tensor, ...]
    module: str
    flops: int
    cumulative_flops: int


class _Manifest(_Record, frozen=True, kw_only=True):
    format_version: int
    name: str
    input: _Input
    classes: tuple[str, ...]
    score: str
    taus: tuple[float, ...]
    segments: tuple[_Segment, ...]
    flops: Flops
    parity: Parity
    precision: str = "fp32"
    device: str | None = None
    shift: Shift | None = None
    provenance: dict[str, Any]
    files: dict[str, FileHash]


def decode_earlier(data: bytes) -> Manifest:
    """Parse a manifest.json of format 1 or 2 and say the same in the newest one.

    Raises:
        msgspec.DecodeError: not JSON, an unknown or missing field, a value of a wrong type.
    """
    found = msgspec.json.decode(data, type=_Manifest)
    same = {name: getattr(found, name) for name in _Manifest.__struct_fields__ if name in Manifest.__struct_fields__}
    for name in ("format_version", "segments"):
        del same[name]
    given = Input(tensor=_tensor(found.input.tensor), preprocess=found.input.preprocess)
    return Manifest(inputs=(given,), segments=tuple(map(_segment, found.segments)), **same)


def _segment(found: _Segment) -> Segment:
    return Segment(
        file=found.file,
        inputs=tuple(map(_tensor, found.inputs)),
        carried=tuple(map(_tensor, found.carried)),
        module=found.module,
        flops=found.flops,
        cumulative_flops=found.cumulative_flops,
    )


def _tensor(found: _Tensor) -> TensorSpec:
    owner, mark, _ = found.name.partition(_SHARES)
    return TensorSpec(name=found.name, dtype=found.dtype, shape=found.shape, shares=owner if mark else None)
