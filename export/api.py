"""From a model with exits to a verified bundle."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from torch import nn

from eeinfer.bundle.checks import preprocess_problem
from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Axis, Input, Manifest, Preprocess
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import ExportError
from eeinfer.export.costs import count, static_flops
from eeinfer.export.graph.cut import SegmentGraph, cut
from eeinfer.export.graph.index import tensor_spec
from eeinfer.export.graph.order import check_order
from eeinfer.export.graph.tables import id_tables
from eeinfer.export.graph.trace import ScoredExits, export_graph
from eeinfer.export.model.borrowed import borrowed
from eeinfer.export.model.draws import Draws
from eeinfer.export.model.inputs import Dynamic, Example, read_inputs
from eeinfer.export.reference import Chain
from eeinfer.export.static import record_static
from eeinfer.export.tolerance import TOLERANCE
from eeinfer.export.verify import verify
from eeinfer.export.write import bundle_target, new_folder
from eeinfer.machine.versions import versions_of
from eeinfer.progress import Progress, silent

_PACKAGES = ("eeinfer", "torch", "onnx", "onnxscript", "onnxruntime", "fvcore", "numpy")


@dataclass(frozen=True, kw_only=True)
class _Exits:
    """What the caller says about the exits."""

    scores: str
    classes: Sequence[str] | None
    taus: float | Sequence[float]
    modules: Sequence[str] | None
    static: nn.Module | int | None


@dataclass(frozen=True, kw_only=True)
class _About:
    """What the caller says about the bundle."""

    name: str
    preprocess: Preprocess | None
    provenance: dict[str, Any] | None


def export_bundle(
    model: nn.Module,
    example: Example,
    out: str | Path,
    *,
    scores: str = "max_softmax",
    classes: Sequence[str] | None = None,
    taus: float | Sequence[float] = 0.9,
    name: str | None = None,
    modules: Sequence[str] | None = None,
    dynamic: Dynamic | None = None,
    static: nn.Module | int | None = None,
    preprocess: Preprocess | None = None,
    provenance: dict[str, Any] | None = None,
    real_inputs: Example | None = None,
    random_inputs: bool = True,
    tolerance: float = TOLERANCE,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Cut `model` into one ONNX graph per exit, verify the cut, write the bundle and return its path.

    Args:
        model: any module whose forward returns one [B, K] logits tensor per exit, the network's own last; or ``logits``
            and, for ``scores="own"``, ``scores`` ([B], in [0, 1]) by name. One logit z stands for two classes, 0 and z.
        example: an input [B, ...], a tuple of them in forward's order, or a mapping by forward's names; floats are read
            as float32, whole numbers and truth values as they are.
        out: the bundle to write; ``.eeb`` is added where it is missing.
        scores: what exits are judged by: ``max_softmax``, ``margin``, ``entropy`` or ``own``.
        classes: K class names; numbers by default.
        taus: default threshold, one number or one per exit.
        name: what the bundle calls itself; its file name by default.
        modules: where each exit sits in the network, for people; found in the graph by default.
        dynamic: axes that are not fixed beside the batch: ``{"input_ids": {1: ("length", 1, 512)}}``.
        static: the network without early exits, called as `model` is, or its FLOPs; by default the last exit's. Where
            it is a part of `model`, benchmarks time that part as the static network.
        preprocess: how an 8-bit image becomes the input; None if callers prepare tensors.
        provenance: JSON-able facts on how the model came about; library versions are added.
        real_inputs: prepared inputs [N, ...], in the form of `example`, for the comparison with torch.
        random_inputs: whether to compare on random inputs too; False where only real ones make sense.
        tolerance: largest absolute error of a logit against torch (relative to the largest logit beyond 1).
        force: replace an existing bundle.
        progress: told the name of each step.

    Raises:
        ExportError: the model cannot be traced or cut, or the cut disagrees with it; nothing is left behind.
    """
    target = bundle_target(out, force=force)
    exits = _Exits(scores=scores, classes=classes, taus=taus, modules=modules, static=static)
    about = _About(name=name or target.stem, preprocess=preprocess, provenance=provenance)
    with borrowed(model) as module, new_folder(target, force=force) as folder:
        inputs = read_inputs(module, example, dynamic)
        real = None if real_inputs is None else inputs.rows(real_inputs)
        draws = Draws(inputs=inputs, real=real, random=random_inputs)
        _write(folder, module, draws, exits, about, tolerance=tolerance, progress=progress)
    return target


