"""Finding the static network in the exported graph, where the last exit is more than that."""

from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import MODEL_NAME
from eeinfer.export.costs import Backbone
from eeinfer.export.graph.index import GraphIndex, extract, module_of
from eeinfer.export.graph.static import are_logits, note_static, static_network
from eeinfer.export.model.borrowed import unwrapped
from eeinfer.export.model.draws import Draws

_TRIED = 3  # batches


def record_static(
    folder: Path,
    model: onnx.ModelProto,
    module: nn.Module,
    static: nn.Module | int | None,
    draws: Draws,
    tolerance: float,
) -> bool:
    """Note in model.onnx where the logits of the network without early exits are, if the last exit needs more than it.

    Args:
        folder: where model.onnx and its weights lie.
        model: the same graph.
        module: what it was made from.
        static: the network without early exits, if it is known; noted only if it is a part of `module`.
        draws: what to compare the graph with it on.
        tolerance: largest absolute error of a logit (relative to the largest beyond 1).

    Returns:
        Whether it was noted.
    """
    if not isinstance(static, nn.Module):
        return False
    network, exits = unwrapped(static), len(model.graph.output) // len(EXIT_OUTPUTS)
    value = _last_value(model, _place(module, network), f"logits_{exits - 1:02d}")
    if value is None:
        return False
    noted = onnx.ModelProto()
    noted.CopyFrom(model)
    note_static(noted, value)
    alone = static_network(noted, exits)
    last = extract(model, [f"{kind}_{exits - 1:02d}" for kind in EXIT_OUTPUTS])
    if len(alone.graph.node) == len(last.graph.node) or not _agrees(folder, alone, network, draws, tolerance):
        return False
    note_static(model, value)
    onnx.save(model, folder / MODEL_NAME)
    return True


def _place(module: nn.Module, part: nn.Module) -> str:
    """Return the dotted path of a part; nothing where it is none, or all."""
    return next((name for name, other in module.named_modules() if other is part), "")


def _last_value(model: onnx.ModelProto, place: str, logits: str) -> str | None:
    """Return what the last node of the module at `place` makes in the form of logits."""
    index = GraphIndex(model.graph)
    for node in reversed(model.graph.node) if place else ():
        if f"{module_of(node)}.".startswith(f"{place}.") and are_logits(index, node.output[0], logits):
            return str(node.output[0])
    return None


def _agrees(folder: Path, graph: onnx.ModelProto, network: nn.Module, draws: Draws, tolerance: float) -> bool:
    """Whether a graph, whose first output are logits, answers as the network in torch does."""
    path, alone = folder / ".static.onnx", Backbone(network, draws.inputs).eval()
    try:
        onnx.save(graph, path)
        session, _ = open_session(path, threads=1)
        for _, batch in islice(draws.batches(), _TRIED):
            with torch.no_grad():
                wanted = alone(*(torch.from_numpy(array) for array in batch.values())).numpy()
            error = np.abs(session.run([graph.graph.output[0].name], batch)[0] - wanted).max()
            if not error <= tolerance * max(1.0, float(np.abs(wanted).max())):
                return False
    finally:
        path.unlink(missing_ok=True)
    return True
