"""From a model with exits to a verified bundle."""

import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import (
    Flops,
    Input,
    Manifest,
    Preprocess,
    Segment,
)
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import ExportError
from eeinfer.export.graph.cut import SegmentGraph, cut
from eeinfer.export.graph.index import tensor_spec
from eeinfer.export.graph.trace import ScoredExits, export_graph, split_outputs
from eeinfer.export.reference import Chain
from eeinfer.export.tolerance import TOLERANCE
from eeinfer.export.verify import verify
from eeinfer.export.write import SUFFIX, new_folder
from eeinfer.progress import Progress, silent
from eeinfer.training.flops import CONVENTION, cumulative_flops


def export_bundle(
    model: nn.Module,
    example: Tensor,
    out: str | Path,
    *,
    scores: str = "max_softmax",
    classes: Sequence[str] | None = None,
    taus: float | Sequence[float] = 0.9,
    name: str | None = None,
    modules: Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    provenance: dict[str, Any] | None = None,
    real_inputs: NDArray[Any] | None = None,
    tolerance: float = TOLERANCE,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Cut `model` into one ONNX graph per exit, verify the cut and write the bundle.

    Args:
        model: any module whose forward returns one [B, K] logits tensor per exit, the last being the network's own
            classifier; or a mapping with ``logits`` and, for ``scores="own"``, ``scores`` ([B] each, in [0, 1]).
        example: an input [B, ...] float32; everything but the batch is fixed in the bundle.
        out: the bundle to write; ``.eeb`` is added where it is missing.
        scores: what exits are judged by: ``max_softmax``, ``margin``, ``entropy`` or ``own``.
        classes: K class names; numbers by default.
        taus: default threshold, one number or one per exit.
        name: what the bundle calls itself; its file name by default.
        modules: where each exit sits in the network, for people; found in the graph by default.
        preprocess: how an 8-bit image becomes the input; None if callers prepare tensors.
        provenance: JSON-able facts on how the model came about; library versions are added.
        real_inputs: prepared inputs [N, ...] for the parity report beside random ones.
        tolerance: largest absolute error of a logit against torch (relative to the largest logit beyond 1).
        force: replace an existing bundle.
        progress: told the name of each step.

    Returns:
        The path of the bundle.

    Raises:
        ExportError: the model cannot be traced or cut, or the cut disagrees with it; nothing is left behind.
    """
    target = Path(out) if str(out).endswith(SUFFIX) else Path(f"{out}{SUFFIX}")
    model, example = model.cpu(), example[:1].detach().float().cpu()
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with new_folder(target, force=force) as folder:
            progress("tracing")
            scored = ScoredExits(model, scores).eval()
            proto = export_graph(scored, example, folder)
            progress("cutting")
            parts = cut(proto, len(proto.graph.output) // len(EXIT_OUTPUTS))
            progress("counting FLOPs")
            segments, flops = _segments(model, example, parts, modules)
            for segment, part in zip(segments, parts, strict=True):
                onnx.save(part.model, folder / segment.file)
            progress("verifying")
            parity = verify(scored, Chain(folder, segments), example, real=real_inputs, tolerance=tolerance)
            manifest = Manifest(
                name=name or target.stem,
                inputs=(Input(tensor=tensor_spec(proto.graph.input[0]), preprocess=preprocess),),
                classes=_classes(classes, proto),
                score=scores,
                taus=_taus(taus, len(segments)),
                segments=segments,
                flops=flops,
                parity=parity,
                provenance={**(provenance or {}), "export": _versions()},
                files={path.name: hash_file(path) for path in sorted(folder.iterdir())},
            )
            write_manifest(folder, manifest)
    finally:
        for module, mode in modes:
            module.training = mode
    return target


class _Costs(nn.Module):
    """The exits' logits, then the last exit's alone: what counting needs to see."""

    def __init__(self, model: nn.Module, *, only_last: bool) -> None:
        super().__init__()
        self.model = model
        self.only_last = only_last

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        logits, scores = split_outputs(self.model(x))
        exits = (
            [*logits]
            if scores is None
            else [torch.cat([a, s[:, None]], 1) for a, s in zip(logits, scores, strict=True)]
        )
        return tuple(exits[-1:] if self.only_last else exits)


def _segments(
    model: nn.Module, example: Tensor, parts: Sequence[SegmentGraph], modules: Sequence[str] | None
) -> tuple[tuple[Segment, ...], Flops]:
    count = cumulative_flops(_Costs(model, only_last=False), example)
    static = cumulative_flops(_Costs(model, only_last=True), example)
    if modules is not None and len(modules) != len(parts):
        raise ExportError(f"modules names {len(modules)} exits, the model has {len(parts)}; name each exit once")
    segments = tuple(
        Segment(
            file=f"segment_{k:02d}.onnx",
            inputs=tuple(tensor_spec(value) for value in part.model.graph.input),
            carried=tuple(tensor_spec(value) for value in part.model.graph.output[len(EXIT_OUTPUTS) :]),
            module=modules[k] if modules is not None else part.module,
            flops=total - (count.cumulative[k - 1] if k else 0),
            cumulative_flops=total,
        )
        for k, (part, total) in enumerate(zip(parts, count.cumulative, strict=True))
    )
    return segments, Flops(convention=CONVENTION, static=static.cumulative[0], uncounted=count.uncounted)


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
    packages = ("eeinfer", "torch", "onnx", "onnxscript", "onnxruntime", "fvcore", "numpy")
    return {"python": platform.python_version(), **{package: _version(package) for package in packages}}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
