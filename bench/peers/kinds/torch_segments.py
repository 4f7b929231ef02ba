"""A checkpoint's network in PyTorch, cut as the bundle is: segment k computes what exit k needs and no earlier one did.

The network with all its exits is traced once; its graph is cut by the rule of `eeinfer.export.graph.cut`. Parameters
are shared, tensors with the batch on axis 0 are handed on, and what is cheap or has no batch is computed again.
"""

import operator
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eeinfer.bench.workers.base import Setup, Unavailable, needs

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.fx import Graph, GraphModule, Node

FILE = "segments.pt"
ANSWERS = 3  # logits, score, prediction: what a segment returns before its state


def device(setup: Setup) -> Any:
    """Return PyTorch's device, after telling it how to compute there: as all others do, float32 as TF32 on a GPU.

    Raises:
        Unavailable: PyTorch does not find the GPU.
    """
    import torch

    found = torch.device(setup.device)
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise Unavailable(f"PyTorch {torch.__version__} finds no GPU: install a build for the driver's CUDA")
        torch.cuda.set_device(found)
        torch.set_float32_matmul_precision("high")
    return found


def prepare_segments(setup: Setup, folder: Path, *, scored: bool) -> None:
    """Trace and cut the checkpoint's network, and save its segments in ``folder``.

    Args:
        setup: names the checkpoint.
        folder: that of one peer.
        scored: let every segment return logits, score and prediction; otherwise logits alone.
    """
    needs("torch")
    needs("onnx")  # the scores live beside the exporter
    import torch

    from eeinfer.export.graph.trace import ScoredExits
    from eeinfer.training import load_checkpoint

    trained, place = load_checkpoint(str(setup.checkpoint)), device(setup)
    example = torch.zeros(2, *trained.input.tensor.sizes(), device=place)  # of one, the batch would be a constant
    model = ScoredExits(trained.model, trained.score).eval().to(place)
    parts = segments(model, example, answers=range(ANSWERS) if scored else range(1))
    folder.mkdir()
    torch.save(parts, folder / FILE)


def load_segments(folder: Path) -> "list[nn.Module]":
    """Load what `prepare_segments` saved: a file of our own in a folder of our own, so its code may run."""
    import torch

    parts: list[nn.Module] = torch.load(folder / FILE, weights_only=False)
    return [part.eval() for part in parts]


def segments(model: "nn.Module", example: "Tensor", *, answers: Sequence[int]) -> "list[GraphModule]":
    """Cut `model`, whose forward returns three tensors per exit.

    Args:
        model: in eval mode.
        example: [2, ...].
        answers: which of each exit's three tensors its segment returns.

    Returns:
        One module per exit. It takes the state as positional arguments - for the first segment the images - and
        returns its answers followed by the state for the next segment; rows may be removed from the state.
    """
    import torch
    from torch.fx import GraphModule

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        batch = ({0: torch.export.Dim("batch")},)
        traced = torch.export.export(model, (example,), dynamic_shapes=batch).module(check_guards=False)
    graph = _Graph(traced.graph, answers)
    parts = []
    for k in range(len(graph.ends)):
        part = graph.segment(k)
        _call_directly(part)
        parts.append(GraphModule(_flattened(part, traced), part).requires_grad_(False))
    return parts


