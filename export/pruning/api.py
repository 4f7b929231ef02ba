"""A bundle with fewer exits: its graph cut again without those that do not pay; nothing is trained."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.external_data_helper import convert_model_to_external_data

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import MODEL_NAME, WEIGHTS_NAME, Manifest, Segment, Shift
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import ConfigError, ExportError
from eeinfer.export.graph.cut import cut, rename
from eeinfer.export.graph.index import GraphIndex, assemble, extract
from eeinfer.export.graph.static import note_static, noted_static
from eeinfer.export.pruning.head_costs import dropped_flops
from eeinfer.export.reference import Chain
from eeinfer.export.write import bundle_target, described, new_folder
from eeinfer.progress import Progress, silent

_INSIDE_BYTES = 256  # of weights; larger ones go to weights.bin
_BATCHES = (1, 2, 7)
_CARRIED = "carried_"  # how the cut names what it hands on: nothing else may be called so
_LENGTHS = 3  # at most, of a dynamic axis in the comparison; more where its bounds ask for it


def prune(
    bundle: str | os.PathLike[str],
    keep: Sequence[int],
    out: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a bundle with some of the exits of another one, and return its path.

    Segments between two kept exits become one. A head that a kept exit reads stays in the graph. Thresholds of kept
    exits stay, and a certificate is dropped: other exits, other promises.

    Args:
        bundle: the .eeb folder.
        keep: numbers of the exits that stay, ascending; the last one is among them.
        out: the bundle to write; beside the first and with ``-pruned`` in its name by default.
        force: replace an existing bundle.
        progress: told the name of each step, and how well the two agree.

    Raises:
        BundleError: the bundle is missing or damaged.
        ConfigError: no such exits, all of them, or not the last one.
        ExportError: a kept exit answers otherwise than before; nothing is left behind.
    """
    source = Bundle.open(bundle)
    source.check_plain()
    kept = _checked(keep, len(source.manifest.segments))
    name = source.path.resolve().with_name(f"{source.path.resolve().stem}-pruned")
    target = bundle_target(name if out is None else out, force=force)
    with new_folder(target, force=force) as folder:
        progress(f"cutting the network at the exits {', '.join(map(str, kept))}")
        manifest = msgspec.structs.replace(_written(folder, source, kept), name=target.stem)
        write_manifest(folder, manifest)
        progress("comparing with the bundle that it was made from")
        error = _compared(source, folder, manifest, kept)
        progress("every kept exit answers bit for bit as before" if not error else f"max error of a logit {error:.1e}")
    return target


def _checked(keep: Sequence[int], exits: int) -> list[int]:
    kept = sorted(set(keep))
    if kept != list(keep) or not kept or kept[0] < 0 or kept[-1] != exits - 1:
        raise ConfigError(
            f"keep is {', '.join(map(str, keep)) or 'empty'}; give numbers of exits from 0 on, ascending, the last "
            f"one, {exits - 1}, among them"
        )
    if len(kept) == exits:
        raise ConfigError(f"all {exits} exits are kept; leave out those that do not pay")
    return kept


def _written(folder: Path, source: Bundle, kept: list[int]) -> Manifest:
    """Save the graph and its segments, and return the manifest that describes them."""
    model = _typed(onnx.load(source.model))
    exits = len(source.manifest.segments)
    pruned = without_exits(model, kept, exits)
    convert_model_to_external_data(pruned, location=WEIGHTS_NAME, size_threshold=_INSIDE_BYTES)
    onnx.save(pruned, folder / MODEL_NAME)
    manifest = _with_exits(source.manifest, kept, dropped_flops(model, kept, exits), source.fingerprint)
    parts = cut(pruned, len(kept))
    for segment, part in zip(manifest.segments, parts, strict=True):
        onnx.save(part.model, folder / segment.file)
    return described(manifest, parts, folder)


