"""Whether a manifest holds together: the segments chain, every exit has its threshold, the costs add up."""

import math
from pathlib import Path

import numpy as np

from eeinfer.bundle.manifest import EXTRA_BYTES, INTERPOLATIONS, PRECISIONS, Input, Manifest, Segment, TensorSpec
from eeinfer.errors import BundleError

DEVICES = ("cpu", "cuda")
EXIT_OUTPUTS = ("logits", "score", "prediction")
_SHARES = "@"  # in the name of a tensor that shares another one's memory
_KINDS = "fiub"  # float, int, unsigned, bool: what an engine can carry


def check_manifest(manifest: Manifest, *, where: Path) -> None:
    """Refuse a manifest that no engine could run as written.

    Args:
        manifest: what was decoded or is about to be written.
        where: the bundle's folder, for the message.

    Raises:
        BundleError: naming the first thing that does not fit.
    """
    for check in (_check_counts, _check_taus, _check_precision, _check_input, _check_chain, _check_flops):
        if problem := check(manifest):
            raise BundleError(f"{where}: {problem}; export it again")


def bytes_per_sample(spec: TensorSpec) -> int:
    """Return what one row of a tensor occupies."""
    return math.prod(spec.shape) * (EXTRA_BYTES.get(spec.dtype) or np.dtype(spec.dtype).itemsize)


def exit_specs(classes: int) -> tuple[TensorSpec, ...]:
    """Return what every exit answers, in the order of EXIT_OUTPUTS."""
    dtypes, shapes = ("float32", "float32", "int64"), ((classes,), (), ())
    return tuple(
        TensorSpec(name=name, dtype=dtype, shape=shape)
        for name, dtype, shape in zip(EXIT_OUTPUTS, dtypes, shapes, strict=True)
    )


def shared_name(carried: str, number: int) -> str:
    """Name a tensor that is overwritten by ``carried`` in the same memory."""
    return f"{carried}{_SHARES}{number}"


def memory_name(name: str) -> str:
    """Return the tensor in whose memory the tensor ``name`` lies: its own, or one that overwrites it."""
    return name.partition(_SHARES)[0]


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
    made: dict[str, TensorSpec] = {manifest.input.tensor.name: manifest.input.tensor}
    crossing = []
    for segment, names in zip(manifest.segments, reversed(kept), strict=True):
        made |= {spec.name: spec for spec in segment.carried}
        crossing.append(tuple(spec for name, spec in made.items() if name in names))
    return crossing


def bytes_in_front(manifest: Manifest) -> list[int]:
    """Return, per segment, the bytes of a row that are kept when the one before it has run."""
    behind = [sum(map(bytes_per_sample, specs)) for specs in alive(manifest)]
    return [0, *behind[:-1]]


def _check_counts(manifest: Manifest) -> str | None:
    exits = len(manifest.segments)
    if not exits:
        return "the manifest has no segments"
    if not manifest.classes:
        return "the manifest has no classes"
    if len(manifest.taus) != exits:
        return f"the manifest has {len(manifest.taus)} taus for {exits} exits"
    if len(manifest.parity.exits) != exits:
        return f"the parity report has {len(manifest.parity.exits)} rows for {exits} exits"
    return None


def _check_taus(manifest: Manifest) -> str | None:
    bad = next((tau for tau in manifest.taus if not 0 <= tau <= 1), None)
    return None if bad is None else f"the manifest has the tau {bad}, outside [0, 1]"


def _check_precision(manifest: Manifest) -> str | None:
    if manifest.precision not in PRECISIONS:
        return f"the manifest has the precision {manifest.precision!r}, known are {', '.join(PRECISIONS)}"
    if manifest.device not in (None, *DEVICES):
        return f"the manifest has the device {manifest.device!r}, known are {', '.join(DEVICES)}"
    exits = len(manifest.segments)
    if manifest.shift is not None and len(manifest.shift.exits) != exits:
        return f"the shift report has {len(manifest.shift.exits)} rows for {exits} exits"
    return None