class _Graph:
    """The traced graph, and which segment each node belongs to."""

    def __init__(self, graph: "Graph", answers: Sequence[int]) -> None:
        self.nodes = list(graph.nodes)
        outputs = _flat(next(node for node in self.nodes if node.op == "output").args[0])
        self.ends = [[outputs[k + a] for a in answers] for k in range(0, len(outputs), ANSWERS)]
        self.image = next(node for node in self.nodes if node.op == "placeholder")
        self.owned = list(self._owners())
        self.inputs = [self._received(own, ends) for own, ends in zip(self.owned, self.ends, strict=True)]
        self.first = {node: k for k, own in enumerate(self.owned) for node in own}

    def state(self, k: int) -> "list[Node]":
        """Tensors made before segment ``k`` that it or a later one reads, in order."""
        if k == 0:
            return [self.image]
        wanted = {node for received in self.inputs[k:] for node in received}
        return [n for n in self.nodes if n in wanted and (n is self.image or self.first[n] < k)]

    def segment(self, k: int) -> "Graph":
        """Build the graph of one segment."""
        from torch.fx import Graph

        graph, made = Graph(), {}
        for node in self.state(k):
            made[node] = graph.placeholder(node.name)
        anchor = next(iter(made.values()))

        def get(node: "Node") -> "Node":
            if node not in made:
                for source in node.all_input_nodes if not _is_batch_size(node) else ():
                    get(source)
                made[node] = (
                    graph.call_method("size", (anchor, 0))
                    if _is_batch_size(node)
                    else graph.node_copy(node, made.__getitem__)
                )
            return made[node]

        for node in self.nodes:  # in the order of the trace, each where it is needed
            if node in self.owned[k]:
                get(node)
        answers = [get(node) for node in self.ends[k]]
        following = self.state(k + 1) if k + 1 < len(self.ends) else []
        graph.output((*answers, *(get(node) for node in following)))
        return graph

    def _owners(self) -> "Iterable[set[Node]]":
        taken: set[Node] = {self.image}
        for ends in self.ends:
            own = _ancestors(ends) - taken
            taken |= own
            yield own

    def _received(self, own: "set[Node]", ends: "Iterable[Node]") -> "set[Node]":
        """Tensors from outside; what cannot be handed on is computed again from what can."""
        received: set[Node] = set()
        stack = [source for node in own if not _is_batch_size(node) for source in node.all_input_nodes]
        seen, stack = set(own), [*stack, *ends]
        while stack:
            node = stack.pop()
            if node in seen or _is_batch_size(node):
                continue
            seen.add(node)
            if node is self.image or _has_batch_rows(node):
                received.add(node)
            else:
                stack.extend(node.all_input_nodes)
        return received


def _ancestors(ends: "Iterable[Node]") -> "set[Node]":
    found: set[Node] = set()
    stack = list(ends)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.all_input_nodes)
    return found


def _is_batch_size(node: "Node") -> bool:
    import torch

    if node.target is not torch.ops.aten.sym_size.int or node.args[1] != 0:
        return False
    return _symbolic(node.meta.get("val"))


def _has_batch_rows(node: "Node") -> bool:
    import torch

    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.ndim > 0 and _is_batch(value.shape[0])


def _is_batch(size: Any) -> bool:
    """Whether a size is the batch itself and not a multiple of it."""
    return bool(_symbolic(size) and size.node.expr.is_Symbol)


def _symbolic(value: Any) -> bool:
    import torch

    return isinstance(value, torch.SymInt)


def _flat(values: Any) -> list[Any]:
    return [inner for value in values for inner in _flat(value)] if isinstance(values, (list, tuple)) else [values]


def _flattened(graph: "Graph", traced: "nn.Module") -> dict[str, Any]:
    """Give the tensors that a graph reads names without dots: every dot is another slow look-up in every call."""
    tensors = {}
    for node in graph.nodes:
        if node.op == "get_attr":
            owner, _, name = node.target.rpartition(".")
            flat = node.target.replace(".", "_")
            tensors[flat] = getattr(traced.get_submodule(owner), name)
            node.target = flat
    return tensors


def _call_directly(graph: "Graph") -> None:
    """Call operators as people's own code does: PyTorch's built-in functions are entered faster than its operators."""
    import torch

    for node in graph.nodes:
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            node.target = _direct(node.target) or node.target


def _direct(overload: Any) -> Callable[..., Any] | None:
    import torch

    name = overload.name().partition("::")[2]
    same: dict[str, Callable[..., Any]] = {
        "add.Tensor": operator.add,
        "mul.Tensor": operator.mul,
        "sub.Tensor": operator.sub,
        "div.Tensor": operator.truediv,
        "conv2d": torch.conv2d,
        "conv2d.padding": torch.conv2d,
        "batch_norm": torch.batch_norm,
        "relu": torch.relu,
        "relu_": torch.relu_,
        "linear": torch._C._nn.linear,
        "gelu": torch._C._nn.gelu,
        "silu_": torch._C._nn.silu_,
        "silu": torch._C._nn.silu,
        "layer_norm": torch.layer_norm,
        "softmax.int": torch.softmax,
        "amax": torch.amax,
        "argmax": torch.argmax,
        "flatten.using_ints": torch.flatten,
        "adaptive_avg_pool2d": torch._C._nn.adaptive_avg_pool2d,
        "max_pool2d": torch.max_pool2d,
        "scaled_dot_product_attention": torch._C._nn.scaled_dot_product_attention,
    }
    return same.get(name)
