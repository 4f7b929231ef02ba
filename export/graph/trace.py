"""A model with exits as one ONNX graph: inputs keep their names, exits are ``logits_KK, score_KK, prediction_KK``."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from eeinfer.bundle.manifest import MODEL_NAME, WEIGHTS_NAME
from eeinfer.errors import EeinferError, ExportError
from eeinfer.export.graph.causes import explained
from eeinfer.export.graph.index import BATCH
from eeinfer.export.graph.scores import Score, score_function
from eeinfer.export.graph.untie import untie
from eeinfer.export.model.inputs import Inputs
from eeinfer.export.model.outputs import as_pairs, check_exits, split_outputs

OPSET = 20
OWN = "own"  # the name of scores that the model computes itself
MODULE_KEY = "module"  # the one metadata entry a node keeps: the module it came from
_HALVES = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}


class ScoredExits(nn.Module):
    """Give every exit of `model` its logits [B, K], score [B] and prediction [B].

    An exit of one logit becomes one of two classes (`as_pairs`). `inputs` says how `model` takes several tensors.
    """

    def __init__(self, model: nn.Module, score: str, inputs: Inputs | None = None) -> None:
        super().__init__()
        self.model = model
        self.asked = score
        self.score: Score | None = None if score == OWN else score_function(score)
        self.inputs = inputs

    def forward(self, input: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        """Return three tensors per exit, exits in order."""
        tensors = (input, *more)
        returned = self.model(*tensors) if self.inputs is None else self.inputs.call(self.model, tensors)
        single, scores = split_outputs(returned)
        check_exits(single, scores)
        logits = as_pairs(single)
        if scores is None and self.score is None:
            raise ExportError("scores='own' needs a model that returns a mapping with 'logits' and 'scores'")
        if scores is not None and self.score is not None:
            raise ExportError(
                f"the model returns scores of its own, but scores={self.asked!r} was asked for; ask for scores='own' "
                "or return the logits alone"
            )
        judged = scores if self.score is None else [self.score(exit_logits) for exit_logits in logits]
        assert judged is not None, "one of the two errors above"
        return tuple(
            tensor
            for exit_logits, score in zip(logits, judged, strict=True)
            for tensor in (exit_logits.float(), score.float(), exit_logits.argmax(dim=-1))
        )


def run_eagerly(scored: ScoredExits, tensors: Sequence[Tensor], what: str, hint: str) -> tuple[Tensor, ...]:
    """Run the model on copies of `tensors`, parts that torch.compile made as plain Python.

    Raises:
        ExportError: it fails on `what`, with PyTorch's deepest cause; `hint` says what to do.
    """
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            outputs: tuple[Tensor, ...] = scored(*(tensor.clone() for tensor in tensors))
    except EeinferError:
        raise
    except Exception as error:  # whatever the model raises
        shapes = ", ".join(f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}" for t in tensors)
        cause, name = explained(error).partition(";")[0], type(scored.model).__name__
        raise ExportError(f"{name} does not run on {what}, {shapes} ({cause}); {hint}") from error
    for position, output in enumerate(outputs):
        if len(output) != len(tensors[0]):
            raise ExportError(
                f"exit {position // 3} answers {len(tensors[0])} rows with a tensor of shape {tuple(output.shape)}; "
                "every exit must return one answer per row, the batch on axis 0"
            )
    return outputs


def export_graph(scored: ScoredExits, inputs: Inputs, folder: Path) -> onnx.ModelProto:
    """Write ``model.onnx`` and ``weights.bin`` into `folder` and return the graph without its weights.

    Args:
        scored: the model with its scores, in eval mode.
        inputs: what it reads; whatever is not dynamic there, the batch excepted, is fixed in the graph.
        folder: an existing folder.

    Raises:
        ExportError: the model does not run on the example or cannot be traced with a free batch size.
    """
    # A batch of one would be taken for a constant.
    pair = [torch.cat([example, example]) for example in inputs.example.values()]
    hint = "give an example [B, ...] as forward takes it, the batch first"
    num_exits = len(run_eagerly(scored, pair, "two rows of the example", hint)) // 3
    program = _trace(scored, inputs, pair, num_exits)
    import onnx_ir

    onnx_ir.save(program.model, folder / MODEL_NAME, external_data=WEIGHTS_NAME)
    proto = onnx.load(folder / MODEL_NAME, load_external_data=False)
    _tidy(proto)
    _require_free(proto, inputs, type(scored.model).__name__)
    _refuse_halves(proto)
    proto = untie(proto)
    onnx.save(proto, folder / MODEL_NAME)
    return proto


def output_names(exit: int) -> tuple[str, str, str]:
    """The names of an exit's outputs in model.onnx."""
    return f"logits_{exit:02d}", f"score_{exit:02d}", f"prediction_{exit:02d}"


