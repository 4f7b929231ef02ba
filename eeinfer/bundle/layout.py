"""What an engine keeps and where: what exits answer, which tensors are alive behind a segment, what they occupy."""

import math
from collections.abc import Mapping

from eeinfer.bundle.manifest import DTYPE_BYTES, Axis, Manifest, TensorSpec

EXIT_OUTPUTS = ("logits", "score", "prediction")


def bytes_per_sample(spec: TensorSpec, axes: Mapping[str, Axis] | None = None) -> int:
    """Return what one row of a tensor occupies, its dynamic ``axes`` at their longest."""
    return math.prod(spec.sizes(longest(axes or {}))) * DTYPE_BYTES[spec.dtype]


def longest(axes: Mapping[str, Axis]) -> dict[str, int]:
    """Return the size of every dynamic axis that needs the most memory."""
    return {name: axis.max for name, axis in axes.items()}


def exit_specs(classes: int) -> tuple[TensorSpec, ...]:
    """Return what every exit answers, in the order of EXIT_OUTPUTS."""
    dtypes, shapes = ("float32", "float32", "int64"), ((classes,), (), ())
    return tuple(
        TensorSpec(name=name, dtype=dtype, shape=shape)
        for name, dtype, shape in zip(EXIT_OUTPUTS, dtypes, shapes, strict=True)
    )


def last_reads(manifest: Manifest) -> list[tuple[str, ...]]:
    """Return, per segment, the tensors that nobody reads after it has run."""
    last: dict[str, int] = {}
    for number, segment in enumerate(manifest.segments):
        last |= {spec.name: number for spec in (*segment.carried, *segment.inputs)}
    return [tuple(name for name, at in last.items() if at == number) for number in range(len(manifest.segments))]


def alive(manifest: Manifest) -> list[tuple[TensorSpec, ...]]:
    """Return, per segment, the tensors that have to be kept when it has run, because a later one reads them.

    That is more than it carries: a tensor of an earlier segment may pass by unread.
    """
    read_later: set[str] = set()
    kept = []
    for segment in reversed(manifest.segments):
        kept.append(frozenset(read_later))
        read_later |= {spec.name for spec in segment.inputs}
    made = {input.tensor.name: input.tensor for input in manifest.inputs}
    crossing = []
    for segment, names in zip(manifest.segments, reversed(kept), strict=True):
        made |= {spec.name: spec for spec in segment.carried}
        crossing.append(tuple(spec for name, spec in made.items() if name in names))
    return crossing


def bytes_in_front(manifest: Manifest) -> list[int]:
    """Return, per segment, the bytes of a row that are kept when the one before it has run, at the longest axes."""
    behind = [sum(bytes_per_sample(spec, manifest.axes) for spec in specs) for specs in alive(manifest)]
    return [0, *behind[:-1]]
