"""Analytic cost of every exit, counted on one trace by fvcore's rules and ours for what fvcore leaves out.

One multiply-add counts as one. Convolutions, linear layers, matrix products, norms and interpolation follow
fvcore; element-wise arithmetic costs its output size, softmax twice that, reductions and pooling their input
size, attention both products, the scaling and the softmax; ReLU and what only moves data cost nothing
(the counter of "Joint or Disjoint", METHODS of the paper's code).
"""

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from eeinfer.training.stacks import untied

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # fvcore scripts a loss function as it is imported
    from fvcore.nn import jit_handles

CONVENTION = "fvcore rules plus element-wise, softmax, pooling and attention; 1 multiply-add = 1 FLOP"

Handle = Callable[[list[Any], list[Any]], Any]


@dataclass(frozen=True, kw_only=True)
class FlopCount:
    """What leaving at each output costs, for one sample."""

    cumulative: tuple[int, ...]  # entry k: everything that outputs 0..k need
    uncounted: dict[str, int] = field(default_factory=dict)  # operator -> occurrences without a rule


def cumulative_flops(model: nn.Module, example: torch.Tensor | tuple[torch.Tensor, ...]) -> FlopCount:
    """Count the operations that outputs 0..k of `model` need, for every k.

    Args:
        model: its forward returns a sequence of tensors, the exits in order.
        example: an input, or a tuple of as many as forward takes; only their first rows are used.
    """
    inputs = (example,) if isinstance(example, torch.Tensor) else example
    graph = _trace(model, tuple(tensor[:1] for tensor in inputs))
    seen: set[str] = set()
    cost, cumulative, uncounted = 0, [], Counter[str]()
    for output in _leaves(graph.return_node()):
        for node in _unseen_ancestors(output, seen):
            cost += _node_cost(node, uncounted)
        cumulative.append(cost)
    return FlopCount(cumulative=tuple(cumulative), uncounted=dict(sorted(uncounted.items())))


class _Tuple(nn.Module):
    """A model whose outputs are a plain tuple, which is all a trace may return."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs = self.model(*inputs)
        return tuple(outputs) if isinstance(outputs, Sequence) else (outputs,)


def _trace(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    """Trace as fvcore does: weights become inputs of the graph and so carry the shapes that the rules read."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad(), _plain_attention():
            warnings.simplefilter("ignore")  # tracing warns of every Python branch, and of its own age
            trace = vars(torch.jit)["_get_trace_graph"]  # without a public twin
            return trace(_Tuple(model), inputs)[0]
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Keep nn.MultiheadAttention off its fused kernel, which a counter cannot look into."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _leaves(return_node: Any) -> Iterator[Any]:
    for value in return_node.inputs():
        if value.node().kind() == "prim::TupleConstruct":
            yield from value.node().inputs()
        else:
            yield value


def _unseen_ancestors(output: Any, seen: set[str]) -> Iterator[Any]:
    """Nodes that `output` needs and no earlier output needed; values are known by their unique names."""
    stack = [output]
    while stack:
        value = untied(stack.pop())
        if value.debugName() in seen:
            continue
        node = value.node()
        seen.update(sibling.debugName() for sibling in node.outputs())
        stack.extend(node.inputs())
        if node.kind() != "prim::Param":
            yield node


def _node_cost(node: Any, uncounted: Counter[str]) -> int:
    kind = node.kind()
    kind = kind if kind.endswith("__") else kind.removesuffix("_")  # in place, but for names such as __and__
    if not kind.startswith("aten::") or kind in FREE:
        return 0
    handle = HANDLES.get(kind)
    if handle is None:
        uncounted[kind.removeprefix("aten::")] += 1
        return 0
    counted = handle(list(node.inputs()), list(node.outputs()))
    return int(sum(counted.values()) if isinstance(counted, dict) else counted)


def _elements(value: Any) -> int:
    """Size of a floating-point tensor; arithmetic on sizes and indices is not counted."""
    if not value.isCompleteTensor() or value.type().scalarType() in ("Int", "Long", "Bool"):
        return 0
    return int(torch.Size(value.type().sizes()).numel())


def _per_output(factor: int) -> Handle:
    return lambda _, outputs: factor * _elements(outputs[0])


def _per_input(inputs: list[Any], _: list[Any]) -> int:
    return _elements(inputs[0])


def _attention(inputs: list[Any], _: list[Any]) -> int:
    query, key, value = (tuple(tensor.type().sizes()) for tensor in inputs[:3])
    *batch, targets, width = query
    pairs = int(torch.Size(batch).numel()) * targets * key[-2]
    return int(pairs * (width + value[-1]) + 3 * pairs)  # two products; scaling once, softmax twice the scores


def _added_product(inputs: list[Any], outputs: list[Any]) -> int:
    inner: int = inputs[1].type().sizes()[-1]
    return _elements(outputs[0]) * inner


def _aten(names: str) -> list[str]:
    return [f"aten::{name}" for name in names.split()]


HANDLES: dict[str, Handle] = {
    "aten::_convolution": jit_handles.conv_flop_jit,
    "aten::linear": jit_handles.linear_flop_jit,
    "aten::addmm": jit_handles.addmm_flop_jit,
    "aten::matmul": jit_handles.matmul_flop_jit,
    "aten::mm": jit_handles.matmul_flop_jit,
    "aten::bmm": jit_handles.bmm_flop_jit,
    "aten::baddbmm": _added_product,
    "aten::einsum": jit_handles.einsum_flop_jit,
    "aten::batch_norm": jit_handles.batchnorm_flop_jit,
    "aten::group_norm": jit_handles.norm_flop_counter(2),
    "aten::layer_norm": jit_handles.norm_flop_counter(2),
    "aten::instance_norm": jit_handles.norm_flop_counter(1),
    "aten::upsample_nearest2d": jit_handles.elementwise_flop_counter(0, 1),
    "aten::upsample_bilinear2d": jit_handles.elementwise_flop_counter(0, 4),
    "aten::upsample_bicubic2d": jit_handles.elementwise_flop_counter(0, 16),
    "aten::scaled_dot_product_attention": _attention,
    **dict.fromkeys(_aten("softmax log_softmax"), _per_output(2)),
    **dict.fromkeys(
        _aten(
            "adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d max_pool2d avg_pool1d avg_pool3d "
            "mean sum amax amin max min argmax norm linalg_vector_norm var std"
        ),
        _per_input,
    ),
    **dict.fromkeys(
        _aten(
            "add sub rsub mul div addcmul exp log sqrt rsqrt pow gelu silu mish elu sigmoid tanh "
            "hardsigmoid hardswish softplus neg abs clamp maximum minimum cumsum"
        ),
        _per_output(1),
    ),
}

FREE = frozenset(
    _aten(
        "relu relu6 leaky_relu hardtanh clamp_min dropout feature_dropout flatten unflatten reshape view view_as "
        "reshape_as permute transpose t contiguous chunk split split_with_sizes unbind select slice index index_select "
        "gather cat stack squeeze unsqueeze expand expand_as repeat narrow clone detach to type_as size Int "
        "ScalarImplicit pad constant_pad_nd roll zeros ones zeros_like ones_like full arange pixel_shuffle "
        "channel_shuffle alias copy floor_divide remainder eq ne lt le gt ge __and__ __or__ logical_not where "
        "masked_fill new_zeros new_ones lift_fresh resolve_conj movedim swapaxes broadcast_tensors meshgrid im2col "
        "unfold embedding"
    )
)
