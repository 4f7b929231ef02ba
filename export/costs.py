"""What leaving at each exit costs, and what the network without its early exits does."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Flops, Segment
from eeinfer.errors import ExportError
from eeinfer.export.graph.causes import explained
from eeinfer.export.graph.cut import SegmentGraph
from eeinfer.export.graph.index import tensor_spec
from eeinfer.export.model.inputs import Inputs
from eeinfer.export.model.outputs import split_outputs
from eeinfer.training.flops import CONVENTION, FlopCount, cumulative_flops


class _Exits(nn.Module):
    """The exits' logits, or the last exit's alone: what counting needs to see."""

    def __init__(self, model: nn.Module, inputs: Inputs, *, only_last: bool) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs
        self.only_last = only_last

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        logits, scores = split_outputs(self.inputs.call(self.model, tensors))
        exits = (
            [*logits]
            if scores is None
            else [torch.cat([a, s[:, None]], 1) for a, s in zip(logits, scores, strict=True)]
        )
        return tuple(exits[-1:] if self.only_last else exits)


class Backbone(nn.Module):
    """A network called as the model with exits is, whatever it returns."""

    def __init__(self, network: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return its logits."""
        returned = self.inputs.call(self.network, tensors)
        return returned if isinstance(returned, Tensor) else split_outputs(returned)[0][-1]


def count(
    model: nn.Module, inputs: Inputs, parts: Sequence[SegmentGraph], modules: Sequence[str] | None
) -> tuple[tuple[Segment, ...], dict[str, int]]:
    """Describe every segment with its cost for one row of the example, and name operators without a rule.

    Raises:
        ExportError: `modules` does not name each exit, or two exits cost the same.
    """
    if modules is not None and len(modules) != len(parts):
        raise ExportError(f"modules names {len(modules)} exits, the model has {len(parts)}; name each exit once")
    found = _counted(_Exits(model, inputs, only_last=False), inputs)
    _require_rising(found)
    segments = tuple(
        Segment(
            file=f"segment_{k:02d}.onnx",
            inputs=tuple(tensor_spec(value) for value in part.model.graph.input),
            carried=tuple(tensor_spec(value) for value in part.model.graph.output[len(EXIT_OUTPUTS) :]),
            module=modules[k] if modules is not None else part.module,
            flops=total - (found.cumulative[k - 1] if k else 0),
            cumulative_flops=total,
        )
        for k, (part, total) in enumerate(zip(parts, found.cumulative, strict=True))
    )
    return segments, found.uncounted


def _require_rising(found: FlopCount) -> None:
    """Where everything is counted, no exit may cost what the one before it does."""
    equal = next((k for k in range(1, len(found.cumulative)) if found.cumulative[k] <= found.cumulative[k - 1]), None)
    if equal is not None and not found.uncounted:
        raise ExportError(
            f"exit {equal} costs no more FLOPs than exit {equal - 1}: one tensor holds the logits of both; return "
            "every exit's logits from what its own block gave"
        )


def static_flops(model: nn.Module, inputs: Inputs, static: nn.Module | int | None, uncounted: dict[str, int]) -> Flops:
    """Count the network without early exits.

    Args:
        model: the one with exits, whose last exit stands for it where nothing better is known.
        inputs: what it reads.
        static: the network alone, called as the model is, or its cost.
        uncounted: operators without a rule, of the whole.
    """
    if isinstance(static, int):
        number = static
    elif static is None:
        number = _counted(_Exits(model, inputs, only_last=True), inputs).cumulative[-1]
    else:
        number = _counted(Backbone(static, inputs), inputs).cumulative[-1]
    return Flops(convention=CONVENTION, static=number, uncounted=uncounted)


def _counted(model: nn.Module, inputs: Inputs) -> FlopCount:
    try:
        with torch.compiler.set_stance("force_eager"):
            return cumulative_flops(model, tuple(example.clone() for example in inputs.example.values()))
    except Exception as error:  # tracing raises whatever the model raises
        raise ExportError(f"the model's FLOPs cannot be counted: {explained(error)}") from error