def _typed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the shape of every value, which our own exports note and others may not."""
    index = GraphIndex(model.graph)
    return model if index.producer.keys() <= index.types.keys() else onnx.shape_inference.infer_shapes(model)


def without_exits(model: onnx.ModelProto, kept: Sequence[int], exits: int) -> onnx.ModelProto:
    """Return the part of a model with ``exits`` exits that the ``kept`` ones need, these numbered from 0 on."""
    static = noted_static(model, exits)
    part = extract(model, [f"{kind}_{k:02d}" for k in kept for kind in EXIT_OUTPUTS])
    numbers = {k: f"{place:02d}" for place, k in enumerate(kept)}
    names = {
        f"{kind}_{k:02d}": f"{kind}_{numbers[k]}" if k in numbers else f"dropped_{kind}_{k:02d}"
        for k in range(exits)
        for kind in EXIT_OUTPUTS
    }
    names |= {name: f"was_{name}" for node in part.graph.node for name in node.output if name.startswith(_CARRIED)}
    nodes = [rename(node, names) for node in part.graph.node]
    values = [_renamed(value, names) for value in part.graph.output]
    for value in part.graph.value_info:
        value.name = names.get(value.name, value.name)
    made = assemble(part, nodes=nodes, inputs=list(part.graph.input), outputs=values)
    if static is not None and names.get(static, static) in GraphIndex(made.graph).producer:
        note_static(made, names.get(static, static))
    return made


def _renamed(value: onnx.ValueInfoProto, names: dict[str, str]) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = names.get(value.name, value.name)
    return copy


def _with_exits(manifest: Manifest, kept: list[int], dropped: list[int], fingerprint: str) -> Manifest:
    """Return the manifest of the kept exits; their files, inputs and what they carry are still the old ones."""
    segments, total = [], 0
    for place, k in enumerate(kept):
        flops = manifest.segments[k].cumulative_flops - dropped[place] - total
        total += flops
        old = manifest.segments[k]
        segments.append(
            Segment(
                file=f"segment_{place:02d}.onnx",
                inputs=old.inputs,
                carried=old.carried,
                module=old.module,
                flops=flops,
                cumulative_flops=total,
            )
        )
    parity = msgspec.structs.replace(manifest.parity, exits=tuple(manifest.parity.exits[k] for k in kept))
    return msgspec.structs.replace(
        manifest,
        segments=tuple(segments),
        taus=tuple(manifest.taus[k] for k in kept),
        parity=parity,
        shift=_shift(manifest.shift, kept),
        provenance={**manifest.provenance, "pruned": {"from": fingerprint, "kept": kept}},
    )


def _shift(shift: Shift | None, kept: list[int]) -> Shift | None:
    """What is known of single exits stays; how cascades moved is known of the old ones alone."""
    if shift is None:
        return None
    return msgspec.structs.replace(shift, exits=tuple(shift.exits[k] for k in kept), taus=())


def _compared(source: Bundle, folder: Path, manifest: Manifest, kept: list[int]) -> float:
    """Run both bundles' segments on the same rows and return the largest difference of a logit.

    Raises:
        ExportError: it is beyond the tolerance of the export, or a prediction differs.
    """
    before = Chain(source.path, source.manifest.segments)
    after = Chain(folder, manifest.segments)
    worst, allowed = 0.0, manifest.parity.tolerance
    for rows in _BATCHES:
        batch = _random_rows(source.manifest, rows)
        old, new = before(batch), after(batch)
        for exit, k in zip(new, kept, strict=True):
            error = _difference(exit["logits"], old[k]["logits"])
            if not error <= allowed * max(1.0, float(np.nanmax(np.abs(old[k]["logits"]), initial=0))):
                raise ExportError(
                    f"without the dropped exits, exit {k} of {source.path} answers otherwise, a logit by {error:.2g}; "
                    "keep them and report the bundle"
                )
            worst = max(worst, error)
    return worst


def _difference(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The largest; a row that has no answer, such as one whose mask is all zeros, has to have none in both."""
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return float(np.abs(np.where(same, 0, found - wanted)).max())


def _random_rows(manifest: Manifest, rows: int) -> dict[str, NDArray[np.generic]]:
    """Noise for what holds fractions; zeros and ones, which every embedding has, for what holds whole numbers."""
    draw, found = np.random.default_rng(rows), {}
    lengths = {name: min(max(axis.min, _LENGTHS), axis.max) for name, axis in manifest.axes.items()}
    for input in manifest.inputs:
        shape, dtype = (rows, *input.tensor.sizes(lengths)), np.dtype(input.tensor.dtype)
        whole = not np.issubdtype(dtype, np.floating)
        found[input.tensor.name] = (draw.integers(0, 2, shape) if whole else draw.standard_normal(shape)).astype(dtype)
    return found
