"""Whether a manifest holds together: the segments chain, every exit has its threshold, the costs add up."""

import re
from pathlib import Path

import numpy as np

from eeinfer.bundle.build_record import FOLDER
from eeinfer.bundle.certificate import certificate_problem
from eeinfer.bundle.layout import EXIT_OUTPUTS, bytes_per_sample
from eeinfer.bundle.manifest import (
    DEVICES,
    DTYPE_BYTES,
    INTERPOLATIONS,
    MANIFEST_NAME,
    PRECISIONS,
    Axis,
    Input,
    Manifest,
    Segment,
    TensorSpec,
)
from eeinfer.errors import BundleError

BATCH = "batch"  # the axis that every tensor has: no other one may be called so
MOST_EXITS = 1000
MOST_ROW_BYTES = 1 << 30  # of a tensor, at the longest axes
MOST_FLOPS = 1 << 62
MOST_PIXELS = 1 << 14  # of the side to which images are scaled

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # of a file
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_manifest(manifest: Manifest, *, where: Path) -> None:
    """Refuse a manifest that no engine could run as written.

    Args:
        manifest: what was decoded or is about to be written.
        where: the bundle's folder, for the message.

    Raises:
        BundleError: naming the first thing that does not fit.
    """
    for check in (
        _check_names,
        _check_counts,
        _check_taus,
        _check_precision,
        _check_certificate,
        _check_inputs,
        _check_axes,
        _check_chain,
        _check_flops,
    ):
        if problem := check(manifest):
            raise BundleError(f"{where}: {problem}; export it again")


def _check_names(manifest: Manifest) -> str | None:
    """Names are those of files directly in the folder, so that no reader has to think about paths."""
    for name in (*manifest.files, *(segment.file for segment in manifest.segments)):
        if not FILE_NAME.fullmatch(name) or name in (MANIFEST_NAME, FOLDER):
            return f"the manifest names {name!r}; only plain names of files in the bundle are allowed"
    bad = next((name for name, file in manifest.files.items() if not _SHA256.fullmatch(file.sha256)), None)
    return None if bad is None else f"the manifest has no SHA-256 for {bad}"


def _check_counts(manifest: Manifest) -> str | None:
    exits = len(manifest.segments)
    if not exits:
        return "the manifest has no segments"
    if exits > MOST_EXITS:
        return f"the manifest has {exits} segments, at most {MOST_EXITS} are run"
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


def _check_certificate(manifest: Manifest) -> str | None:
    """Whether it still holds is another question, and no reason to refuse the bundle."""
    if manifest.certificate is None:
        return None
    return certificate_problem(manifest.certificate, len(manifest.segments))


def _check_inputs(manifest: Manifest) -> str | None:
    if not manifest.inputs:
        return "the manifest has no inputs"
    names = [input.tensor.name for input in manifest.inputs]
    if len(set(names)) != len(names):
        return f"two of the inputs {', '.join(map(repr, names))} have one name"
    problems = (_input_problem(input, manifest.axes) for input in manifest.inputs)
    return next((problem for problem in problems if problem), None)


def _check_axes(manifest: Manifest) -> str | None:
    known = {size for input in manifest.inputs for size in input.tensor.shape if isinstance(size, str)}
    for name, axis in manifest.axes.items():
        if not (name.isidentifier() and name.isascii()) or name == BATCH:
            return f"the manifest has the dynamic axis {name!r}, which is not a name, or the batch's"
        if not 1 <= axis.min <= axis.max:
            return f"the dynamic axis {name!r} has sizes from {axis.min} to {axis.max}"
        if name not in known:
            return f"the dynamic axis {name!r} is in no input, so nothing says how long it is"
    return None


def _input_problem(input: Input, axes: dict[str, Axis]) -> str | None:
    if input.tensor.name in EXIT_OUTPUTS:
        return f"an input is called {input.tensor.name!r}, as an answer is"
    if input.tensor.shares is not None:
        return f"the input {input.tensor.name!r} shares memory; only carried tensors may"
    return _spec_problem(input.tensor, axes) or preprocess_problem(input)


