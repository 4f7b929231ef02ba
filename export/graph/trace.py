"""A model with exits as one ONNX graph with stable names: ``input`` and ``logits_KK, score_KK, prediction_KK``."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from eeinfer.bundle.manifest import MODEL_NAME, WEIGHTS_NAME
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import BATCH
from eeinfer.export.graph.scores import Score, score_function
from eeinfer.export.reference import INPUT

OPSET = 20
OWN = "own"  # the name of scores that the model computes itself
MODULE_KEY = "module"  # the one metadata entry a node keeps: the module it came from


class ScoredExits(nn.Module):
    """Give every exit of `model` its logits [B, K], score [B] and prediction [B]."""

    def __init__(self, model: nn.Module, score: str) -> None:
        super().__init__()
        self.model = model
        self.score: Score | None = None if score == OWN else score_function(score)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        """Return three tensors per exit, exits in order."""
        logits, scores = split_outputs(self.model(input))
        if scores is None:
            if self.score is None:
                raise ExportError("scores='own' needs a model that returns a mapping with 'logits' and 'scores'")
            scores = [self.score(exit_logits) for exit_logits in logits]
        _check(logits, scores)
        return tuple(
            tensor
            for exit_logits, score in zip(logits, scores, strict=True)
            for tensor in (exit_logits.float(), score.float(), exit_logits.argmax(dim=-1))
        )


def split_outputs(outputs: Any) -> tuple[Sequence[Tensor], Sequence[Tensor] | None]:
    """Read what a model with exits returns: logits per exit, and its own scores where it has them.

    Raises:
        ExportError: the outputs are neither a sequence of tensors nor a mapping with ``logits``.
    """
    if isinstance(outputs, Mapping) and "logits" in outputs:
        return outputs["logits"], outputs.get("scores")
    if isinstance(outputs, Sequence) and outputs and all(isinstance(entry, Tensor) for entry in outputs):
        return outputs, None
    raise ExportError(
        f"the model returns {type(outputs).__name__}; return a list with one [batch, classes] tensor per exit, "
        "or a mapping with 'logits' and 'scores'"
    )


def _check(logits: Sequence[Tensor], scores: Sequence[Tensor]) -> None:
    if len(scores) != len(logits):
        raise ExportError(f"the model returns {len(logits)} logits but {len(scores)} scores; return one score per exit")
    for k, (exit_logits, score) in enumerate(zip(logits, scores, strict=True)):
        if exit_logits.ndim != 2 or exit_logits.shape[1] != logits[-1].shape[1]:
            raise ExportError(
                f"exit {k} returns logits of shape {tuple(exit_logits.shape)}; "
                f"every exit must return [batch, {logits[-1].shape[-1]}], the shape of the last one"
            )
        if score.ndim != 1:
            raise ExportError(f"exit {k} returns a score of shape {tuple(score.shape)}; return [batch]")


def export_graph(scored: ScoredExits, example: Tensor, folder: Path) -> onnx.ModelProto:
    """Write ``model.onnx`` and ``weights.bin`` into `folder` and return the graph without its weights.

    Args:
        scored: the model with its scores, in eval mode.
        example: an input [B, ...]; its shape beyond the batch is fixed in the graph.
        folder: an existing folder.

    Raises:
        ExportError: the model cannot be traced with a free batch size.
    """
    pair = torch.cat([example, example])[:2]  # a batch of one would be taken for a constant
    with torch.no_grad():
        num_exits = len(scored(pair)) // 3
    program = _trace(scored, pair, num_exits)
    import onnx_ir

    onnx_ir.save(program.model, folder / MODEL_NAME, external_data=WEIGHTS_NAME)
    proto = onnx.load(folder / MODEL_NAME, load_external_data=False)
    _tidy(proto)
    onnx.save(proto, folder / MODEL_NAME)
    return proto


def output_names(exit: int) -> tuple[str, str, str]:
    """The names of an exit's outputs in model.onnx."""
    return f"logits_{exit:02d}", f"score_{exit:02d}", f"prediction_{exit:02d}"


def _trace(scored: ScoredExits, pair: Tensor, num_exits: int) -> Any:
    names = [name for k in range(num_exits) for name in output_names(k)]
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                scored,
                (pair,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=names,
                dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            )
    except ExportError:
        raise
    except Exception as error:  # the exporter raises whatever its passes raise
        raise ExportError(
            f"torch cannot export {type(scored.model).__name__} with a free batch size: {_first_line(error)}; "
            "see that forward neither branches on values nor fixes the batch size"
        ) from error
    if program is None:
        raise ExportError(f"torch returned no ONNX program for {type(scored.model).__name__}; export it on one process")
    return program


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)[:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter narrates on stdout and warns of its own internals; neither is for our users."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


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
            return (scopes[-2] if len(scopes) > 1 else "").removeprefix("model.").removeprefix("model")
    return ""