def _write(
    folder: Path,
    module: nn.Module,
    draws: Draws,
    exits: _Exits,
    about: _About,
    *,
    tolerance: float,
    progress: Progress,
) -> None:
    inputs = draws.inputs
    _check_preprocess(about.preprocess, len(inputs.names))
    progress("tracing")
    scored = ScoredExits(module, exits.scores, inputs).eval()
    proto = export_graph(scored, inputs, folder)
    given = _inputs(proto, about.preprocess)
    progress("cutting")
    parts = _cut(proto)
    progress("counting FLOPs")
    segments, uncounted = count(module, inputs, parts, exits.modules)
    for segment, part in zip(segments, parts, strict=True):
        onnx.save(part.model, folder / segment.file)
    progress("verifying")
    draws = draws.within(id_tables(proto))
    parity = verify(scored, Chain(folder, segments), draws, tolerance=tolerance)
    flops = static_flops(module, inputs, exits.static, uncounted)
    record_static(folder, proto, module, exits.static, draws, tolerance)
    manifest = Manifest(
        name=about.name,
        inputs=given,
        axes={axis: Axis(min=low, max=high) for axis, (low, high) in inputs.axes.items()},
        classes=_classes(exits.classes, proto),
        score=exits.scores,
        taus=_taus(exits.taus, len(segments)),
        segments=segments,
        flops=flops,
        parity=parity,
        provenance={**(about.provenance or {}), "export": _versions()},
        files={path.name: hash_file(path) for path in sorted(folder.iterdir())},
    )
    write_manifest(folder, manifest)


def _check_preprocess(preprocess: Preprocess | None, inputs: int) -> None:
    if preprocess is not None and inputs > 1:
        raise ExportError("preprocess says how an image becomes the only input; the model has several: leave it out")


def _inputs(proto: onnx.ModelProto, preprocess: Preprocess | None) -> tuple[Input, ...]:
    """Refuse a way of preparing images that does not fit the input; means of 8-bit pixels are a common slip."""
    given = tuple(Input(tensor=tensor_spec(value), preprocess=preprocess) for value in proto.graph.input)
    if preprocess is None:
        return given
    if problem := preprocess_problem(given[0]):
        raise ExportError(f"{problem}: give a Preprocess that fits the model's input")
    if max(preprocess.mean) > 1:
        raise ExportError(
            f"preprocessing has a mean of {max(preprocess.mean):g}, and pixels are scaled to [0, 1] before it is taken "
            "off: divide means and deviations of 8-bit pixels by 255"
        )
    return given


def _cut(proto: onnx.ModelProto) -> list[SegmentGraph]:
    num_exits = len(proto.graph.output) // len(EXIT_OUTPUTS)
    check_order(proto, num_exits)
    return cut(proto, num_exits)


def _classes(classes: Sequence[str] | None, proto: onnx.ModelProto) -> tuple[str, ...]:
    number = proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    if classes is None:
        return tuple(str(c) for c in range(number))
    if len(classes) != number:
        raise ExportError(f"{len(classes)} class names were given for a model of {number} classes; name each once")
    return tuple(classes)


def _taus(taus: float | Sequence[float], num_exits: int) -> tuple[float, ...]:
    values = tuple(float(t) for t in ([taus] * num_exits if isinstance(taus, (int, float)) else taus))
    if len(values) != num_exits or not all(0 <= t <= 1 for t in values):
        raise ExportError(f"taus {taus!r} do not fit; give one number in [0, 1], or {num_exits} of them")
    return values


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **versions_of(_PACKAGES)}