def preprocess_problem(input: Input) -> str | None:
    """Return what is wrong with how pixels become that input; None where nothing is."""
    rule, shape = input.preprocess, [size for size in input.tensor.shape if isinstance(size, int)]
    if rule is None:
        return None
    if not len(shape) == len(input.tensor.shape) == 3 or input.tensor.dtype != "float32":
        return f"preprocessing makes float32 [C, H, W], the input is {_text(input.tensor)}"
    if not len(rule.mean) == len(rule.std) == shape[0]:
        return f"preprocessing has {len(rule.mean)} means and {len(rule.std)} stds for {shape[0]} channels"
    if not np.isfinite([*rule.mean, *rule.std]).all() or min(rule.std) <= 0:
        return "preprocessing has a mean or std that is not finite, or a std that is not positive"
    if rule.interpolation not in INTERPOLATIONS:
        return f"preprocessing has the interpolation {rule.interpolation!r}, known are {', '.join(INTERPOLATIONS)}"
    if rule.resize is not None and rule.resize > MOST_PIXELS:
        return f"preprocessing scales the shorter side to {rule.resize}, more than {MOST_PIXELS} pixels"
    if rule.resize is not None and rule.resize < max(shape[1:]):
        return f"preprocessing scales the shorter side to {rule.resize}, less than the input's {max(shape[1:])}"
    return None


def _check_chain(manifest: Manifest) -> str | None:
    known = {input.tensor.name: input.tensor for input in manifest.inputs}
    for number, segment in enumerate(manifest.segments):
        if problem := _inputs_problem(segment, known) or _carried_problem(segment, known, manifest.axes):
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
        if spec.shares is not None:
            return f"reads {spec.name!r}, which {spec.shares!r} overwrites"
    return None


def _carried_problem(segment: Segment, known: dict[str, TensorSpec], axes: dict[str, Axis]) -> str | None:
    made: dict[str, TensorSpec] = {}
    for spec in segment.carried:
        if any(spec.name in taken for taken in (known, EXIT_OUTPUTS, made)):
            return f"carries {spec.name!r}, a name that is taken"
        if problem := _spec_problem(spec, axes):
            return f"carries {problem}"
        if spec.shares is not None and not _can_share(spec, made.get(spec.shares)):
            return f"carries {_text(spec)}, which has nothing like it to share memory with"
        made[spec.name] = spec
    return None


def _can_share(spec: TensorSpec, owner: TensorSpec | None) -> bool:
    """Whether a tensor may lie in the memory of ``owner``: made before it, alike, and in memory of its own."""
    return owner is not None and owner.shares is None and (owner.dtype, owner.shape) == (spec.dtype, spec.shape)


def _spec_problem(spec: TensorSpec, axes: dict[str, Axis]) -> str | None:
    if not spec.name or spec.dtype not in DTYPE_BYTES:
        return f"a tensor without a usable name or dtype, {_text(spec)}"
    if any(isinstance(size, int) and size < 1 for size in spec.shape):
        return f"an empty tensor, {_text(spec)}"
    unknown = next((size for size in spec.shape if isinstance(size, str) and size not in axes), None)
    if unknown is not None:
        return f"a tensor with the axis {unknown!r}, which has no bounds, {_text(spec)}"
    if bytes_per_sample(spec, axes) > MOST_ROW_BYTES:
        return f"a tensor of more than {MOST_ROW_BYTES} bytes per row, {_text(spec)}"
    return None


def _check_flops(manifest: Manifest) -> str | None:
    total = 0
    for number, segment in enumerate(manifest.segments):
        total += segment.flops
        if segment.flops < 0 or segment.cumulative_flops != total:
            return f"segment {number} has {segment.cumulative_flops} cumulative FLOPs where its parts sum to {total}"
    if not 0 <= manifest.flops.static <= MOST_FLOPS or total > MOST_FLOPS:
        return f"the network has {manifest.flops.static} FLOPs and its segments {total}, outside [0, {MOST_FLOPS}]"
    return None


def _text(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.dtype} [batch{''.join(f', {size}' for size in spec.shape)}]"