def _check_input(manifest: Manifest) -> str | None:
    return _spec_problem(manifest.input.tensor) or _preprocess_problem(manifest.input)


def _preprocess_problem(input: Input) -> str | None:
    rule, shape = input.preprocess, input.tensor.shape
    if rule is None:
        return None
    if len(shape) != 3 or input.tensor.dtype != "float32":
        return f"preprocessing makes float32 [C, H, W], the input is {_text(input.tensor)}"
    if not len(rule.mean) == len(rule.std) == shape[0]:
        return f"preprocessing has {len(rule.mean)} means and {len(rule.std)} stds for {shape[0]} channels"
    if not np.isfinite([*rule.mean, *rule.std]).all() or min(rule.std) <= 0:
        return "preprocessing has a mean or std that is not finite, or a std that is not positive"
    if rule.interpolation not in INTERPOLATIONS:
        return f"preprocessing has the interpolation {rule.interpolation!r}, known are {', '.join(INTERPOLATIONS)}"
    if rule.resize is not None and rule.resize < max(shape[1:]):
        return f"preprocessing scales the shorter side to {rule.resize}, less than the input's {max(shape[1:])}"
    return None


def _check_chain(manifest: Manifest) -> str | None:
    known = {manifest.input.tensor.name: manifest.input.tensor}
    for number, segment in enumerate(manifest.segments):
        if problem := _inputs_problem(segment, known) or _carried_problem(segment, known):
            return f"segment {number} ({segment.file}) {problem}"
        known |= {spec.name: spec for spec in segment.carried}
    return None


def _inputs_problem(segment: Segment, known: dict[str, TensorSpec]) -> str | None:
    names = [spec.name for spec in segment.inputs]
    if not names:
        return "reads nothing"
    if len(set(names)) != len(names):
        return "reads one tensor twice"
    for spec in segment.inputs:
        if spec.name not in known:
            return f"reads {spec.name!r}, which no earlier segment makes"
        if spec != known[spec.name]:
            return f"reads {_text(spec)}, but it is made as {_text(known[spec.name])}"
        if (owner := memory_name(spec.name)) != spec.name and owner in known:
            return f"reads {spec.name!r}, which {owner!r} overwrites"
    return None


def _carried_problem(segment: Segment, known: dict[str, TensorSpec]) -> str | None:
    made: dict[str, TensorSpec] = {}
    for spec in segment.carried:
        if any(spec.name in taken for taken in (known, EXIT_OUTPUTS, made)):
            return f"carries {spec.name!r}, a name that is taken"
        if problem := _spec_problem(spec):
            return f"carries {problem}"
        owner = made.get(memory_name(spec.name), spec)
        if memory_name(spec.name) != owner.name or (owner.dtype, owner.shape) != (spec.dtype, spec.shape):
            return f"carries {_text(spec)}, which has nothing like it to share memory with"
        made[spec.name] = spec
    return None


def _spec_problem(spec: TensorSpec) -> str | None:
    if not (spec.name and _is_number(spec.dtype)):
        return f"a tensor without a usable name or dtype, {_text(spec)}"
    if any(size < 1 for size in spec.shape):
        return f"an empty tensor, {_text(spec)}"
    return None


def _is_number(dtype: str) -> bool:
    if dtype in EXTRA_BYTES:
        return True
    try:
        return np.dtype(dtype).kind in _KINDS
    except TypeError:
        return False


def _check_flops(manifest: Manifest) -> str | None:
    total = 0
    for number, segment in enumerate(manifest.segments):
        total += segment.flops
        if segment.flops < 0 or segment.cumulative_flops != total:
            return f"segment {number} has {segment.cumulative_flops} cumulative FLOPs where its parts sum to {total}"
    return None


def _text(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.dtype} [batch{''.join(f', {size}' for size in spec.shape)}]"
