"""Whether every exit is worth its cut: a row that leaves must spare what the exits behind it cost."""

import math
from collections.abc import Iterable

import onnx

from eeinfer.errors import ExportError
from eeinfer.export.graph.index import HEAVY, GraphIndex, module_of

_MOVES = {"Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Shape", "Slice", "Split"}
_MOVES |= {"Squeeze", "Transpose", "Unsqueeze", "Constant", "ConstantOfShape"}
_LEAST_SPARED = 1e-3  # of what an exit costs, by leaving at the one before
_REVERSED = 10  # times what an exit adds: the one before needs so much for itself alone
_MOST_OF_IT = 0.5  # of what an exit costs: more than a head, however large


def check_order(model: onnx.ModelProto, num_exits: int) -> None:
    """Refuse exits that are tied together, or that are not in the order in which they are computed.

    Costs are those of logits, in multiply-adds of one row: two exits of one cost would make a cut that saves nothing.

    Args:
        model: outputs as `eeinfer.export.graph.trace.export_graph` makes them.
        num_exits: how many exits it has.

    Raises:
        ExportError: naming the node that ties two exits, or the exit that comes too early.
    """
    index = GraphIndex(model.graph)
    needs = [index.ancestors([f"logits_{k:02d}"]) for k in range(num_exits)]
    for k in range(1, num_exits):
        before, now = needs[k - 1], needs[k]
        alone, added, total = (_cost(index, nodes) for nodes in (before - now, now - before, now))
        light = not any(index.graph.node[i].op_type in HEAVY for i in now - before)
        if added == 0 or (light and added <= alone):
            raise ExportError(_tied(index, k, before & now))
        # A large head behind the last block needs more for itself, too, but its work is nobody else's.
        others = set().union(*(need for j, need in enumerate(needs) if j not in (k - 1, k)))
        is_trunk = any(index.graph.node[i].op_type in HEAVY for i in (before - now) & others)
        spares = added >= _LEAST_SPARED * total or (k + 1 == num_exits and num_exits > 2)
        if added * _REVERSED < alone and (is_trunk or alone > _MOST_OF_IT * _cost(index, before) or not spares):
            raise ExportError(_reversed(index, k, before - now))
        if not spares:
            raise ExportError(_tied(index, k, before & now))


def _tied(index: GraphIndex, k: int, common: set[int]) -> str:
    node = index.graph.node[_tie(index, common)] if common else onnx.NodeProto(op_type="input")
    return (
        f"leaving at exit {k - 1} would spare next to nothing of what exit {k} costs: both wait for the {node.op_type} "
        f"{node.name!r} in {_place(node)}; return every exit's logits from what its own block gave, in the order in "
        "which the blocks run"
    )


def _reversed(index: GraphIndex, k: int, alone: set[int]) -> str:
    heavy = [i for i in alone if index.graph.node[i].op_type in HEAVY]
    node = index.graph.node[max(heavy or alone)]
    return (
        f"exit {k} is computed on the way to exit {k - 1}, which needs the {node.op_type} {node.name!r} in "
        f"{_place(node)} besides; return the exits in the order in which they are computed, the network's own last"
    )


def _place(node: onnx.NodeProto) -> str:
    return f"module {module!r}" if (module := module_of(node)) else "the model's own forward"


def _tie(index: GraphIndex, common: set[int]) -> int:
    """Return the last node of both that brings several computed values together; else the last node of both."""
    made = {name for i in index.varies for name in index.graph.node[i].output}
    for i in sorted(common, reverse=True):
        if len(made.intersection(index.graph.node[i].input)) > 1:
            return i
    return max(common)


def _cost(index: GraphIndex, nodes: Iterable[int]) -> int:
    return sum(_multiply_adds(index, index.graph.node[i]) for i in nodes if i in index.varies)


def _multiply_adds(index: GraphIndex, node: onnx.NodeProto) -> int:
    """Estimate what a node costs a row; one per number of its output where no rule is known."""
    size = _elements(index, node.output[0])
    if node.op_type in _MOVES:
        return 0
    if node.op_type in ("Conv", "ConvTranspose") and node.input[1] in index.initializers:
        base = size if node.op_type == "Conv" else _elements(index, node.input[0])
        return base * _product(index.initializers[node.input[1]].dims[1:])
    if node.op_type in HEAVY:
        return size * _product((index.shape(node.input[0]) or (1,))[-1:])
    return size


def _elements(index: GraphIndex, name: str) -> int:
    return _product(index.shape(name) or ())


def _product(sizes: Iterable[int | str | None]) -> int:
    return math.prod(size for size in sizes if isinstance(size, int))