def _trace(scored: ScoredExits, inputs: Inputs, pair: Sequence[Tensor], num_exits: int) -> Any:
    names = [name for k in range(num_exits) for name in output_names(k)]
    first, *more = _dynamic_shapes(inputs)
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                scored,
                tuple(tensor.clone() for tensor in pair),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs.names),
                output_names=names,
                dynamic_shapes=(first, tuple(more)) if more else (first,),
            )
    except ExportError:
        raise
    except Exception as error:  # the exporter raises whatever its passes raise
        raise ExportError(
            f"torch cannot export {type(scored.model).__name__} with a free batch size: {explained(error)}"
        ) from error
    if program is None:
        raise ExportError(f"torch returned no ONNX program for {type(scored.model).__name__}; export it on one process")
    return program


def _dynamic_shapes(inputs: Inputs) -> list[dict[int, Any]]:
    """The batch and the dynamic axes of every input; axes of one name are one size."""
    batch = torch.export.Dim(BATCH)
    axes = {name: torch.export.Dim(name, min=low, max=high) for name, (low, high) in inputs.axes.items()}
    return [
        {0: batch, **{at: axes[axis] for at, axis in inputs.dynamic.get(name, {}).items()}} for name in inputs.names
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter narrates on stdout, prints graphs that failed on stderr and warns of its own internals."""
    level, nowhere = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _require_free(proto: onnx.ModelProto, inputs: Inputs, name: str) -> None:
    """Refuse a graph in which an axis that should be free is a number: PyTorch may fix one without a word."""
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        for at, axis in {0: BATCH, **inputs.dynamic.get(value.name, {})}.items():
            if dims[at].dim_param != axis:
                raise ExportError(
                    f"torch cannot export {name} with a free {axis} size: axis {at} of {value.name!r} became "
                    f"{dims[at].dim_param or dims[at].dim_value}; read sizes as x.shape[{at}] instead of len(x) or "
                    "int(...), and let forward work for any"
                )


def _refuse_halves(proto: onnx.ModelProto) -> None:
    made = {name: node for node in proto.graph.node for name in node.output}
    for value in proto.graph.value_info:
        dtype = _HALVES.get(value.type.tensor_type.elem_type)
        if dtype is not None and value.name in made:
            place = next((entry.value for entry in made[value.name].metadata_props), "") or "the model"
            raise ExportError(
                f"{place} computes in {dtype}, though the weights are float32; take autocast and casts to it out of "
                "forward, and choose the precision with eeinfer export --precision"
            )


def _tidy(proto: onnx.ModelProto) -> None:
    """Drop what the exporter notes about the machine it ran on; keep each node's module path."""
    del proto.metadata_props[:]
    proto.doc_string = ""
    proto.producer_name, proto.producer_version = "eeinfer", ""
    graph = proto.graph
    for node in graph.node:
        module = _module(node)
        del node.metadata_props[:]
        node.doc_string = ""
        if module:
            node.metadata_props.add(key=MODULE_KEY, value=module)
    for entry in (*graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del entry.metadata_props[:]
        entry.doc_string = ""
    graph.doc_string, graph.name = "", "model"
    del graph.metadata_props[:]


def _module(node: onnx.NodeProto) -> str:
    """The dotted path of the module a node came from: the exporter's innermost scope but one, which is the operator."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            scopes = [scope.strip(" '\"") for scope in entry.value.strip("[]").split(",")]
            scope = scopes[-2] if len(scopes) > 1 else ""
            return "" if scope == "model" else scope.removeprefix("model.")
    return ""
